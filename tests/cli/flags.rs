use super::with_two;
use crate::support::Sandbox;

/// Every flag of `docker run` and `podman run` is known: it works, or is refused by its name, never ignored.
#[test]
fn flags_that_are_not_built_are_refused_by_name() {
    let sandbox = Sandbox::new();
    sandbox.file("work/fs/marker", "");
    for flag in "\
        chrootdirs=/x cpu-count=1 cpu-percent=1 decryption-key=x env-merge=A=b gpus=all group-entry=x health-cmd=x health-interval=1s health-on-failure=kill health-retries=1 \
        health-start-period=1s health-start-interval=1s health-startup-cmd=x health-timeout=1s hosts-file=x hostuser=x \
        image-volume=tmpfs init-path=/x io-maxbandwidth=1 io-maxiops=1 isolation=hyperv \
        link-local-ip=x personality=x pod=x pod-id-file=x preserve-fd=5 \
        rdt-class=x requires=x rmi runtime=x sdnotify=container seccomp-policy=image secret=x \
        shm-size-systemd=1 storage-opt=size=1 systemd=always use-api-socket volume-driver=x volumes-from=x"
        .split_whitespace()
    {
        let name = flag.split('=').next().unwrap_or(flag);
        let finished = sandbox.args(&["create", &format!("--{flag}"), "--rootfs", "fs", "true"]).fails().code(125);
        assert!(finished.stderr.starts_with(&format!("Error: --{name}: not supported yet: ")), "{finished}");
    }
    for (line, what) in [
        ("--network pasta", "--network pasta: not supported yet"),
        ("--restart always", "--restart always: not supported yet"),
        ("--log-driver journald", "--log-driver journald: not supported yet"),
        ("--log-opt compress=true", "--log-opt compress: not supported yet"),
        ("-v data:/data", "-v data:/data: not supported yet: named volumes are not built"),
        ("--mount type=image,src=x,dst=/x", "--mount type=image: not supported yet"),
        ("--pid pod", "--pid pod: not supported yet"),
        ("--cgroups split", "--cgroups=split: not supported yet"),
        ("--device vendor.com/class=name", "--device vendor.com/class=name: not supported yet: CDI"),
    ] {
        sandbox.run(&format!("create {line} --rootfs fs true")).fails().has(what).code(125);
    }
    sandbox.run("ps -aq").ok().is("");
}

/// A flag that asks for what is so anyway is taken.
#[test]
fn harmless_values_are_taken() {
    let sandbox = Sandbox::new();
    sandbox.file("work/fs/marker", "");
    for flag in [
        "--publish-all=false",
        "--systemd=false",
        "--sdnotify=ignore",
        "--restart=no",
        "--isolation=default",
        "--no-healthcheck",
        "--disable-content-trust",
        "--cgroups=enabled",
        "--tls-verify=false",
        "--image-volume=bind",
    ] {
        sandbox.run(&format!("create {flag} --rootfs fs true")).ok();
    }
}

#[test]
fn words_after_the_image_belong_to_the_command() {
    let sandbox = Sandbox::new();
    sandbox.file("work/fs/marker", "");
    for (line, command) in [
        ("create --rootfs fs ls -l --all -e X --name y", "[ls -l --all -e X --name y]"),
        ("create --rootfs fs ls -- -x", "[ls -- -x]"),
        ("create --rootfs -- fs -x", "[-x]"),
        ("create --rootfs=true fs true", "[true]"),
        ("create -it --rootfs fs -it", "[-it]"),
    ] {
        let finished = sandbox.run(line).ok();
        sandbox.args(&["inspect", "--format", "{{.Config.Cmd}}", finished.text()]).ok().is(&format!("{command}\n"));
    }
}

#[test]
fn what_was_asked_for_is_what_inspect_shows() {
    let sandbox = Sandbox::new();
    sandbox.file("work/fs/marker", "");
    sandbox.file("work/env", "# comment\nFROM_FILE=a b\nHOST_SET\nHOST_UNSET\n");
    sandbox.file("work/labels", "from.file=1\n");
    let mut sandbox = sandbox;
    sandbox.env("HOST_SET", "host");
    sandbox.env("OTHER", "other");
    let id = sandbox
        .args(&[
            "create",
            "--name",
            "c",
            "-h",
            "box",
            "-e",
            "A=1",
            "-e",
            "A=2",
            "-e",
            "OTHER",
            "-e",
            "MISSING",
            "--env-file",
            "env",
            "--label",
            "x=y",
            "--label-file",
            "labels",
            "--annotation",
            "k=v",
            "-w",
            "/w",
            "-u",
            "5:6",
            "-m",
            "64m",
            "--cpus",
            "1.5",
            "--ulimit",
            "nofile=10:20",
            "--stop-signal",
            "INT",
            "--stop-timeout",
            "3",
            "--rootfs",
            "fs",
            "sleep",
            "5",
        ])
        .ok();
    assert_eq!(id.text().len(), 64);
    for (template, expected) in [
        ("{{.Config.Hostname}}", "box"),
        ("{{.Config.User}}", "5:6"),
        ("{{.Config.WorkingDir}}", "/w"),
        ("{{index .Config.Labels \"x\"}}{{index .Config.Labels \"from.file\"}}", "y1"),
        ("{{.HostConfig.Memory}}", "67108864"),
        ("{{.HostConfig.NanoCpus}}", "1500000000"),
        ("{{.Config.StopTimeout}}", "3"),
        (
            "{{range .Config.Env}}{{if eq . \"A=2\" \"OTHER=other\" \"FROM_FILE=a b\" \"HOST_SET=host\"}}{{.}};{{end}}{{end}}",
            "A=2;OTHER=other;FROM_FILE=a b;HOST_SET=host;",
        ),
    ] {
        let finished = sandbox.args(&["inspect", "--format", template, "c"]).ok();
        let mut shown: Vec<&str> = finished.text().split(';').collect();
        let mut wanted: Vec<&str> = expected.split(';').collect();
        shown.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(shown, wanted, "{template}");
    }
    let env = sandbox.args(&["inspect", "--format", "{{json .Config.Env}}", "c"]).ok();
    for absent in ["MISSING", "HOST_UNSET", "A=1"] {
        assert!(!env.stdout.contains(absent), "{absent}: {env}");
    }
}

