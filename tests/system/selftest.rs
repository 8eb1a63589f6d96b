//! `selftest`: a default container is closed, and what is opened is found.

use crate::support::{Finished, Sandbox, met, needs};
use serde_json::Value;

fn checks(run: &Finished) -> Vec<(String, String, String)> {
    let json: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}\n{run}"));
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_string();
    let list = json["Checks"].as_array().unwrap();
    list.iter().map(|check| (text(check, "Grade"), text(check, "Name"), text(check, "What"))).collect()
}

/// Runs it; the names of what is weak or open.
fn found(sandbox: &Sandbox, flags: &str) -> Vec<String> {
    let run = sandbox.run(&format!("selftest --format json {flags}"));
    let names: Vec<String> = checks(&run)
        .into_iter()
        .filter(|(grade, ..)| grade == "weak" || grade == "open")
        .map(|(grade, name, _)| format!("{grade} {name}"))
        .collect();
    assert_eq!(run.status, i32::from(!names.is_empty()), "{run}");
    names
}

fn sandboxes() -> Vec<Sandbox> {
    let mut all = vec![Sandbox::new()];
    if met("rootless") {
        all.push(Sandbox::rootless());
    }
    if met("rootless_single") {
        all.push(Sandbox::rootless_single());
    }
    all
}

#[test]
fn a_default_container_is_closed() {
    for sandbox in sandboxes() {
        let page = sandbox.run("selftest").ok();
        for part in ["0 weak, 0 open", "ok    system calls", "as the filter says", "security-opt socketcall=deny"] {
            assert!(page.stdout.contains(part), "{part:?} is not in\n{page}");
        }
        let all = checks(&sandbox.run("selftest --format json").ok());
        assert!(all.len() > 15 && all.iter().all(|(grade, ..)| grade == "ok" || grade == "note"), "{all:?}");
        // It leaves nothing.
        sandbox.run("images -a -q").ok().stdout_is("");
        sandbox.run("ps -a -q").ok().stdout_is("");
    }
}

/// The filter that is judged is the one that the kernel has, where it can be asked for.
#[test]
fn the_filter_is_read_back_by_root() {
    needs![root];
    Sandbox::new().run("selftest").ok().has("read back from the kernel").forget();
}

#[test]
fn another_user_has_no_capabilities() {
    needs![root];
    Sandbox::new().run("selftest --user 1000").ok().has("uid 1000, in here and outside").forget();
}

#[test]
fn what_is_closed_further_is_seen() {
    for sandbox in sandboxes() {
        let line = "selftest --security-opt no-new-privileges --security-opt socketcall=deny --cap-drop ALL --read-only --init";
        let page = sandbox.run(line).ok();
        for part in ["ok    socketcall", "ok    new privileges", "0 of 41"] {
            assert!(page.stdout.contains(part), "{part:?} is not in\n{page}");
        }
    }
}

