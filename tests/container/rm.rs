//! `rm`

use crate::support::Sandbox;

#[test]
fn a_running_container_is_refused() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    sandbox
        .run("rm web")
        .is("Error: cannot remove container [ID] as it is running - running or paused containers cannot be removed without force: container state improper\n")
        .code(2);
    sandbox.run_as("docker", "rm web").has("container is running: stop the container before removing or force remove");
    sandbox.run("rm -f -t 0 web").ok().is("web\n");
    sandbox.run("ps -aq").ok().is("");
}

#[test]
fn what_is_not_there() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("rm nothing").code(1).has("no container with name or ID \"nothing\" found: no such container");
    sandbox.run("rm -i nothing").ok().is("");
    sandbox.run("rm -t 0 -f -a").ok().is("");
}

#[test]
fn several_by_name_filter_and_file() {
    let sandbox = Sandbox::with_busybox();
    for name in ["a", "b", "c", "d"] {
        sandbox.args(&["create", "--name", name, "--label", &format!("is={name}"), "busybox"]).ok();
    }
    sandbox.run("rm --filter label=is=a").ok().is("[ID]\n");
    sandbox.run("rm -l").ok();
    sandbox.run("ps -a --format {{.Names}}").ok().is("b\nc\n");
    let id = sandbox.run("ps -q --no-trunc -a --filter name=b").ok();
    sandbox.file("work/cid", id.text());
    sandbox.run("rm --cidfile cid").ok();
    sandbox.run("rm c nothing").code(1);
    sandbox.run("ps -aq").ok().is("");
    assert_eq!(std::fs::read_dir(sandbox.root().join("containers")).expect("it is there").count(), 0);
    assert_eq!(std::fs::read_dir(sandbox.root().join("names")).expect("it is there").count(), 0);
}
