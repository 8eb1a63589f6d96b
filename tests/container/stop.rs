//! `stop`: signal, grace, SIGKILL.

use crate::support::Sandbox;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Instant;

#[test]
fn one_that_listens_ends_by_itself() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let start = Instant::now();
    sandbox.run("stop web").ok().is("web\n");
    assert!(start.elapsed().as_secs() < 5);
    sandbox.run("ps -a --format '{{.State}} {{.Status}}'").ok().has("exited Exited (0)");
    // Again is no error.
    sandbox.run("stop web").ok();
}

#[test]
fn one_that_does_not_is_killed() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name deaf busybox sleep 1000").ok();
    let start = Instant::now();
    sandbox.run("stop -t 1 deaf").code(0);
    assert!((1..8).contains(&start.elapsed().as_secs()));
    sandbox.run("inspect --format '{{.State.ExitCode}}' deaf").ok().is("137\n");
    sandbox.run("start deaf").ok();
    sandbox.run("stop -t 0 deaf").code(0);
    sandbox
        .run("run -d --name odd --stop-signal USR1 busybox sh -c 'trap \"exit 3\" USR1; while :; do sleep 0.1; done'")
        .ok();
    sandbox.run("stop odd").ok();
    sandbox.run("inspect --format '{{.State.ExitCode}}' odd").ok().is("3\n");
}

#[test]
fn a_dead_monitor_does_not_matter() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let monitor = sandbox.run("inspect --format '{{.State.ConmonPid}}' web").ok().text().parse().expect("a pid");
    kill(Pid::from_raw(monitor), Signal::SIGKILL).expect("it lives");
    sandbox.run("ps --format '{{.Names}} {{.State}}'").ok().is("web running\n");
    sandbox.run("stop web").code(0);
    let code = sandbox.run("inspect --format '{{.State.Status}} {{.State.ExitCode}}' web").ok();
    assert!(["exited -1", "exited 0"].contains(&code.text()), "{code}");
    sandbox.run("rm web").ok();
}

#[test]
fn all_of_them() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("stop -a").ok().is("");
    sandbox.start_sleeper("one");
    sandbox.start_sleeper("two");
    sandbox.run("stop -a -t 2").ok();
    sandbox.run("ps -q").ok().is("");
    sandbox.run("stop nothing").fails().code(125);
    sandbox.run("stop --ignore nothing").ok().is("");
}

#[test]
fn who_asked_for_the_end_is_known() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let told = |sandbox: &Sandbox| sandbox.run("inspect -f {{.State.StoppedByUser}} web").ok().text().to_string();
    assert_eq!(told(&sandbox), "false");
    sandbox.run("stop -t 1 web").ok().forget();
    assert_eq!(told(&sandbox), "true");
    sandbox.run("start web").ok().forget();
    assert_eq!(told(&sandbox), "false");
    sandbox.run("kill web").ok().forget();
    sandbox.run("wait web").ok().forget();
    assert_eq!(told(&sandbox), "false");
}
