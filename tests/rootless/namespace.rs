//! The user's namespace: made by the first command, kept for the next, healed by any (SECURITY F12, S2).

use crate::support::{Sandbox, needs};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;

fn record(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("xdg/barge/userns.json")
}

/// The pid of the keeper that the record names.
fn keeper(sandbox: &Sandbox) -> i32 {
    let text = std::fs::read(record(sandbox)).expect("the first command has written it");
    let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    value["pid"].as_i64().expect("a pid") as i32
}

/// The user namespace of a process, as the kernel names it.
fn namespace(pid: i32) -> PathBuf {
    std::fs::read_link(format!("/proc/{pid}/ns/user")).expect("it lives")
}

#[test]
fn the_second_command_finds_the_namespace_of_the_first() {
    needs![rootless];
    let sandbox = Sandbox::rootless();
    sandbox.run("images -q").ok().stdout_is("");
    let first = keeper(&sandbox);
    let map = std::fs::read_to_string(format!("/proc/{first}/uid_map")).expect("it lives");
    assert_eq!(map.lines().count(), 2, "the user and the range:\n{map}");
    sandbox.run("images -q").ok();
    assert_eq!(keeper(&sandbox), first);
}

#[test]
fn without_ranges_there_is_one_id_and_scripts_see_no_complaint() {
    needs![rootless_single];
    let sandbox = Sandbox::rootless_single();
    sandbox.run("images -q").ok().stdout_is("");
    let map = std::fs::read_to_string(format!("/proc/{}/uid_map", keeper(&sandbox))).expect("it lives");
    let uid = sandbox.uid().to_string();
    assert!(map.split_ascii_whitespace().eq(["0", uid.as_str(), "1"]), "{map}");
}

#[test]
fn killing_the_keeper_is_harmless() {
    needs![rootless, rootless_single];
    for sandbox in [Sandbox::rootless(), Sandbox::rootless_single()] {
        sandbox.run("images -q").ok();
        kill(Pid::from_raw(keeper(&sandbox)), Signal::SIGKILL).expect("root may");
        sandbox.run("images -q").ok();
    }
}

