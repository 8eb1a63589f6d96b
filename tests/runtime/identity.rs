//! Users, groups, limits, directories, descriptors.

use crate::container::everywhere;
use crate::support::{Sandbox, needs};

#[test]
fn the_primary_group_is_among_the_groups() {
    everywhere(|sandbox| {
        sandbox.run("run --rm --user ann busybox id -G").ok().stdout_is("1000 2000\n").forget();
        sandbox.run("run --rm --user 1000:2000 busybox id -G").ok().stdout_is("2000\n").forget();
        sandbox.run("run --rm --user 7 --group-add extra busybox id -G").ok().stdout_is("0 2000\n").forget();
        sandbox.start_sleeper("web");
        sandbox.run("exec -u ann web id -G").ok().stdout_is("1000 2000\n").forget();
        sandbox.run("exec -u ann:extra web id -G").ok().stdout_is("2000\n").forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

#[test]
fn a_file_closed_to_the_group_stays_closed() {
    everywhere(|sandbox| {
        let script = "echo secret > /f; chown 0:1000 /f; chmod 604 /f; ln -s /bin/busybox /cat";
        sandbox.run(&format!("run -d --name web busybox sh -c '{script}; sleep 1000'")).ok().forget();
        sandbox.run("exec web sh -c 'while ! [ -e /cat ]; do sleep 0.01; done'").ok().forget();
        sandbox.run("exec -u ann web cat /f").code(1).lacks("secret").forget();
        // The control: others may read it.
        sandbox.run("exec -u 5:5 web cat /f").ok().has("secret").forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

#[test]
fn users_are_parsed_strictly() {
    everywhere(|sandbox| {
        for (user, uid) in [("1", "1"), ("1:1", "1"), ("0", "0"), ("root", "0"), ("ann", "1000"), ("65534", "65534")] {
            sandbox
                .args(&["run", "--rm", "--user", user, "busybox", "id", "-u"])
                .ok()
                .stdout_is(&format!("{uid}\n"))
                .forget();
        }
        for user in
            ["-1", "4294967295", "4294967296", "0x0", "١", "1 ", " 1", "root\n", "1:-1", "no-such-user", "1:4294967295"]
        {
            let run = sandbox.args(&["run", "--rm", "--user", user, "busybox", "id", "-u"]);
            assert_ne!(run.status, 0, "{user:?} was taken: {}", run.stdout);
        }
    });
}

#[test]
fn the_working_directory_is_in_the_container() {
    everywhere(|sandbox| {
        sandbox.run("run --rm -w /tmp busybox pwd").ok().stdout_is("/tmp\n").forget();
        sandbox.run("run --rm -w /tmp/../etc busybox pwd").ok().stdout_is("/etc\n").forget();
    });
}

#[test]
fn limits_are_set_or_clamped_with_a_word() {
    everywhere(|sandbox| {
        sandbox
            .run("run --rm --ulimit nofile=100:200 busybox sh -c 'ulimit -Sn; ulimit -Hn'")
            .ok()
            .stdout_is("100\n200\n")
            .forget();
        sandbox.run("run --rm --ulimit core=0 busybox sh -c 'ulimit -c'").ok().stdout_is("0\n").forget();
        sandbox.run("run --rm --ulimit nofile=200:100 busybox true").code(125).forget();
        sandbox.run("run --rm --umask 0077 busybox sh -c umask").ok().stdout_is("0077\n").forget();
    });
}

#[test]
fn an_oom_score_that_may_not_be_lowered_is_told() {
    needs![rootless];
    let sandbox = Sandbox::rootless().load_busybox();
    let told = "the OOM score -500 is lower than we may set; it stays as it was";
    let line = "run --rm --network=none --oom-score-adj -500 busybox true";
    let run = sandbox.run(line).code(0);
    assert!(run.stderr.contains(told), "{}", run.stderr);
    run.forget();
    sandbox
        .run("run --rm --network=none --oom-score-adj 500 busybox cat /proc/self/oom_score_adj")
        .ok()
        .stdout_is("500\n")
        .forget();
}

#[test]
fn the_hosts_ipc_needs_no_message_queues_of_the_host() {
    everywhere(|sandbox| {
        let there = std::path::Path::new("/dev/mqueue").is_dir();
        let script = "if [ -d /dev/mqueue ]; then echo true; else echo false; fi";
        let run = sandbox.args(&["run", "--rm", "--network=none", "--ipc=host", "busybox", "sh", "-c", script]);
        run.ok().stdout_is(&format!("{there}\n")).forget();
    });
}

#[test]
fn the_hosts_processes_are_shown_when_asked() {
    everywhere(|sandbox| {
        let host = std::fs::read_link("/proc/self/ns/pid").expect("we have one");
        // With a sysctl by default, and one asked for, which must not be the host's.
        let before = std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").expect("there is one");
        let script = "readlink /proc/self/ns/pid; cat /proc/sys/net/ipv4/ping_group_range";
        let sysctl = "net.ipv4.ping_group_range=0 7";
        let options =
            ["run", "--rm", "--network=none", "--pid=host", "--sysctl", sysctl, "busybox", "sh", "-c", script];
        sandbox.args(&options).ok().stdout_is(&format!("{}\n0\t7\n", host.display())).forget();
        sandbox.run("run --rm --pid=host --network=none busybox true").ok().forget();
        let after = std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").expect("there is one");
        assert_eq!(before, after);
    });
}

#[test]
fn ordinary_users_are_told_which_maps_can_not_own_a_tree_of_theirs() {
    needs![rootless];
    let sandbox = Sandbox::rootless().load_busybox();
    for (options, named) in [
        ("--userns auto", "--userns auto"),
        ("--userns nomap", "--userns nomap"),
        ("--uidmap 0:1:1000 --gidmap 0:1:1000", "--uidmap"),
        ("--uidmap 0:0:1 --gidmap 0:1:1000", "--gidmap"),
    ] {
        let run = sandbox.run(&format!("run --rm --network=none {options} --rootfs . true")).code(125);
        assert!(run.stderr.contains(named) && run.stderr.contains("would belong to nobody"), "{}", run.stderr);
        run.forget();
    }
    let maps = "--uidmap 0:0:1 --uidmap 1:1:999 --gidmap 0:0:1 --gidmap 1:1:999";
    let line = format!("run --rm --network=none {maps} busybox sh -c 'touch /x; stat -c %u:%g /x /bin'");
    sandbox.run(&line).ok().stdout_is("0:0\n0:0\n").forget();
    sandbox.run("ps -aq").ok().stdout_is("").forget();
}

#[test]
fn only_the_standard_streams_are_open() {
    everywhere(|sandbox| {
        // A shell that holds many descriptors on a directory starts the container.
        let mut shell = sandbox.other("bash");
        let holds: String = (5..40).map(|fd| format!("exec {fd}</etc; ")).collect();
        let line = format!(
            "{holds} exec \"$0\" --root {} --runroot {} run --rm busybox sh -c 'ls /proc/1/fd; true'",
            sandbox.root().display(),
            sandbox.run_root().display()
        );
        shell.args(["-c", &line]).arg(sandbox.program());
        let run = sandbox.finish(shell, b"");
        let fds: Vec<&str> = run.stdout.split_whitespace().collect();
        assert_eq!(fds, ["0", "1", "2"], "{}", run.stderr);
    });
}

#[test]
fn preserved_descriptors_arrive() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    let mut shell = sandbox.other("sh");
    let line = format!(
        "exec 3</etc/hostname; exec \"$0\" --root {} --runroot {} run --rm --preserve-fds 1 busybox sh -c 'cat <&3; ls /proc/1/fd; true'",
        sandbox.root().display(),
        sandbox.run_root().display()
    );
    shell.args(["-c", &line]).arg(sandbox.program());
    let run = sandbox.finish(shell, b"");
    let host = std::fs::read_to_string("/etc/hostname").unwrap();
    assert_eq!(run.stdout, format!("{host}0\n1\n2\n3\n"), "{}", run.stderr);
}

#[test]
fn commands_that_do_not_run_have_their_codes() {
    everywhere(|sandbox| {
        sandbox
            .run("run --rm busybox nosuch")
            .code(127)
            .has("executable file `nosuch` not found in $PATH: No such file or directory")
            .forget();
        sandbox.run("run --rm busybox /no/such").code(127).forget();
        sandbox.run("run --rm busybox /etc").code(126).has("ermission denied").forget();
        sandbox.run("run --rm busybox /etc/passwd").code(126).has("ermission denied").forget();
        sandbox.run("run --rm --user 1000 busybox /root/x").code(126).forget();
    });
}

#[test]
fn the_groups_of_a_user_without_ranges_can_not_be_dropped() {
    needs![root, rootless_single];
    let sandbox = Sandbox::rootless_single().load_busybox();
    // setgroups is forbidden in a namespace with one id, so that nobody gets at a file that is closed to his group.
    let run = sandbox.run("run --rm busybox cat /proc/self/setgroups");
    assert_eq!(run.stdout, "deny\n", "{}", run.stderr);
}
