//! `run`: what a container sees, and how its command ends.

use crate::support::image::{Image, Layer};
use crate::support::{Sandbox, needs};
use serde_json::json;

/// What must hold for root and for an ordinary user alike.
fn for_everybody(test: impl Fn(Sandbox)) {
    test(Sandbox::with_busybox());
    if crate::support::met("rootless") {
        test(Sandbox::rootless().load_busybox());
    }
}

#[test]
fn the_exit_code_is_the_containers_own() {
    for_everybody(|sandbox| {
        for (script, code) in [
            ("true", 0),
            ("exit 7", 7),
            ("exit 255", 255),
            ("sh -c 'kill -9 $$'; exit $?", 137),
            ("kill -TERM $$; sleep 1", 0),
        ] {
            let script = format!("trap '' TERM; {script}");
            sandbox.args(&["run", "--rm", "busybox", "sh", "-c", &script]).code(code);
        }
        sandbox.run("ps -aq").ok().is("");
    });
}

#[test]
fn a_command_that_is_not_there_is_127_and_one_that_cannot_run_126() {
    for_everybody(|sandbox| {
        sandbox.run("run --rm busybox nothing").fails().code(127).has("nothing");
        sandbox.run("run --rm busybox /nothing").fails().code(127);
        sandbox.run("run --rm busybox /etc/passwd").fails().code(126);
        sandbox.run("run --rm busybox /etc").fails().code(126);
        sandbox.run("run --rm nothing/here:1 --pull never").code(125);
        // Without --rm it stays, never started.
        sandbox.run("run --name broken busybox nothing").fails().code(127);
        sandbox.run("ps -a --format {{.Names}}:{{.State}}").ok().is("broken:created\n");
    });
}

#[test]
fn output_is_kept_apart_and_whole() {
    for_everybody(|sandbox| {
        let finished = sandbox.args(&["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2"]).code(0);
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
        let many = sandbox.args(&["run", "--rm", "busybox", "seq", "1", "100000"]).ok();
        assert_eq!(many.lines().len(), 100_000);
        assert_eq!(many.lines().last(), Some(&"100000"));
    });
}

#[test]
fn input_is_given_with_i_only() {
    for_everybody(|sandbox| {
        sandbox.run_with_input("run --rm -i busybox cat", b"hello\n").ok().is("hello\n");
        sandbox.run_with_input("run --rm busybox cat", b"hello\n").ok().is("");
    });
}

#[test]
fn a_container_sees_itself_only() {
    for_everybody(|sandbox| {
        sandbox.run("run --rm busybox sh -c 'echo $$; ls /proc | grep -c ^[0-9]'").ok().is("1\n3\n");
        sandbox.run("run --rm --hostname box busybox hostname").ok().is("box\n");
        sandbox.run("run --rm --network none busybox ls /sys/class/net").ok().is("lo\n");
        sandbox.run("run --rm busybox sh -c 'ls /dev | tr \"\\n\" \" \"'").ok().has("null").lacks("sda").lacks("kmsg");
        sandbox.run("run --rm busybox touch /sys/fs/cgroup/x").code(1);
        sandbox.run("run --rm busybox sh -c 'echo 1 > /proc/sys/kernel/panic'").code(1);
        sandbox.run("run --rm busybox cat /proc/keys").ok().is("");
        sandbox.run("run --rm busybox sh -c 'ls /proc/self/fd | wc -l'").ok().is("4\n");
    });
}

