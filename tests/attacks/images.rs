//! What an image says of itself, and what is in it, where the engine might believe or run it.

use super::canary::{Canary, TOKEN};
use super::probe;
use crate::container::everywhere;
use crate::support::image::{Image, Layer};
use crate::support::{Sandbox, needs};
use serde_json::json;

/// S11: volumes of an image begin with what the image has there, and lie in the container.
#[test]
fn an_images_volumes_are_its_own() {
    everywhere(|sandbox| {
        let canary = Canary::new(sandbox);
        let host = canary.host();
        let up = format!("/../../../../../../../..{host}");
        let linked = Layer::new().symlink("link", &host).symlink("up", &format!("../../../../../../..{host}"));
        sandbox.load(&Image::new("links:latest").from_busybox().layer(linked));
        for (number, volume) in [
            "..",
            "",
            ".",
            "/",
            "/..",
            &up,
            "/link",
            "/link/x",
            "/up",
            "/proc",
            "/proc/sys",
            "/sys",
            "/dev",
            "/dev/pts",
            "a\nb",
            "/etc",
        ]
        .iter()
        .enumerate()
        {
            let name = format!("volume{number}:latest");
            let mut image = Image::new(&name).from_busybox();
            image = image.layer(Layer::new().symlink("link", &host).symlink("up", &format!("../../../../../..{host}")));
            sandbox.load(&image.config("Volumes", json!({(*volume): {}})));
            let script = format!(
                "cat {up}/b /link/b /up/b /passwd 2>/dev/null; ls -R /proc/sys/kernel 2>/dev/null | head -1; true"
            );
            let run = sandbox.args(&["run", "--rm", "--network=none", &name, "sh", "-c", &script]);
            assert!(!run.stdout.contains(TOKEN), "{volume:?}: read the host: {run}");
            assert!(run.status == 0 || run.status == 125, "{volume:?}: {run}");
            canary.is_untouched(volume);
        }
    });
}

/// S12 (CVE-2026-57231): variables come from the image and from flags, never from the host because an image says so.
#[test]
fn an_images_environment_takes_nothing_from_the_host() {
    let make = |mut sandbox: Sandbox| {
        sandbox.env("SECRET_KEY", TOKEN);
        for (number, env) in
            [json!(["SECRET_KEY", "S*", "*", "", "=", "=x", "A=1"]), json!(["SECRET_KEY"]), json!(["*"])]
                .iter()
                .enumerate()
        {
            let name = format!("env{number}:latest");
            sandbox.load(&Image::new(&name).from_busybox().config("Env", env.clone()));
            let run = sandbox.run(&format!("run --rm --network=none {name} /bin/env"));
            assert!(!run.stdout.contains(TOKEN), "{env}: {run}");
            sandbox.run(&format!("run -d --name web --network=none {name} /bin/sleep 1000")).forget();
            let run = sandbox.run("exec web /bin/env");
            assert!(!run.stdout.contains(TOKEN), "{env}: {run}");
            sandbox.run("rm -f -i -t 0 web").ok().forget();
        }
        // The control: the flag asks for it.
        sandbox.run("run --rm --network=none -e SECRET_KEY busybox env").ok().has(TOKEN).forget();
    };
    make(Sandbox::with_busybox());
    if crate::support::met("rootless") {
        make(Sandbox::rootless().load_busybox());
    }
}

/// Every word in our own source that looks like the name of a label or annotation that somebody reads.
fn names_in_our_source() -> Vec<String> {
    fn walk(dir: &std::path::Path, found: &mut std::collections::BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).expect("src/").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for word in text.split('"').skip(1).step_by(2) {
                let good = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
                if word.len() < 80 && word.contains('.') && word.contains(char::is_alphabetic) && word.chars().all(good)
                {
                    found.insert(word.to_string());
                }
            }
        }
    }
    let mut found = std::collections::BTreeSet::new();
    walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.into_iter().collect()
}

/// S14 (CVE-2026-53488): an image's labels are data, also those whose names the program knows.
#[test]
fn an_images_labels_steer_nothing() {
    everywhere(|sandbox| {
        let canary = Canary::new(sandbox);
        let names = names_in_our_source();
        assert!(names.len() > 20, "{names:?}");
        let values = [
            canary.host(),
            "unconfined".into(),
            "true".into(),
            format!("binary:///bin/sh?-c=touch {}/pwn", canary.host()),
        ];
        for (number, value) in values.iter().enumerate() {
            let labels: serde_json::Map<_, _> = names.iter().map(|name| (name.clone(), json!(value))).collect();
            let name = format!("label{number}:latest");
            sandbox.load(&Image::new(&name).from_busybox().config("Labels", labels.into()));
            let look = |image: &str| {
                let script = "grep -E 'Cap|NoNew|Seccomp' /proc/self/status; cat /proc/self/uid_map; id; ls /dev; \
                              sed 's/^[0-9]* [0-9]* [0-9:]* //; s/overlay overlay.*/overlay/; s/master:[0-9]*//; s/[0-9a-f]\\{64\\}/ID/g' /proc/self/mountinfo | sort";
                sandbox
                    .args(&["run", "--rm", "--network=none", "--hostname=h", image, "sh", "-c", script])
                    .code(0)
                    .stdout
            };
            // Run without a label it is the same.
            assert_eq!(look(&name), look("busybox"), "labels with {value}");
            canary.is_untouched(value);
        }
    });
}

