//! What a test needs from the machine.

use std::path::Path;

/// Leaves the test (and says so) unless every need is met; with TEST_REQUIRE=all it fails instead.
///
/// `root` · `not_root` · `rootless` (root, and the test user with subordinate ids) · `rootless_single` (root, and the one
/// without) · any other word: a command of that name, `_` for `-`.
macro_rules! needs {
    ($($need:ident),+ $(,)?) => {
        $(if !$crate::support::wanted(stringify!($need)) { return; })+
    };
}

/// Leaves the test unless the host has what no package brings: `cgroup_v1`, `cgroup_v2`, `systemd`, `apparmor`, `userns`, `overlay`.
macro_rules! only_on {
    ($($need:ident),+ $(,)?) => {
        $(if !$crate::support::met(stringify!($need)) {
            println!("skipped: this host has no {}", stringify!($need));
            return;
        })+
    };
}

pub(crate) use {needs, only_on};

/// Whether `need` is met; if not says so, or panics when everything is required.
pub fn wanted(need: &str) -> bool {
    if met(need) {
        return true;
    }
    assert_ne!(
        std::env::var("TEST_REQUIRE").as_deref(),
        Ok("all"),
        "needs {need}, which is missing here: run `make test`"
    );
    println!("skipped: needs {need}");
    false
}

/// Whether `need` is met.
pub fn met(need: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    match need {
        "root" => root,
        "not_root" => !root,
        "rootless" => root && super::sandbox::test_user("barge-test").is_some() && command("newuidmap"),
        "rootless_single" => root && super::sandbox::test_user("barge-test-nosub").is_some(),
        "cgroup_v1" => Path::new("/sys/fs/cgroup/memory").exists(),
        "cgroup_v2" => Path::new("/sys/fs/cgroup/cgroup.controllers").exists(),
        "systemd" => Path::new("/run/systemd/system").exists() && met("cgroup_v2"),
        "apparmor" => Path::new("/sys/kernel/security/apparmor").exists() && command("apparmor_parser"),
        "userns" => Path::new("/proc/self/ns/user").exists(),
        "overlay" => std::fs::read_to_string("/proc/filesystems").is_ok_and(|text| text.contains("\toverlay")),
        _ => command(&need.replace('_', "-")),
    }
}

/// Whether PATH (or an sbin directory) has a command.
fn command(name: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').chain(["/usr/sbin", "/sbin"]).any(|dir| Path::new(dir).join(name).is_file())
}