#[test]
fn users_are_looked_up_in_the_image() {
    for_everybody(|sandbox| {
        for (user, id) in [
            ("0", "uid=0(root) gid=0(root) groups=0(root)\n"),
            ("ann", "uid=1000(ann) gid=1000(ann) groups=1000(ann),2000(extra)\n"),
            ("1000", "uid=1000(ann) gid=1000(ann) groups=1000(ann),2000(extra)\n"),
            ("1000:65534", "uid=1000(ann) gid=65534(nogroup) groups=65534(nogroup)\n"),
            ("ann:extra", "uid=1000(ann) gid=2000(extra) groups=2000(extra)\n"),
        ] {
            sandbox.args(&["run", "--rm", "-u", user, "busybox", "id"]).ok().is(id);
        }
        for user in ["nobody:nothing", "missing", "-1", "4294967295", "0x0", "1 "] {
            sandbox.args(&["run", "--rm", "-u", user, "busybox", "id"]).fails().code(125);
        }
        // An unknown number gets a line in passwd, with exactly one line added.
        sandbox
            .run("run --rm -u 4242:4242 busybox sh -c 'id -u; wc -l < /etc/passwd; grep -c ^4242: /etc/passwd'")
            .ok()
            .is("4242\n4\n1\n");
        sandbox
            .run("run --rm -u ann busybox sh -c 'echo $HOME; grep Cap /proc/self/status'")
            .ok()
            .has("/home/ann\n")
            .has("CapEff:\t0000000000000000")
            .has("CapInh:\t0000000000000000")
            .has("CapAmb:\t0000000000000000");
        sandbox.run("run --rm --group-add 7 -u ann busybox id -G").ok().is("1000 7 2000\n");
    });
}

#[test]
fn a_home_with_a_line_break_brings_no_line() {
    let sandbox = Sandbox::with_busybox();
    let home = "HOME=/\nr::0:0::/:/bin/sh";
    sandbox.args(&["run", "--rm", "-u", "4242", "-e", home, "busybox", "true"]).code(125);
}

#[test]
fn ids_beyond_two_to_the_31_are_themselves() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    for uid in ["2147483648", "4294967294"] {
        sandbox
            .args(&["run", "--rm", "-u", uid, "busybox", "awk", "/^Uid/{print $2}", "/proc/self/status"])
            .ok()
            .is(&format!("{uid}\n"));
    }
}

#[test]
fn variables_come_from_image_and_flags() {
    for_everybody(|mut sandbox| {
        sandbox.load(&Image::new("env").from_busybox().config("Env", json!(["A=image", "B=image", "SECRET", "S*"])));
        sandbox.env("SECRET", "of-the-host");
        sandbox.env("PASSED", "on");
        let finished = sandbox.run("run --rm -e B=own -e PASSED -e MISSING env env").ok();
        let mut lines = finished.lines();
        lines.sort_unstable();
        let hostname = lines.iter().position(|line| line.starts_with("HOSTNAME=")).expect("a host name");
        lines.remove(hostname);
        assert_eq!(
            lines,
            [
                "A=image",
                "B=own",
                "HOME=/root",
                "PASSED=on",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "container=barge",
            ]
        );
        sandbox.run_as("podman", "run --rm env sh -c 'echo $container'").ok().is("podman\n");
    });
}

#[test]
fn the_working_directory_is_made() {
    for_everybody(|sandbox| {
        sandbox.run("run --rm -w /new/dir busybox pwd").ok().is("/new/dir\n");
        sandbox.run("run --rm -w relative busybox pwd").fails().code(125);
        for number in 3..12 {
            let dir = format!("/proc/self/fd/{number}");
            let finished = sandbox.args(&["run", "--rm", "-w", &dir, "busybox", "sh", "-c", "pwd; ls"]);
            assert!(finished.status != 0 || !finished.stdout.contains("root.sh"), "{finished}");
        }
    });
}

#[test]
fn hostile_images_change_nothing_outside() {
    needs![root];
    let sandbox = Sandbox::new();
    let outside = sandbox.path("canary");
    std::fs::create_dir_all(&outside).expect("a directory");
    std::fs::write(outside.join("ptmx"), "canary").expect("a file");
    let target = outside.to_string_lossy().into_owned();
    for link in [
        "etc/hosts",
        "etc/hostname",
        "etc/resolv.conf",
        "run",
        "run/.containerenv",
        "etc/passwd",
        "dev",
        "work",
        "data",
    ] {
        let name = format!("hostile{}", link.replace(['/', '.'], ""));
        let layer = Layer::new().symlink(link, &target);
        let image = Image::new(&name)
            .from_busybox()
            .layer(layer)
            .config("WorkingDir", json!("/work/x"))
            .config("Volumes", json!({"/data/v": {}}));
        sandbox.load(&image);
        let _ = sandbox.args(&["run", "--rm", "--network=none", "-u", "7", &name, "true"]);
        let _ = sandbox.args(&["run", "--rm", "--read-only", &name, "true"]);
        let left: Vec<_> =
            std::fs::read_dir(&outside).expect("it is there").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["ptmx"], "{link}");
        assert_eq!(std::fs::read_to_string(outside.join("ptmx")).expect("it is there"), "canary", "{link}");
    }
}

