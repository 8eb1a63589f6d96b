//! Programs that a bundle runs at moments of its container's life.

use super::Bundle;
use crate::support::needs;
use serde_json::{Value, json};

const KINDS: [&str; 6] = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// Each hook writes its name and what it was told; the container's own see the container's host name.
fn with_hooks(command: &[&str]) -> Bundle {
    let bundle = Bundle::new(command);
    let log = bundle.sandbox.path("bundle/rootfs/log").display().to_string();
    let busybox = "/bin/busybox";
    bundle.with(|config| {
        for kind in KINDS {
            // The last ones live in the container's root.
            let log = if kind == "startContainer" { "/log".to_string() } else { log.clone() };
            let script = format!("echo {kind} $(hostname) $KEY $(cat) >> {log}");
            let hook = json!({"path": busybox, "args": ["sh", "-c", script], "env": ["KEY=value", "PATH=/bin"]});
            config["hooks"][kind] = json!([hook]);
        }
        config["annotations"] = json!({"org.example": "yes"});
    })
}

fn told(bundle: &Bundle) -> Vec<(String, String, Value)> {
    let text = std::fs::read_to_string(bundle.sandbox.path("bundle/rootfs/log")).unwrap_or_default();
    let line = |line: &str| {
        let (before, state) = line.split_once(" value ").unwrap_or_else(|| panic!("{line}"));
        let (kind, host) = before.split_once(' ').unwrap();
        (kind.to_string(), host.to_string(), serde_json::from_str(state).unwrap())
    };
    text.lines().map(line).collect()
}

#[test]
fn hooks_run_in_their_moment_and_place() {
    needs![root, busybox];
    let bundle = with_hooks(&["sleep", "1000"]);
    let id = bundle.id();
    bundle.run(&format!("create {id}")).ok().forget();
    let pid = bundle.run(&format!("state {id}")).ok().json()["pid"].clone();
    let kinds = |told: &[(String, String, Value)]| told.iter().map(|(kind, ..)| kind.clone()).collect::<Vec<_>>();
    assert_eq!(kinds(&told(&bundle)), KINDS[..3]);
    bundle.run(&format!("start {id}")).ok().forget();
    assert_eq!(kinds(&told(&bundle)), KINDS[..5]);
    bundle.run(&format!("delete -f {id}")).ok().forget();
    let told = told(&bundle);
    assert_eq!(kinds(&told), KINDS);
    for (kind, host, state) in &told {
        let inside = ["createContainer", "startContainer"].contains(&kind.as_str());
        assert_eq!(host == "bundle", inside, "{kind} ran on {host}");
        assert_eq!((&state["id"], &state["annotations"]["org.example"]), (&json!(id), &json!("yes")), "{kind}");
        assert_eq!(state["bundle"], json!(bundle.dir()), "{kind}");
        let (status, seen) = match kind.as_str() {
            "startContainer" => ("created", json!(1)),
            "createContainer" => ("creating", json!(1)),
            "poststart" => ("running", pid.clone()),
            "poststop" => ("stopped", Value::Null),
            _ => ("creating", pid.clone()),
        };
        assert_eq!((state["status"].as_str(), &state["pid"]), (Some(status), &seen), "{kind}");
    }
}

#[test]
fn a_hook_before_the_root_is_entered_sees_it_with_its_mounts() {
    needs![root, busybox];
    let bundle = Bundle::new(&["cat", "/tmp/from-hook"]);
    let rootfs = bundle.sandbox.path("bundle/rootfs").display().to_string();
    let bundle = bundle.with(|config| {
        let script = format!("test -e {rootfs}/proc/self && echo made > {rootfs}/tmp/from-hook");
        config["mounts"]
            .as_array_mut()
            .unwrap()
            .push(json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}));
        config["hooks"] = json!({"createContainer": [{"path": "/bin/busybox", "args": ["sh", "-c", script]}]});
    });
    bundle.run(&format!("run {}", bundle.id())).ok().stdout_is("made\n").forget();
    assert!(!bundle.sandbox.path("bundle/rootfs/tmp/from-hook").exists());
}

#[test]
fn a_hook_that_fails_or_hangs_ends_the_container() {
    needs![root, busybox];
    for (kind, says_so) in [("prestart", true), ("createRuntime", true), ("createContainer", true), ("poststart", true)]
    {
        for (script, timeout, words) in [("exit 3", 10, "3"), ("sleep 1000", 1, "timeout")] {
            let mut bundle = with_hooks(&["sleep", "1000"]);
            bundle.config["hooks"][kind] =
                json!([{"path": "/bin/busybox", "args": ["sh", "-c", script], "timeout": timeout}]);
            bundle.write();
            let id = bundle.id();
            let run = bundle.run(&format!("run -d {id}"));
            assert_eq!((run.status != 0, run.stderr.contains(words)), (says_so, true), "{kind} {script}: {run}");
            bundle.run("list -q").ok().stdout_is("").forget();
            let last = told(&bundle).pop();
            assert_eq!(last.map(|(kind, ..)| kind).as_deref(), Some("poststop"), "{kind} {script}");
        }
    }
    // One at the end changes nothing.
    let mut bundle = with_hooks(&["true"]);
    bundle.config["hooks"]["poststop"] = json!([{"path": "/bin/busybox", "args": ["sh", "-c", "exit 3"]}]);
    bundle.write();
    bundle.run(&format!("run {}", bundle.id())).code(0).has("poststop").forget();
    bundle.run("list -q").ok().stdout_is("").forget();
}

#[test]
fn hooks_that_make_no_sense_are_refused_before_anything_is_made() {
    needs![root, busybox];
    for hook in [json!({"path": "relative"}), json!({"path": "/bin/true", "timeout": 0})] {
        let bundle = Bundle::new(&["true"]).with(|config| config["hooks"] = json!({"poststop": [hook]}));
        bundle.run(&format!("create {}", bundle.id())).code(1).has("hook").forget();
        bundle.run("list -q").ok().stdout_is("").forget();
    }
}
