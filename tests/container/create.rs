//! `create`: everything but the start.

use crate::support::{Sandbox, needs};

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

#[test]
fn what_can_not_be_is_refused_before_anything_is_made() {
    let sandbox = Sandbox::with_busybox();
    for command in ["create", "run"] {
        sandbox
            .run(&format!("{command} --cidfile /nope/x busybox true"))
            .is("Error: opening cidfile /nope/x: No such file or directory\n")
            .code(125)
            .forget();
        let run = sandbox.run(&format!("{command} --cpuset-cpus 9999 --cidfile id busybox true")).code(125);
        assert!(
            run.stderr.starts_with("Error: requested CPUs are not available - requested 9999, available: "),
            "{run}"
        );
        sandbox
            .run(&format!("{command} --cpuset-cpus 1-x busybox true"))
            .has("invalid value 1-x for cpuset cpus")
            .forget();
    }
    sandbox.run("ps -aq").ok().stdout_is("").forget();
    // The file goes with the failure, and so stands in nobody's way.
    assert!(!sandbox.path("work/id").exists());
    let id = sandbox.run("create --cidfile id busybox true").ok();
    assert_eq!(std::fs::read_to_string(sandbox.path("work/id")).expect("it was written"), id.text());
    sandbox.run("create --rootfs /etc/passwd true").fails().has("rootfs /etc/passwd: not a directory").forget();
}

#[test]
fn a_user_that_the_map_has_not_is_named() {
    needs![rootless];
    let sandbox = Sandbox::rootless().load_busybox();
    sandbox
        .run("run --rm -u 70000 busybox true")
        .is("Error: user 70000 does not exist in the container's user namespace, which has the ids 0-65536\n")
        .code(125)
        .forget();
    let line = "run --rm --uidmap 0:1:10 --uidmap 20:11:1 --uidmap 10:12:2 -u 1:15 busybox true";
    sandbox
        .run(line)
        .has("group 15 does not exist in the container's user namespace, which has the ids 0-11, 20")
        .forget();
}

#[test]
fn the_callers_groups_can_be_kept() {
    needs![rootless];
    let sandbox = Sandbox::rootless().load_busybox();
    let run = |line: &str| {
        let words = crate::support::words(line);
        let wanted = sandbox.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let mut command = std::process::Command::new("setpriv");
        let (uid, gid) = (sandbox.uid().to_string(), sandbox.gid().to_string());
        // One group more than the user has: it shows as nobody's in the container.
        command.args(["--reuid", &uid, "--regid", &gid, "--groups", "4242", "--"]);
        command.arg(wanted.get_program()).args(wanted.get_args()).env_clear();
        command.envs(wanted.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(sandbox.path("work")).stdin(std::process::Stdio::null());
        sandbox.finish(command, b"")
    };
    run("run --rm --network=none --group-add keep-groups busybox id -G").ok().stdout_is("0 65534\n").forget();
    run("run --rm --network=none busybox id -G").ok().stdout_is("0\n").forget();
    run("run -d --name web --network=none --group-add keep-groups busybox sleep 1000").ok().forget();
    run("exec web true").ok().forget();
    run("rm -f -t 0 web").ok().forget();
}