#[test]
fn strange_passwd_files_end_quickly() {
    let mut sandbox = Sandbox::new();
    sandbox.timeout(10);
    let mut fifo = tar::Header::new_gnu();
    fifo.set_entry_type(tar::EntryType::Fifo);
    fifo.set_path("etc/passwd").expect("a path");
    fifo.set_mode(0o644);
    fifo.set_size(0);
    fifo.set_cksum();
    let line = "x:x:1:1::/:/bin/sh\n".repeat(1_000_000);
    for (name, layer) in [
        ("fifo", Layer::new().raw(&fifo, b"")),
        ("dir", Layer::new().dir("etc/passwd/x", 0o755)),
        ("loop", Layer::new().symlink("etc/passwd", "passwd")),
        ("big", Layer::new().file("etc/passwd", 0o644, line)),
    ] {
        sandbox.load(&Image::new(name).layer(layer).layer(Layer::new().file(
            "bin/true",
            0o755,
            std::fs::read("/bin/busybox").expect("busybox"),
        )));
        sandbox.args(&["run", "--rm", "-u", "web", name, "/bin/true"]).fails().code(125);
        let _ = sandbox.args(&["run", "--rm", "-u", "7", name, "/bin/true"]);
    }
}

#[test]
fn an_images_volume_begins_with_what_the_image_has_there() {
    for_everybody(|sandbox| {
        let layer = Layer::new()
            .dir("data", 0o750)
            .owned("data/file", 0o640, 1000, 2000, "from the image")
            .symlink("data/link", "file");
        sandbox.load(
            &Image::new("volume").from_busybox().layer(layer).config("Volumes", json!({"/data": {}, "/empty/one": {}})),
        );
        sandbox.run("run --name one volume sh -c 'cat /data/link; stat -c %u:%g:%a /data/file; echo changed > /data/file; ls -d /empty/one'").ok()
            .is("from the image1000:2000:640\n/empty/one\n");
        // It stays with the container, and the image is as it was.
        sandbox.run("start -a one").ok().has("changed\n");
        sandbox.run("run --rm volume cat /data/file").ok().is("from the image");
        sandbox.run("rm one").ok();
    });
}

#[test]
fn mounts_of_all_kinds() {
    for_everybody(|sandbox| {
        let dir = sandbox.file("work/shared/file", "hello\n");
        let dir = dir.parent().expect("a directory").to_string_lossy().into_owned();
        sandbox
            .args(&[
                "run",
                "--rm",
                "-v",
                &format!("{dir}:/mnt:ro"),
                "busybox",
                "sh",
                "-c",
                "cat /mnt/file; touch /mnt/x || echo no",
            ])
            .code(0)
            .has("hello\n")
            .has("no\n");
        sandbox
            .args(&["run", "--rm", "-v", &format!("{dir}/file:/a/b/c"), "busybox", "cat", "/a/b/c"])
            .ok()
            .is("hello\n");
        sandbox.args(&["run", "--rm", "-v", "./shared:/mnt", "busybox", "ls", "/mnt"]).ok().is("file\n");
        sandbox.args(&["run", "--rm", "-v", &format!("{dir}/../missing:/mnt"), "busybox", "ls", "/mnt"]).ok().is("");
        sandbox
            .args(&["run", "--rm", "--mount", &format!("type=bind,src={dir}/gone,dst=/mnt"), "busybox", "true"])
            .fails()
            .code(125);
        sandbox.run("run --rm --tmpfs /t:size=1m,mode=700 busybox sh -c 'df -k /t | tail -1 | tr -s \" \" | cut -d \" \" -f 2; stat -c %a /t'").ok().is("1024\n700\n");
        sandbox
            .run("run --rm --shm-size 2m busybox sh -c 'df -k /dev/shm | tail -1 | tr -s \" \" | cut -d \" \" -f 2'")
            .ok()
            .is("2048\n");
        sandbox
            .run("run --rm --read-only busybox sh -c 'touch /x || echo no; touch /tmp/y && echo yes'")
            .code(0)
            .has("no\n")
            .has("yes\n");
        sandbox
            .args(&["run", "--rm", "-v", &format!("{dir}:/a"), "-v", &format!("{dir}:/a/"), "busybox", "true"])
            .fails()
            .has("/a: duplicate mount destination");
        for target in ["/proc", "/proc/self", "/"] {
            sandbox.args(&["run", "--rm", "-v", &format!("{dir}:{target}"), "busybox", "true"]).fails().code(125);
        }
    });
}

