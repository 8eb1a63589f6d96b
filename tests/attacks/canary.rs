//! What no attack may touch or read, looked at before and after.

use crate::support::Sandbox;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Stands in every file of the canary. Not in any output, container or archive.
pub const TOKEN: &str = "canary-token-7a31";

/// Knobs of the kernel that escapes have turned.
const KNOBS: &[&str] = &[
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/sysrq",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/fs/binfmt_misc/status",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/panic_on_oom",
];

/// A directory on the host that nothing may touch or read, and the state of the kernel that nothing may change.
///
/// It belongs to the sandbox's user: what the engine could do by mistake, it can do here.
pub struct Canary {
    /// Where it is.
    pub dir: PathBuf,
    before: Look,
}

/// Type, mode, owner, links, times and content of everything; the knobs.
type Look = BTreeMap<PathBuf, (u32, u32, u32, u64, i64, i64, Vec<u8>)>;

impl Canary {
    /// One with a file of each name that engines write to.
    pub fn new(sandbox: &Sandbox) -> Canary {
        let dir = sandbox.path("work/canary");
        let names = [
            "ptmx",
            "null",
            "console",
            "pts/x",
            "shm/x",
            "hosts",
            "hostname",
            "resolv.conf",
            "group",
            ".containerenv",
            "core_pattern",
            "b",
        ];
        for name in names {
            sandbox.file(&format!("work/canary/{name}"), TOKEN);
        }
        let passwd = format!("root:x:0:0::/:/bin/sh\nintruder:x:4242:4242:{TOKEN}:/:/bin/sh\n");
        sandbox.file("work/canary/passwd", passwd);
        let before = look(&dir);
        Canary { dir, before }
    }

    /// Its path, as images name it.
    pub fn host(&self) -> String {
        self.dir.display().to_string()
    }

    /// Fails when anything is not as it was.
    #[track_caller]
    pub fn is_untouched(&self, what: &str) {
        let after = look(&self.dir);
        let changed: Vec<_> = self.before.iter().filter(|(path, was)| after.get(*path) != Some(was)).collect();
        let new: Vec<_> = after.keys().filter(|path| !self.before.contains_key(*path)).collect();
        assert!(changed.is_empty() && new.is_empty(), "{what} changed the host: {changed:?}, new: {new:?}");
    }

    /// Whether something is not as it was: what controls want to see.
    pub fn is_touched(&self) -> bool {
        look(&self.dir) != self.before
    }
}

fn look(dir: &Path) -> Look {
    let mut found = Look::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(path) = todo.pop() {
        let stat = std::fs::symlink_metadata(&path).expect("the canary is there");
        let mut content = Vec::new();
        if stat.is_dir() {
            todo.extend(std::fs::read_dir(&path).expect("ours").flatten().map(|entry| entry.path()));
        } else if stat.is_file() {
            content = std::fs::read(&path).expect("ours");
        }
        let seen = (stat.mode(), stat.uid(), stat.gid(), stat.nlink(), stat.mtime(), stat.mtime_nsec(), content);
        found.insert(path, seen);
    }
    for knob in KNOBS {
        let text = std::fs::read(knob).unwrap_or_default();
        found.insert(knob.into(), (0, 0, 0, 0, 0, 0, text));
    }
    // Nothing may be mounted there either, as far as we can see it.
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let place = format!(" {}", dir.display());
    let mounts: Vec<&str> = mounts.lines().filter(|line| line.contains(&place)).collect();
    found.insert("mounts".into(), (0, 0, 0, 0, 0, 0, mounts.join("\n").into_bytes()));
    found
}

#[test]
fn a_change_is_seen() {
    let sandbox = Sandbox::new();
    for change in ["true", "echo >> b", "chmod 600 b", "ln b c", "mkdir new", "touch -d 2001-01-01 pts", "rm null"] {
        let canary = Canary::new(&sandbox);
        let mut shell = sandbox.other("sh");
        shell.args(["-c", change]).current_dir(&canary.dir);
        sandbox.finish(shell, b"").code(0).forget();
        assert_eq!(canary.is_touched(), change != "true", "{change}");
        std::fs::remove_dir_all(&canary.dir).expect("ours");
    }
}
