//! `ps`: the truth, filtered.

use crate::support::{Sandbox, needs};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn filters_pick_containers() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name web-1 --label tier=front busybox").ok();
    sandbox.run("create --name web-2 --label tier=back busybox").ok();
    sandbox.run("run --name done busybox sh -c 'exit 3'").code(3);
    let names = |filters: &[&str]| {
        let mut line = vec!["ps", "-a", "--format", "{{.Names}}"];
        filters.iter().for_each(|filter| line.extend(["--filter", filter]));
        let finished = sandbox.args(&line).ok();
        let mut names = finished.lines();
        names.sort_unstable();
        names.join(" ")
    };
    for (filters, wanted) in [
        (&["name=web"][..], "web-1 web-2"),
        (&["name=^web-1$"], "web-1"),
        (&["label=tier"], "web-1 web-2"),
        (&["label=tier=back"], "web-2"),
        (&["label=tier", "label=tier=front"], "web-1"),
        (&["status=exited"], "done"),
        (&["status=created", "status=exited"], "done web-1 web-2"),
        (&["exited=3"], "done"),
        (&["exited=0"], ""),
        (&["ancestor=busybox"], "done web-1 web-2"),
        (&["before=web-2"], "web-1"),
        (&["since=web-2"], "done"),
    ] {
        assert_eq!(names(filters), wanted, "{filters:?}");
    }
    sandbox.run("ps --filter nonsense=1").fails().code(125);
    sandbox.run("ps -n 1 -q").ok().is("[ID]\n");
}

#[test]
fn killed_processes_are_not_listed_as_running() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let pid = |field: &str| -> i32 {
        sandbox.args(&["inspect", "--format", field, "web"]).ok().text().parse().expect("a pid")
    };
    let (process, monitor) = (pid("{{.State.Pid}}"), pid("{{.State.ConmonPid}}"));
    for pid in [monitor, process] {
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it lives");
    }
    sandbox.run("wait web").code(0);
    sandbox.run("ps -q").ok().is("");
    let state = sandbox.run("inspect --format '{{.State.Status}} {{.State.ExitCode}}' web").ok();
    assert!(["exited -1", "exited 137"].contains(&state.text()), "{state}");
    sandbox.run("start web").ok();
    sandbox.run("rm -f -t 0 web").ok();
}