#[test]
fn a_garbled_record_is_healed() {
    needs![rootless];
    let sandbox = Sandbox::rootless();
    sandbox.run("images -q").ok();
    let own = namespace(keeper(&sandbox));
    let pid = std::process::id();
    for text in [
        String::new(),
        "{".to_string(),
        "\0".repeat(4096),
        "[".repeat(100_000),
        r#"{"pid":-1,"start_time":0,"boot_id":"","inode":0,"stamp":""}"#.to_string(),
        r#"{"pid":99999999999999999999}"#.to_string(),
        // Another living process, whose namespace must not be joined for it.
        format!(r#"{{"pid":{pid},"start_time":1,"boot_id":"","inode":1,"stamp":""}}"#),
    ] {
        sandbox.file("xdg/barge/userns.json", &text);
        sandbox.run("images -q").ok();
        assert_eq!(namespace(keeper(&sandbox)), own, "after {:.40}", text);
    }
    std::fs::remove_file(record(&sandbox)).expect("it is there");
    std::fs::create_dir(record(&sandbox)).expect("it is not there");
    chown(record(&sandbox), Some(sandbox.uid()), None).expect("root may");
    sandbox.run("images -q").ok();
    assert_eq!(namespace(keeper(&sandbox)), own);
}

#[test]
fn a_container_keeps_its_namespace_when_the_keeper_is_killed() {
    needs![rootless];
    let sandbox = Sandbox::rootless().load_busybox();
    sandbox.start_sleeper("web");
    let own = namespace(keeper(&sandbox));
    kill(Pid::from_raw(keeper(&sandbox)), Signal::SIGKILL).expect("root may");
    sandbox.run("exec web true").ok();
    assert_eq!(namespace(keeper(&sandbox)), own);
    sandbox.run("rm -f -t 0 web").code(0).forget();
}

#[test]
fn many_first_commands_make_one_namespace() {
    needs![rootless];
    let sandbox = Sandbox::rootless();
    let running: Vec<_> = (0..8).map(|_| sandbox.spawn("images -q")).collect();
    for running in running {
        running.finish().ok().forget();
    }
    let title = sandbox.path("xdg/barge").to_string_lossy().into_owned();
    let keepers = std::fs::read_dir("/proc").expect("/proc").flatten().filter(|entry| {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<_> = words.split(|byte| *byte == 0).collect();
        words.get(1) == Some(&&b"@userns"[..]) && words.get(2) == Some(&title.as_bytes())
    });
    assert_eq!(keepers.count(), 1);
}

#[test]
fn it_works_without_environment_and_standard_input() {
    needs![rootless];
    let sandbox = Sandbox::rootless();
    let script = format!(
        "exec env -i {} --root {} --runroot {} images -q <&-",
        sandbox.program().display(),
        sandbox.root().display(),
        sandbox.run_root().display()
    );
    let mut command = sandbox.other("/bin/sh");
    command.args(["-c", &script]);
    sandbox.finish(command, b"").ok().forget();
    // Without XDG_RUNTIME_DIR the run directory is the session's, or one in /tmp; nobody else may look into it.
    let session = PathBuf::from(format!("/run/user/{}", sandbox.uid()));
    let fallback =
        if session.exists() { session.join("barge") } else { PathBuf::from(format!("/tmp/barge-{}", sandbox.uid())) };
    let meta = std::fs::metadata(&fallback).expect("it was made");
    assert_eq!((meta.uid(), meta.permissions().mode() & 0o777), (sandbox.uid(), 0o700));
}

#[test]
fn a_run_directory_of_somebody_else_is_refused() {
    needs![rootless];
    let sandbox = Sandbox::rootless();
    let dir = sandbox.path("xdg/barge");
    std::fs::create_dir(&dir).expect("it is not there");
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).expect("ours");
    let expected = format!("Error: run directory `{}`: belongs to uid 0, not to {}\n", dir.display(), sandbox.uid());
    sandbox.run("images -q").fails().stderr_is(&expected).code(125);
}

#[test]
fn store_and_run_directories_are_closed_to_others() {
    needs![rootless];
    let sandbox = Sandbox::rootless().load_busybox();
    for dir in [sandbox.root(), sandbox.run_root(), sandbox.path("xdg/barge")] {
        assert_eq!(std::fs::metadata(&dir).expect("it is there").mode() & 0o777, 0o700, "{}", dir.display());
    }
}

#[test]
fn a_user_without_a_home_is_told_what_to_do() {
    needs![rootless];
    let sandbox = Sandbox::rootless();
    let mut command = sandbox.other(&sandbox.program().to_string_lossy());
    command.env("HOME", "/nonexistent/home").env("XDG_DATA_HOME", "/proc/nowhere").args(["images", "-q"]);
    let expected =
        format!("Error: store directory `/proc/nowhere/barge`: uid {} may not write to /proc\n", sandbox.uid());
    sandbox.finish(command, b"").fails().stderr_is(&expected).code(125).forget();
}

#[test]
fn what_is_missing_is_told_once_and_on_a_terminal_only() {
    needs![rootless_single, script];
    let sandbox = Sandbox::rootless_single();
    sandbox.run("images -q").ok().stdout_is("");
    let on_a_terminal = || {
        let line = format!(
            "{} --root {} --runroot {} images -q",
            sandbox.program().display(),
            sandbox.root().display(),
            sandbox.run_root().display()
        );
        let mut command = sandbox.other("script");
        command.args(["-qec", &line, "/dev/null"]);
        sandbox.finish(command, b"").code(0).stdout
    };
    let first = on_a_terminal();
    assert!(first.starts_with("Note: only one user id in containers: ") && first.contains("usermod"), "{first}");
    assert_eq!(on_a_terminal(), "");
}
