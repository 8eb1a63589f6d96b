//! kill -9 at system calls: the next command just works, and `system check` takes back what was left.
//!
//! strace kills the process that makes the Nth call of a kind: the command itself, or one that it has started.

use crate::support::image::busybox;
use crate::support::{Registry, Sandbox, needs};
use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};

/// Calls that change something, wait for something or hand something over.
const CALLS: &[&str] = &[
    "openat",
    "openat2",
    "mkdir",
    "mkdirat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "write",
    "pwrite64",
    "read",
    "fsync",
    "fdatasync",
    "syncfs",
    "flock",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "ftruncate",
    "fallocate",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchown",
    "fchownat",
    "lchown",
    "utimensat",
    "mknodat",
    "clone",
    "clone3",
    "vfork",
    "execve",
    "pipe2",
    "wait4",
    "waitid",
    "memfd_create",
    "socketpair",
    "sendmsg",
    "recvmsg",
    "sendto",
    "recvfrom",
    "connect",
    "bind",
    "poll",
    "ppoll",
    "setns",
    "unshare",
    "mount",
    "umount2",
    "fsopen",
    "fsmount",
    "move_mount",
    "open_tree",
    "mount_setattr",
    "pivot_root",
    "seccomp",
    "setsid",
    "pidfd_open",
    "pidfd_send_signal",
    "exit_group",
];

/// What is done at every moment.
struct Sweep<'a> {
    sandbox: &'a Sandbox,
    /// Makes the state that the command finds.
    before: &'a [&'a str],
    /// The command that is killed.
    line: &'a str,
    /// Must work afterwards, whatever the killed command got done; leaves the state that `before` expects.
    after: &'a [&'a str],
}

impl Sweep<'_> {
    fn run(&self) {
        let mut moments = 0;
        for call in CALLS {
            let (mut number, mut step) = (1, 1);
            while self.at(call, number) {
                moments += 1;
                // 1 2 3 5 8 13 …: the first ones closely, all with FAULTS=all.
                (number, step) = if super::all() { (number + 1, 1) } else { (number + step, number) };
            }
        }
        println!("{}: killed at {moments} moments", self.line);
        assert!(moments >= 10, "strace has hardly killed anything");
    }

    /// False when the command ended well: it makes fewer such calls.
    fn at(&self, call: &str, number: usize) -> bool {
        let what = || format!("{} killed at {call} {number}", self.line);
        for line in self.before {
            self.sandbox.run(line).code(0);
        }
        let output = self.strace(call, number);
        let ended_well = output.status.success();
        for line in ["images", "ps -a"] {
            let finished = self.sandbox.run(line);
            assert!(finished.status == 0 && finished.stderr.is_empty(), "{}, then\n{finished}", what());
        }
        // By turns: the next command heals what it meets, or the check does all of it first.
        let repeat = || {
            for line in self.after {
                let finished = self.sandbox.run(line);
                assert_eq!(finished.status, 0, "{}, then\n{finished}", what());
            }
        };
        if number.is_multiple_of(2) {
            repeat();
        }
        let healed = self.sandbox.run("system check");
        assert_eq!(healed.status, 0, "{}, then\n{healed}", what());
        let clean = self.sandbox.run("system check");
        assert!(clean.status == 0 && clean.stdout.is_empty(), "{}, then not healed:\n{healed}{clean}", what());
        if number % 2 == 1 {
            repeat();
        }
        !ended_well
    }

    fn strace(&self, call: &str, number: usize) -> Output {
        let mut command = self.sandbox.other("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace=?{call}"));
        command.arg("-e").arg(format!("inject=?{call}:signal=KILL:when={number}"));
        command.arg("--").arg(self.sandbox.program());
        command.arg("--root").arg(self.sandbox.root()).arg("--runroot").arg(self.sandbox.run_root());
        let output = command.args(crate::support::words(self.line)).stdin(Stdio::null()).output();
        let output = output.expect("strace can be started");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains("panicked"), "{} at {call} {number}: {text}", self.line);
        // strace ends as the command did; anything else is strace's own trouble.
        assert!(output.status.code().is_some() || output.status.signal() == Some(9), "{call} {number}: {output:?}");
        output
    }
}

fn archive() -> String {
    busybox().to_string_lossy().into_owned()
}

#[test]
fn load() {
    needs![root, strace];
    let line = format!("load -q -i {}", archive());
    let sandbox = Sandbox::new();
    Sweep { sandbox: &sandbox, before: &[], line: &line, after: &[&line, "rmi busybox"] }.run();
}

#[test]
fn load_from_a_compressed_archive() {
    needs![root, strace];
    let sandbox = Sandbox::new();
    let zstd = zstd::encode_all(&std::fs::read(busybox()).unwrap()[..], 1).unwrap();
    sandbox.file("work/a.tar.zst", zstd);
    let line = "load -q -i a.tar.zst";
    Sweep { sandbox: &sandbox, before: &[], line, after: &[line, "rmi busybox"] }.run();
}

#[test]
fn tag_and_untag() {
    needs![root, strace];
    let sandbox = Sandbox::with_busybox();
    let after: &[&str] = &["tag busybox localhost/b:1", "untag busybox localhost/b:1"];
    Sweep { sandbox: &sandbox, before: &[], line: "tag busybox localhost/b:1", after }.run();
    let before: &[&str] = &["tag busybox localhost/b:1"];
    Sweep { sandbox: &sandbox, before, line: "untag busybox localhost/b:1", after }.run();
}

#[test]
fn rmi() {
    needs![root, strace];
    let line = format!("load -q -i {}", archive());
    let sandbox = Sandbox::new();
    let after: &[&str] = &["rmi -i busybox"];
    Sweep { sandbox: &sandbox, before: &[&line], line: "rmi busybox", after }.run();
}

#[test]
fn pull() {
    needs![root, strace, skopeo, docker_registry];
    let sandbox = Sandbox::new();
    let registry = Registry::plain(&sandbox);
    let image = registry.push_archive(&busybox(), "busybox:1");
    let line = format!("pull -q --tls-verify=false {image}");
    Sweep { sandbox: &sandbox, before: &[], line: &line, after: &[&line, "rmi -a"] }.run();
}

#[test]
fn create_and_rm() {
    needs![root, strace];
    let sandbox = Sandbox::with_busybox();
    let line = "create --name c --network=none busybox true";
    let again = "create --name c --replace --network=none busybox true";
    Sweep { sandbox: &sandbox, before: &[], line, after: &[again, "rm -f -t 0 c"] }.run();
    Sweep { sandbox: &sandbox, before: &[again], line: "rm c", after: &["rm -i c"] }.run();
}

#[test]
fn run() {
    needs![root, strace];
    let sandbox = Sandbox::with_busybox();
    let line = "run --rm --name c --network=none busybox true";
    let again = "run --rm --name c --replace --network=none busybox true";
    Sweep { sandbox: &sandbox, before: &[], line, after: &["rm -f -i -t 0 c", again] }.run();
}
