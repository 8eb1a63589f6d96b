//! create, start, state, kill, delete, run, pause, resume, list, ps.

use super::{Bundle, cgroups};
use crate::support::needs;
use serde_json::json;
use std::process::Stdio;

#[test]
fn a_container_goes_through_its_life() {
    needs![root, busybox];
    let bundle = Bundle::new(&["sleep", "1000"]);
    let id = bundle.id();
    let pid_file = bundle.sandbox.path("work/pid");
    bundle.run(&format!("create --pid-file {} {id}", pid_file.display())).ok().stdout_is("").forget();
    let state = bundle.run(&format!("state {id}")).ok().json();
    assert_eq!((&state["status"], &state["id"]), (&json!("created"), &json!(id)));
    assert_eq!(state["bundle"], json!(bundle.dir()));
    assert_eq!(std::fs::read_to_string(&pid_file).unwrap(), state["pid"].to_string());
    // Created: its program has not begun.
    let exe = std::fs::read_link(format!("/proc/{}/exe", state["pid"])).unwrap();
    assert!(!exe.ends_with("busybox"), "{}", exe.display());
    bundle.run(&format!("delete {id}x")).code(1).has("container does not exist").forget();
    bundle.run(&format!("start {id}")).ok().forget();
    assert_eq!(bundle.status(&id), "running");
    bundle.run(&format!("start {id}")).code(1).has("cannot start an already running container").forget();
    bundle.run(&format!("create {id}")).code(1).has("container with given ID already exists").forget();
    bundle.run(&format!("ps -f json {id}")).ok().stdout_is(&format!("[{}]\n", state["pid"])).forget();
    bundle.run(&format!("ps {id}")).ok().has("sleep 1000").forget();
    bundle.run("list -q").ok().stdout_is(&format!("{id}\n")).forget();
    bundle.run("list").ok().has("running").forget();
    bundle.run(&format!("pause {id}")).ok().forget();
    assert_eq!(bundle.status(&id), "paused");
    bundle.run(&format!("pause {id}")).code(1).forget();
    bundle.run(&format!("exec {id} true")).code(255).has("paused").forget();
    bundle.run(&format!("resume {id}")).ok().forget();
    bundle.run(&format!("resume {id}")).code(1).has("not paused").forget();
    bundle.run(&format!("delete {id}")).code(1).has("that is not stopped: running").forget();
    assert!(!cgroups(&id).is_empty());
    bundle.run(&format!("kill {id} KILL")).ok().forget();
    bundle.wait_for(&id, "stopped");
    assert_eq!(bundle.run(&format!("state {id}")).ok().json()["pid"], json!(0));
    bundle.run(&format!("kill {id} TERM")).code(1).has("container not running").forget();
    bundle.run(&format!("delete {id}")).ok().forget();
    assert_eq!(cgroups(&id), Vec::<std::path::PathBuf>::new());
    bundle.run(&format!("state {id}")).code(1).has("container does not exist").forget();
    bundle.run(&format!("delete --force {id}")).ok().forget();
    bundle.run("list -f json").ok().stdout_is("null\n").forget();
}

