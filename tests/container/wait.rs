//! `wait`

use crate::support::Sandbox;

#[test]
fn several_ends_in_order() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name one busybox sh -c 'sleep 0.3; exit 1'").ok();
    sandbox.run("run -d --name two busybox sh -c 'exit 2'").ok();
    sandbox.run("wait one two").ok().is("1\n2\n");
    sandbox.run("wait two").ok().is("2\n");
    sandbox.run("wait nothing").fails().code(125);
}

#[test]
fn a_container_that_goes_with_its_end_tells_its_code() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --rm --name web busybox sh -c 'sleep 0.5; exit 5'").ok();
    sandbox.run("wait web").ok().is("5\n");
    sandbox.run("ps -aq").ok().is("");
}

#[test]
fn until_it_runs() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name web busybox sleep 1000").ok();
    let waiting = sandbox.spawn("wait --condition running web");
    sandbox.run("start web").ok();
    waiting.finish().code(0);
    sandbox.run("rm -f -t 0 web").ok();
}

#[test]
fn an_end_counts_though_it_is_started_again_at_once() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name web busybox sleep 1000").ok();
    for _ in 0..5 {
        let waiting = sandbox.spawn("wait web");
        // So that it waits indeed.
        std::thread::sleep(std::time::Duration::from_millis(300));
        sandbox.run("restart -t 0 web").ok();
        waiting.finish().code(0).is("137\n");
    }
    sandbox.run("rm -f -t 0 web").ok();
}
