//! `create`: everything but the start.

use crate::support::Sandbox;

#[test]
fn a_created_container_is_listed_and_can_be_started() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("create --name web busybox echo hello").ok().is("[ID]\n").text().to_string();
    sandbox.run("ps -q").ok().is("");
    sandbox.run("ps -a --format '{{.Names}} {{.State}}'").ok().is("web created\n");
    sandbox.args(&["start", "-a", &id[..12]]).ok().is("hello\n");
    sandbox
        .run("inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.Path}} {{.Args}}' web")
        .ok()
        .is("exited 0 echo [hello]\n");
}

#[test]
fn names_are_taken_once_and_replaced_when_asked() {
    let sandbox = Sandbox::with_busybox();
    let first = sandbox.run("create --name web busybox").ok().text().to_string();
    sandbox.run("create --name web busybox").fails().code(125).has(&first).has("already in use");
    sandbox
        .run_as("docker", "create --name web busybox")
        .code(125)
        .has("Conflict. The container name \"/web\" is already in use by container");
    let second = sandbox.run("create --name web --replace busybox").ok().text().to_string();
    assert_ne!(first, second);
    sandbox.run("ps -aq --no-trunc").ok().is(&format!("{second}\n"));
    for name in ["-x", "a/b", "a b", "../x"] {
        sandbox.args(&["create", &format!("--name={name}"), "busybox"]).code(125);
    }
}

#[test]
fn nothing_is_left_of_what_is_refused() {
    let sandbox = Sandbox::with_busybox();
    for line in [
        "create --entrypoint '' busybox",
        "create --sysctl vm.swappiness=1 busybox",
        "create -v relative/../..:/proc busybox",
        "create --hostname a_b+c busybox",
        "create --stop-signal NOTHING busybox",
        "create --mount type=bind,src=/nothing/here,dst=/x busybox",
        "create --pull never no/such:image",
    ] {
        sandbox.run(line).fails().code(125);
    }
    sandbox.run("ps -aq").ok().is("");
    assert_eq!(std::fs::read_dir(sandbox.root().join("containers")).expect("it is there").count(), 0);
}
