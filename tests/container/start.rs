//! `start`, `restart`

use crate::support::Sandbox;

#[test]
fn to_start_what_runs_is_no_error() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    sandbox.run("start web").ok().is("web\n");
    sandbox
        .run("start nothing")
        .fails()
        .code(125)
        .has("no container with name or ID \"nothing\" found: no such container");
    sandbox.run("rm -f -t 0 web").ok();
}

#[test]
fn a_container_runs_again_with_what_it_wrote() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --name web busybox sh -c 'echo x >> /file; wc -l < /file'").ok().is("1\n");
    sandbox.run("start -a web").ok().is("2\n");
    sandbox.run("restart web").ok().is("web\n");
    sandbox.run("wait web").ok().is("0\n");
    sandbox.run("start -a web").ok().is("4\n");
}

#[test]
fn a_start_that_fails_leaves_it_created() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name web busybox nothing").ok();
    sandbox.run("start web").code(127);
    sandbox.run("inspect --format '{{.State.Status}}' web").ok().is("created\n");
    sandbox.run("inspect --format '{{.State.ExitCode}} {{.State.Running}}' web").ok().is("127 false\n");
}