#[test]
fn run_ends_as_the_program_does() {
    needs![root, busybox];
    let bundle = Bundle::new(&["sh", "-c", "echo out; echo err >&2; exit 7"]);
    let id = bundle.id();
    bundle.run(&format!("run {id}")).code(7).stdout_is("out\n").stderr_is("err\n").forget();
    bundle.run("list -q").ok().stdout_is("").forget();
    let bundle = bundle.with(|config| config["process"]["args"] = json!(["sh", "-c", "kill -9 $$"]));
    bundle.run(&format!("run {id}")).forget();
    let bundle = bundle.with(|config| config["process"]["args"] = json!(["sleep", "1000"]));
    bundle.run(&format!("run -d {id}")).ok().forget();
    assert_eq!(bundle.status(&id), "running");
    bundle.run(&format!("delete -f {id}")).ok().forget();
    assert_eq!(cgroups(&id), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_program_that_is_not_there_is_told_by_create() {
    needs![root, busybox];
    let bundle = Bundle::new(&["/nosuch"]);
    let id = bundle.id();
    let log = bundle.sandbox.path("work/log");
    bundle.run(&format!("create {id}")).code(1).has("/nosuch").has("no such file or directory").forget();
    bundle.run("list -q").ok().stdout_is("").forget();
    assert_eq!(cgroups(&id), Vec::<std::path::PathBuf>::new());
    let mut command = bundle.sandbox.other(&bundle.sandbox.program().to_string_lossy());
    command.args(["oci", "--log-format=json", "--log"]).arg(&log).args(["--root"]).arg(bundle.sandbox.path("state"));
    command.args(["create", "--bundle"]).arg(bundle.dir()).arg(&id);
    bundle.sandbox.finish(command, b"").code(1).forget();
    let line: serde_json::Value = serde_json::from_slice(&std::fs::read(&log).unwrap()).unwrap();
    assert_eq!(line["level"], json!("error"));
    assert!(line["msg"].as_str().unwrap().contains("/nosuch"), "{line}");
    let bundle = bundle.with(|config| config["process"]["args"] = json!(["/etc"]));
    bundle.run(&format!("run {id}")).code(1).has("ermission denied").forget();
}

/// What a create that was killed leaves is no container, and its process does not wait for ever.
#[test]
fn a_killed_create_leaves_nothing_that_stays() {
    needs![root, busybox];
    let bundle = Bundle::new(&["sleep", "1000"]);
    let id = bundle.id();
    for microseconds in (0..20_000).step_by(1_000) {
        let mut command = bundle.command(&format!("create {id}"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(microseconds));
        let _ = child.kill();
        let _ = child.wait();
        bundle.run(&format!("delete --force {id}")).ok().forget();
    }
    let own = bundle.sandbox.path("state").to_string_lossy().into_owned();
    for _ in 0..200 {
        let left = std::fs::read_dir("/proc").unwrap().flatten().find(|entry| {
            std::fs::read(entry.path().join("cmdline"))
                .is_ok_and(|words| String::from_utf8_lossy(&words).contains(&own))
        });
        if left.is_none() {
            bundle.run(&format!("create {id}")).ok().forget();
            bundle.run(&format!("delete {id}")).ok().forget();
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("a process still waits at its gate");
}

#[test]
fn descriptors_are_passed_when_asked_for_and_never_otherwise() {
    needs![root, busybox];
    let bundle = Bundle::new(&["sh", "-c", "ls /proc/self/fd | grep -c .; cat <&3"]);
    let id = bundle.id();
    let file = bundle.sandbox.file("work/given", "given\n");
    let run = |options: &str| {
        let mut command = bundle.sandbox.other("/bin/sh");
        let program = bundle.sandbox.program().display().to_string();
        let state = bundle.sandbox.path("state");
        command.current_dir(bundle.dir()).args([
            "-c",
            &format!("exec {program} oci --root {} run {options} {id} 3<{}", state.display(), file.display()),
        ]);
        bundle.sandbox.finish(command, b"")
    };
    run("--preserve-fds 1").ok().has("given").forget();
    run("").lacks("given").forget();
    run("--preserve-fds 9").code(1).has("unable to preserve descriptor").forget();
}

#[test]
fn the_callers_pipes_are_closed_when_create_returns() {
    needs![root, busybox];
    let bundle = Bundle::new(&["sleep", "1000"]);
    let id = bundle.id();
    let program = bundle.sandbox.program().display().to_string();
    let state = bundle.sandbox.path("state");
    let mut command = bundle.sandbox.other("/bin/sh");
    // `cat` ends when nobody has the pipe any more; a container that kept it would keep cat.
    command.current_dir(bundle.dir()).args([
        "-c",
        &format!(
            "{{ {program} oci --root {} create {id} 7>&1 >/dev/null 2>/dev/null; }} | cat; echo closed",
            state.display()
        ),
    ]);
    bundle.sandbox.finish(command, b"").ok().stdout_is("closed\n").forget();
    bundle.run(&format!("delete {id}")).ok().forget();
}