/// Each weakened control is found by the check that is for it: without these, "ok" would say nothing.
#[test]
fn what_is_opened_is_found() {
    needs![root];
    let sandbox = Sandbox::new();
    // Its layer is the selftest's, which need not be unpacked anew each time.
    sandbox.run("run --rm hello").ok().forget();
    // A disk that may be opened: a machine may keep even root from its own.
    let _disk = crate::faults::disk::Disk::new(&sandbox.path("work"), 4, &[]);
    sandbox.file("work/dir/file", "x");
    let _server = std::os::unix::net::UnixListener::bind(sandbox.path("work/dir/server")).unwrap();
    let dir = sandbox.path("work/dir").to_string_lossy().into_owned();
    for (flags, names) in [
        ("--cap-add NET_ADMIN", &["weak capabilities"][..]),
        ("--cap-add SYS_ADMIN", &["weak dangerous calls", "open dangerous calls", "open capabilities"]),
        ("--cap-add SYS_TIME", &["open dangerous calls", "weak capabilities"]),
        ("--cap-add MKNOD", &["weak capabilities", "weak new devices"]),
        ("--cap-add MKNOD --device-cgroup-rule 'b *:* rwm'", &["weak capabilities", "open new devices"]),
        ("--security-opt seccomp=unconfined", &["open system calls", "open filter at work"]),
        ("--security-opt unmask=/proc/keys", &["hidden paths"]),
        ("--security-opt unmask=ALL", &["open kernel's files", "hidden paths"]),
        ("--network=host", &["weak namespaces"]),
        ("--pid=host", &["open namespaces", "weak processes"]),
        ("--ipc=host", &["weak namespaces"]),
        ("--uts=host", &["weak namespaces"]),
        ("--cgroupns=host", &["weak namespaces"]),
        (&format!("-v {dir}:/mnt"), &["weak mounts", "weak unix sockets"]),
        ("--device /dev/kmsg", &["devices"]),
    ] {
        // One that has the whole host in sight may see more that is not as it should be: what was opened must be among it.
        let found = found(&sandbox, flags);
        for name in names {
            let named = |found: &String| found == name || found.split_once(' ').is_some_and(|(_, own)| own == *name);
            assert!(found.iter().any(named), "{name} with {flags}: {found:?}");
        }
    }
    let profile = sandbox.file("work/profile.json", r#"{"defaultAction": "SCMP_ACT_ALLOW"}"#);
    let all = found(&sandbox, &format!("--security-opt seccomp={}", profile.display()));
    assert!(all.contains(&"weak system calls".into()) && all.contains(&"open dangerous calls".into()), "{all:?}");
}

#[test]
fn a_privileged_container_is_open_everywhere() {
    for sandbox in sandboxes() {
        sandbox.run("run --rm hello").ok().forget();
        let all = found(&sandbox, "--privileged");
        for name in ["system calls", "capabilities", "kernel's files", "hidden paths"] {
            assert!(all.iter().any(|found| found.ends_with(name)), "{name}: {all:?}");
        }
    }
}

#[test]
fn a_probe_that_is_killed_is_no_verdict() {
    needs![root];
    let sandbox = Sandbox::new();
    let text =
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["bpf"], "action": "SCMP_ACT_KILL_PROCESS"}]}"#;
    let profile = sandbox.file("work/profile.json", text);
    let line = format!("selftest --security-opt seccomp={}", profile.display());
    sandbox.run(&line).code(125).has("the probe did not come to its end (exit code 159)").forget();
    sandbox.run("selftest --entrypoint sh").code(125).forget();
    sandbox.run("selftest sh").code(125).forget();
}

/// The probe in an exec: the keyring that the container's own process has, not that of whoever calls.
#[test]
fn an_exec_has_the_containers_keyring() {
    for sandbox in sandboxes() {
        let sandbox = sandbox.load_busybox();
        let program = sandbox.program().to_string_lossy().into_owned();
        let open = "--security-opt seccomp=unconfined";
        let line = format!(
            "run -d --name web {open} -v {program}:/p:ro busybox sh -c '/p @selftest once > /seen; sleep 1000'"
        );
        sandbox.run(&line).ok().forget();
        let keyring = |text: &str| {
            let seen: Value = serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {text}"));
            seen["keyring"].as_str().unwrap_or_default().to_string()
        };
        let own = (0..200)
            .find_map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(50));
                Some(sandbox.run("exec web cat /seen").stdout).filter(|text| text.ends_with('\n'))
            })
            .expect("the probe tells what it sees");
        let exec = sandbox.run("exec web /p @selftest once").ok().stdout;
        assert!(keyring(&own).contains(";_ses."), "{}", keyring(&own));
        assert_eq!(keyring(&own), keyring(&exec));
        // The control: ours here is another one.
        assert_ne!(barge::sys::keyring::describe_session().unwrap_or_default(), keyring(&own));
        sandbox.run("rm -f -t 0 web").ok().forget();
    }
}