/// S16: no field that goes into a file of lines brings a line of its own.
#[test]
fn no_field_brings_a_line() {
    everywhere(|sandbox| {
        let evil = "/x\nintruder::0:0::/:/bin/sh";
        let lines = |options: &[&str]| {
            let words = [&["run", "--rm", "--network=none"], options, &["busybox", "sh", "-c"]].concat();
            let script = "cat /etc/passwd /etc/group /etc/hosts /etc/hostname /etc/resolv.conf";
            sandbox.args(&[words.as_slice(), &[script]].concat())
        };
        let add_host = "x\nintruder:1.2.3.4";
        let cases: [&[&str]; 7] = [
            &["--user", "1234", "-e", &format!("HOME={evil}")],
            &["--user", "1234", "--passwd-entry", evil],
            &["--hostname", evil],
            &["--add-host", add_host],
            &["--name", evil],
            &["--user", "1234", "--group-entry", evil],
            &["--user", "1234", "-w", evil],
        ];
        for options in cases {
            let run = lines(options);
            let intruder = run.stdout.lines().any(|line| line.starts_with("intruder"));
            assert!(!intruder, "{options:?}: {run}");
        }
        for (number, key) in ["Hostname", "Domainname", "User", "WorkingDir"].iter().enumerate() {
            let name = format!("field{number}:latest");
            sandbox.load(&Image::new(&name).from_busybox().config(key, evil.into()));
            let script = "cat /etc/passwd /etc/group /etc/hosts /etc/hostname";
            let run = sandbox.args(&["run", "--rm", "--network=none", &name, "sh", "-c", script]);
            assert!(!run.stdout.lines().any(|line| line.starts_with("intruder")), "{key}: {run}");
        }
        let image =
            Image::new("home:latest").from_busybox().config("Env", json!([format!("HOME={evil}"), "PATH=/bin"]));
        sandbox.load(&image);
        let run = sandbox.run("run --rm --network=none --user 1234 home cat /etc/passwd");
        assert!(!run.stdout.lines().any(|line| line.starts_with("intruder")), "{run}");
    });
}

/// S17: nothing of the host is mounted that nobody asked for.
#[test]
fn nothing_is_mounted_that_nobody_asked_for() {
    everywhere(|sandbox| {
        let canary = Canary::new(sandbox);
        let host = canary.host();
        let layer = Layer::new()
            .symlink("run/secrets", &host)
            .symlink("etc/system-fips", &host)
            .symlink("etc/pki", &host)
            .symlink("usr/share/rhel", &host);
        sandbox.load(&Image::new("implicit:latest").from_busybox().layer(layer));
        let run = sandbox.run("run --rm --network=none implicit cat /proc/self/mountinfo").ok();
        let fine =
            ["/", "/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv"];
        for line in run.lines() {
            let place = line.split(' ').nth(4).unwrap_or_default();
            let known =
                fine.contains(&place) || ["/proc/", "/sys/", "/dev/"].iter().any(|start| place.starts_with(start));
            assert!(known, "{line}");
        }
        canary.is_untouched("mounting");
    });
}