#[test]
fn values_are_checked_before_anything_is_made() {
    let sandbox = Sandbox::new();
    sandbox.file("work/fs/marker", "");
    for (line, words) in [
        ("-v a", "invalid container path \"a\", must be an absolute path"),
        ("-v :/b", "host directory cannot be empty"),
        ("-v /a:/b:frob", "invalid option type \"frob\""),
        ("-v /tmp:/x --tmpfs /x", "/x: duplicate mount destination"),
        ("--mount type=frob,dst=/x", "invalid filesystem type \"frob\""),
        ("--mount type=bind,src=/nosuch,dst=/x", "statfs /nosuch: no such file or directory"),
        (
            "--ulimit frob=1",
            "ulimit option \"frob=1\" requires name=SOFT:HARD, failed to be parsed: invalid ulimit type: frob",
        ),
        ("--cap-add frob", "\"CAP_FROB\": unknown capability"),
        ("--device /dev/nosuch", "stat /dev/nosuch: no such file or directory"),
        ("--device /dev/null:/x:q", "invalid device mode: q"),
        ("--security-opt frob", "invalid --security-opt 1: \"frob\""),
        ("--security-opt seccomp=/nosuch", "opening seccomp profile failed: open /nosuch: no such file or directory"),
        ("--pid frob", "unrecognized namespace mode frob passed"),
        ("--memory frob", "invalid value for memory: invalid size: 'frob'"),
        ("--memory-swap 1m", "you should always set a memory limit when using a memoryswap limit, see usage"),
        ("--cpu-period 1000 --cpus 2", "--cpu-period and --cpus cannot be set together"),
        ("--shm-size frob", "unable to translate --shm-size: invalid size: 'frob'"),
        ("--restart frob", "running container create option: \"frob\" is not a valid restart policy: invalid argument"),
        ("--pull frob", "unsupported pull policy \"frob\""),
        ("--label =x", "unable to process labels: invalid label format: \"=x\""),
        ("-e =x", "invalid environment variable: \"=x\""),
        ("--env-file /nosuch", "parsing env file \"/nosuch\": open /nosuch: no such file or directory"),
        ("--sysctl kernel.frob=1", "sysctl 'kernel.frob' is not allowed"),
        ("--umask 99", "running container create option: invalid umask string 99: invalid argument"),
        (
            "--attach frob",
            "invalid stream \"frob\" for --attach - must be one of stdin, stdout, or stderr: invalid argument",
        ),
        (
            "--cidfile /etc/passwd",
            "container id file exists. Ensure another container is not using it or delete /etc/passwd",
        ),
        ("--stop-signal FROB", "invalid signal: FROB"),
        ("--add-host x", "bad format for add-host: \"x\""),
    ] {
        sandbox.run(&format!("create {line} --rootfs fs true")).is(&format!("Error: {words}\n")).code(125);
    }
    sandbox.run("ps -aq").ok().is("");
}

#[test]
fn the_id_is_written_where_it_was_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.file("work/fs/marker", "");
    let finished = sandbox.run("create --cidfile id --rootfs fs true").ok();
    assert_eq!(std::fs::read_to_string(sandbox.path("work/id")).unwrap(), finished.text());
    sandbox.run("create --cidfile id --rootfs fs true").fails().has("container id file exists");
    sandbox.run("rm --cidfile id").ok();
    sandbox.run("ps -aq").ok().is("");
}

#[test]
fn latest_is_the_one_made_last() {
    let sandbox = with_two();
    sandbox.run("inspect --latest --format {{.Name}}").ok().has("two");
    sandbox.run("ps --latest --format {{.Names}}").ok().is("two\n");
    sandbox.run("ps -n 1 --format {{.Names}}").ok().is("two\n");
    sandbox.run("rm -l").ok();
    sandbox.run("ps -a --format {{.Names}}").ok().is("one\n");
    sandbox.run("inspect -l one").fails().has("--latest and arguments cannot be used together");
}