#[test]
fn capabilities_and_seccomp() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm busybox grep CapEff /proc/self/status").ok().is("CapEff:\t00000000800405fb\n");
    sandbox.run("run --rm --cap-drop all busybox grep CapBnd /proc/self/status").ok().is("CapBnd:\t0000000000000000\n");
    sandbox
        .run("run --rm --cap-add net_raw busybox grep CapEff /proc/self/status")
        .ok()
        .is("CapEff:\t00000000800425fb\n");
    sandbox
        .run("run --rm busybox sh -c 'grep Seccomp: /proc/self/status; grep NoNew /proc/self/status'")
        .ok()
        .is("Seccomp:\t2\nNoNewPrivs:\t0\n");
    sandbox.run("run --rm --security-opt no-new-privileges --security-opt seccomp=unconfined busybox sh -c 'grep Seccomp: /proc/self/status; grep NoNew /proc/self/status'")
        .ok().is("Seccomp:\t0\nNoNewPrivs:\t1\n");
    sandbox.run("run --rm --privileged busybox sh -c 'grep Seccomp: /proc/self/status; test -w /sys && test -e /dev/kmsg && echo all'").ok().is("Seccomp:\t0\nall\n");
    sandbox.run("run --rm busybox mount -t tmpfs none /mnt").code(1);
}

#[test]
fn limits_are_applied() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm --ulimit nofile=100:200 busybox sh -c 'ulimit -Sn; ulimit -Hn'").ok().is("100\n200\n");
    sandbox.run("run --rm --umask 077 busybox sh -c umask").ok().is("0077\n");
    sandbox.run("run --rm --sysctl net.ipv4.ip_forward=1 busybox cat /proc/sys/net/ipv4/ip_forward").ok().is("1\n");
    sandbox.run("run --rm --sysctl kernel.core_pattern=x busybox true").fails().code(125);
    sandbox.run("run --rm -m 1m busybox true").fails().has("Minimum memory limit allowed is 6MB");
    let file = |name: &str| format!("cat /sys/fs/cgroup/{name} /sys/fs/cgroup/*/{name} 2>/dev/null; true");
    sandbox
        .args(&[
            "run",
            "--rm",
            "-m",
            "64m",
            "busybox",
            "sh",
            "-c",
            &format!("{};{}", file("memory.limit_in_bytes"), file("memory.max")),
        ])
        .code(0)
        .has("67108864");
    sandbox.args(&["run", "--rm", "--pids-limit", "17", "busybox", "sh", "-c", &file("pids.max")]).code(0).has("17\n");
}

#[test]
fn detached_prints_only_the_id() {
    for_everybody(|sandbox| {
        let id = sandbox.run("run -d --name web busybox sleep 1000").ok().is("[ID]\n").text().to_string();
        assert_eq!(id.len(), 64);
        sandbox.run("ps -q --no-trunc").ok().is(&format!("{id}\n"));
        sandbox.run("run -d --name web busybox true").fails().code(125).has("already in use");
        sandbox.run("rm -f -t 0 web").ok();
        sandbox.run("ps -aq").ok().is("");
    });
}

#[test]
fn rootfs_directories_are_used_as_they_are() {
    needs![root];
    let sandbox = Sandbox::new();
    let root = sandbox.path("rootfs");
    for dir in ["bin", "proc", "sys", "dev", "etc"] {
        std::fs::create_dir_all(root.join(dir)).expect("a directory");
    }
    std::fs::copy("/bin/busybox", root.join("bin/sh")).expect("busybox-static");
    let path = root.to_string_lossy().into_owned();
    sandbox.args(&["run", "--rm", "--rootfs", &path, "/bin/sh", "-c", "echo x > /made; echo $0"]).ok();
    assert!(root.join("made").exists());
    let overlay = format!("{path}:O");
    sandbox.args(&["run", "--rm", "--rootfs", &overlay, "/bin/sh", "-c", "echo x > /other; ls /"]).code(0);
    assert!(!root.join("other").exists());
    sandbox
        .args(&["run", "--rm", "--rootfs", "/:O", "/bin/sh", "-c", "echo x > /etc/barge-test; cat /etc/barge-test"])
        .ok()
        .is("x\n");
    assert!(!std::path::Path::new("/etc/barge-test").exists());
}