/// C2, C4: nothing of the image runs that nobody called, whatever its programs are named; seen by strace.
#[test]
fn no_program_of_the_image_runs_uncalled() {
    needs![root, strace];
    let sandbox = Sandbox::with_busybox();
    let script = "#!/bin/busybox sh\n/bin/busybox env > /pwn\n";
    let mut layer = Layer::new();
    for name in [
        "ps",
        "nsenter",
        "tar",
        "xz",
        "unpigz",
        "gzip",
        "zstd",
        "newuidmap",
        "sleep2",
        "mount",
        "iptables",
        "nft",
        "runc",
    ] {
        layer =
            layer.file(&format!("usr/local/sbin/{name}"), 0o755, script).file(&format!("sbin/{name}"), 0o755, script);
    }
    sandbox.load(&Image::new("trap:latest").from_busybox().layer(layer));
    let log = sandbox.path("work/strace.log");
    let traced = |line: &str| {
        let mut command = sandbox.other("strace");
        command.args(["-f", "-qq", "-A", "-s", "4096", "-e", "trace=execve,execveat", "-o"]).arg(&log);
        command.arg(sandbox.program()).arg("--root").arg(sandbox.root()).arg("--runroot").arg(sandbox.run_root());
        command.args(crate::support::words(line)).stdout(std::process::Stdio::null());
        command.spawn().expect("strace can be started")
    };
    let run = |line: &str| assert!(traced(line).wait().expect("our child").success(), "{line}");
    run("create --name web --network=none trap /bin/busybox sleep 1000");
    // It follows the container to its end.
    let mut start = traced("start web");
    while sandbox.run("ps -q").text().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    for line in ["top web", "logs web", "inspect web", "pause web", "unpause web", "ps -a -s", "stop -t 0 web"] {
        run(line);
    }
    start.wait().expect("our child");
    for line in ["rm web", "save -q -o out.tar trap", "load -q -i out.tar"] {
        run(line);
    }
    let text = std::fs::read_to_string(&log).expect("strace wrote it");
    let program = sandbox.program().display().to_string();
    let mut seen = 0;
    for call in text.lines().filter(|line| line.contains("execve")) {
        let path = call.split('"').nth(1).unwrap_or_default();
        let ours = path == program || path == "/proc/self/exe" || path.starts_with("/proc/self/fd/");
        let asked_for = path == "/bin/busybox";
        assert!(ours || asked_for, "{call}");
        seen += 1;
    }
    assert!(seen > 10, "strace has seen {seen} programs");
    assert!(text.contains("/bin/busybox"), "the control: what was asked for is seen");
}

/// C3: a static program loads no library, from nowhere.
#[test]
fn the_program_is_static() {
    needs![readelf];
    let readelf = |program: &str| {
        let output = std::process::Command::new("readelf").args(["-d", "-l", program]).output().expect("readelf runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let ours = readelf(env!("CARGO_BIN_EXE_barge"));
    assert!(!ours.contains("(NEEDED)") && !ours.contains("INTERP"), "{ours}");
    // The control.
    assert!(readelf("/bin/ls").contains("(NEEDED)"));
}

/// R19: what root of a container may open for writing below /proc and /sys.
#[test]
fn few_files_of_the_kernel_can_be_written() {
    needs![gcc];
    probe::everywhere(|sandbox| {
        let look = |options: &str| {
            let run = sandbox.run(&format!(
                "run --rm --network=none {options} probe sh -c '/probe writable /proc; /probe writable /sys'"
            ));
            run.code(0).lines().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        // Of the container's own, or without effect beyond it; docker leaves each of them, too.
        let fine = |path: &String| {
            path.starts_with("/proc/self/") || path.starts_with("/proc/pressure/") || path == "/proc/net"
        };
        let open: Vec<_> = look("").into_iter().filter(|path| !fine(path)).collect();
        assert!(
            open.iter().all(|path| ["/proc/mdstat", "/proc/mtrr", "/proc/kpagecgroup"].contains(&path.as_str())),
            "{open:?}"
        );
        // The control.
        if sandbox.uid() == 0 {
            let privileged = look("--privileged");
            assert!(privileged.iter().any(|path| path == "/proc/sys/kernel/core_pattern"), "{privileged:?}");
        }
    });
}

/// R9: as root, nothing is written to a proc by its name once the container's namespaces are entered; seen by strace.
#[test]
fn nothing_is_written_to_proc_by_name() {
    needs![root, strace];
    let sandbox = Sandbox::with_busybox();
    let log = sandbox.path("work/strace.log");
    let options = "--sysctl net.ipv4.ip_default_ttl=33 --sysctl kernel.shm_rmid_forced=1 --oom-score-adj 500";
    let mut command = sandbox.other("strace");
    command.args(["-f", "-qq", "-y", "-s", "4096", "-e", "trace=open,openat,openat2,creat", "-o"]).arg(&log);
    command.arg(sandbox.program()).arg("--root").arg(sandbox.root()).arg("--runroot").arg(sandbox.run_root());
    command.args(crate::support::words(&format!("run --rm --network=none {options} busybox true")));
    sandbox.finish(command, b"").code(0).forget();
    let text = std::fs::read_to_string(&log).expect("strace wrote it");
    let writes: Vec<&str> = text.lines().filter(|line| line.contains("O_WRONLY") || line.contains("O_RDWR")).collect();
    assert!(writes.iter().any(|line| line.contains("ip_default_ttl")), "the control: a sysctl is set\n{text}");
    for line in writes {
        let path = line.split('"').nth(1).unwrap_or_default();
        // Its own score, before it has a container.
        let own = path.ends_with("/oom_score_adj");
        assert!(!(path.starts_with("/proc") || path.starts_with("/sys/kernel")) || own, "{line}");
        if path.starts_with("sys/") {
            assert!(line.contains("RESOLVE_NO_XDEV") && line.contains("RESOLVE_NO_SYMLINKS"), "{line}");
        }
    }
}
