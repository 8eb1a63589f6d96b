//! `barge oci …`: the runtime alone, as other engines use it.

mod engines;
mod exec;
mod features;
mod hooks;
mod lifecycle;
mod names;

use crate::support::{Finished, Sandbox, words};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

/// A bundle with busybox as its root, and commands on it.
pub struct Bundle {
    pub sandbox: Sandbox,
    pub config: Value,
}

const APPLETS: [&str; 18] = [
    "cat", "chmod", "cut", "date", "echo", "env", "grep", "hostname", "id", "ls", "mount", "sh", "sleep", "stat",
    "touch", "true", "tty", "uname",
];

impl Bundle {
    /// What `oci spec` gives, without a terminal; the command is `words`.
    pub fn new(command: &[&str]) -> Bundle {
        let sandbox = Sandbox::new();
        let root = sandbox.path("bundle/rootfs");
        for dir in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
            std::fs::create_dir_all(root.join(dir)).unwrap();
        }
        std::fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        std::fs::set_permissions(root.join("bin/busybox"), std::fs::Permissions::from_mode(0o755)).unwrap();
        for applet in APPLETS {
            symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        let mount = |place: &str, kind: &str, options: &[&str]| json!({"destination": place, "type": kind, "source": kind, "options": options});
        let config = json!({
            "ociVersion": "1.2.0",
            "process": {
                "user": {"uid": 0, "gid": 0},
                "args": command,
                "env": ["PATH=/bin", "TERM=xterm"],
                "cwd": "/",
                "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]},
                "noNewPrivileges": true,
            },
            "root": {"path": "rootfs"},
            "hostname": "bundle",
            "mounts": [
                mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
                mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
                mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
                mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            ],
            "linux": {
                "namespaces": [
                    {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
                    {"type": "cgroup"},
                ],
                "resources": {"devices": [{"allow": false, "access": "rwm"}]},
                "maskedPaths": ["/proc/kcore"],
                "readonlyPaths": ["/proc/sys"],
            },
        });
        let bundle = Bundle { sandbox, config };
        bundle.write();
        bundle
    }

    /// Writes the config as it is now.
    pub fn write(&self) {
        self.sandbox.file("bundle/config.json", serde_json::to_vec_pretty(&self.config).unwrap());
    }

    /// The same bundle with another config.
    pub fn with(mut self, change: impl FnOnce(&mut Value)) -> Bundle {
        change(&mut self.config);
        self.write();
        self
    }

    pub fn dir(&self) -> PathBuf {
        self.sandbox.path("bundle")
    }

    /// A command of the runtime, in the bundle's directory.
    pub fn command(&self, line: &str) -> Command {
        let mut command = self.sandbox.other(&self.sandbox.program().to_string_lossy());
        let state = self.sandbox.path("state");
        command.args(["oci", "--root"]).arg(state).args(words(line)).current_dir(self.dir());
        command
    }

    /// Runs it to its end. What goes on afterwards keeps the streams that it was given: files, for those.
    #[track_caller]
    #[must_use]
    pub fn run(&self, line: &str) -> Finished {
        let words = words(line);
        let stays = words[0] == "create" || words.iter().any(|word| ["-d", "--detach"].contains(&word.as_str()));
        if !stays {
            return self.sandbox.finish(self.command(line), b"");
        }
        let mut command = self.sandbox.other("/bin/sh");
        let script = "program=$1; shift; \"$program\" \"$@\" >../out 2>../err </dev/null; code=$?; cat ../out; cat ../err >&2; exit $code";
        command.args(["-c", script, "sh"]).arg(self.sandbox.program()).args(["oci", "--root"]);
        command.arg(self.sandbox.path("state")).args(words).current_dir(self.dir());
        self.sandbox.finish(command, b"")
    }

    /// The container's status, in the spec's word.
    #[track_caller]
    pub fn status(&self, id: &str) -> String {
        self.run(&format!("state {id}")).ok().json()["status"].as_str().unwrap().to_string()
    }

    /// Waits until it has that status.
    #[track_caller]
    pub fn wait_for(&self, id: &str, status: &str) {
        for _ in 0..500 {
            if self.status(id) == status {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{id} is {}, not {status}", self.status(id));
    }

    /// A name that no other test's container has: cgroups are the machine's.
    pub fn id(&self) -> String {
        format!("oci-{}", self.sandbox.path("").file_name().unwrap().to_string_lossy())
    }
}

/// The directories of the machine's cgroups that are called so.
pub fn cgroups(id: &str) -> Vec<PathBuf> {
    fn walk(dir: &std::path::Path, id: &str, depth: u32, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if entry.file_name().to_string_lossy() == id {
                found.push(entry.path());
            } else if depth > 0 {
                walk(&entry.path(), id, depth - 1, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(std::path::Path::new("/sys/fs/cgroup"), id, 4, &mut found);
    found
}