#[test]
fn own_user_namespaces() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm --userns auto:size=1000 busybox sh -c 'id -u; tr -s \" \" < /proc/self/uid_map | cut -d \" \" -f 2,4; touch /x; stat -c %u /x /bin'").ok().is("0\n0 1000\n0\n0\n");
}

#[test]
fn keep_id_is_the_caller() {
    needs![rootless];
    let sandbox = Sandbox::rootless().load_busybox();
    let uid = sandbox.uid().to_string();
    sandbox.run("run --rm --userns keep-id busybox id -u").ok().is(&format!("{uid}\n"));
    sandbox.run("run --rm --userns nomap busybox id -u").ok().is("0\n");
}

#[test]
fn the_engines_files_are_there() {
    for_everybody(|sandbox| {
        sandbox
            .run("run --rm --hostname box --name web --add-host db:10.0.0.9 busybox cat /etc/hosts")
            .ok()
            .has("127.0.0.1\tlocalhost")
            .has("10.0.0.9\tdb\n")
            .has("box web\n");
        sandbox.run("run --rm --hostname box busybox cat /etc/hostname").ok().is("box\n");
        sandbox.run("run --rm busybox cat /run/.containerenv").ok().has("engine=\"barge-");
        sandbox.run_as("docker", "run --rm busybox ls /.dockerenv").ok();
        for host in ["db:1.2.3.4\n5.6.7.8 evil", "a b:1.2.3.4", "db:nonsense"] {
            sandbox.args(&["run", "--rm", "--add-host", host, "busybox", "true"]).code(125);
        }
        sandbox.args(&["run", "--rm", "--hostname", "a\nb", "busybox", "true"]).code(125);
    });
}

#[test]
fn an_init_reaps_and_passes_signals_on() {
    for_everybody(|sandbox| {
        sandbox.run("run --rm --init busybox sh -c 'cat /proc/1/comm; exit 4'").code(4).lacks("sh\n");
        sandbox.run("run -d --init --name web busybox sleep 1000").ok();
        sandbox.run("stop -t 5 web").ok();
        sandbox.run("inspect --format '{{.State.ExitCode}}' web").ok().is("143\n");
    });
}

#[test]
fn default_sysctls_are_left_away_where_they_cannot_apply() {
    needs![root];
    let mut sandbox = Sandbox::with_busybox();
    let conf =
        sandbox.file("work/containers.conf", "[containers]\ndefault_sysctls = [\"net.ipv4.ping_group_range=0 0\"]\n");
    sandbox.env("CONTAINERS_CONF", &conf.to_string_lossy());
    sandbox.run("run --rm --network host busybox true").ok();
    sandbox.run("run --rm busybox cat /proc/sys/net/ipv4/ping_group_range").ok().is("0\t0\n");
    sandbox.run("run --rm --network host --sysctl net.ipv4.ip_forward=1 busybox true").fails().code(125);
}

#[test]
fn namespaces_of_others_can_be_joined() {
    for_everybody(|sandbox| {
        sandbox.run("run -d --name web --hostname web --shm-size 1m busybox sleep 1000").ok();
        let link = |line: &str| sandbox.run(line).ok().text().to_string();
        for (flag, kind) in [("--pid", "pid"), ("--ipc", "ipc"), ("--network", "net"), ("--uts", "uts")] {
            let own = link(&format!("exec web readlink /proc/self/ns/{kind}"));
            let joined = link(&format!("run --rm {flag} container:web busybox readlink /proc/self/ns/{kind}"));
            assert_eq!(own, joined, "{kind}");
        }
        sandbox.run("run --rm --pid container:web busybox ps").ok().has("sleep 1000");
        sandbox.run("rm -f -t 0 web").ok();
        sandbox.run("run --rm --pid container:web busybox true").fails().code(125);
    });
}
