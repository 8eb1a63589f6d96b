//! kill -9 at a system call, over and over, each time at a later one. After each: the next command just works, and
//! `system check` finds what was left, says so, and then finds nothing more.
//!
//! strace counts by process, thread and kind of call: `close, 7` is whoever closes something for the seventh time, be
//! it the command, an unpacker, the monitor or the container's first process.

use super::all;
use crate::support::image::{Image, Layer};
use crate::support::{Registry, Sandbox, needs};
use std::collections::{BTreeMap, HashMap};
use std::process::Stdio;

/// How many points of one command `make test` tries.
const SAMPLE: usize = 110;

/// The calls by which a command changes something; reading and memory are not worth a run each.
const CALLS: &str = "openat,openat2,open,creat,close,write,pwrite64,writev,rename,renameat,renameat2,mkdir,mkdirat,\
    symlink,symlinkat,link,linkat,unlink,unlinkat,rmdir,fsync,fdatasync,syncfs,ftruncate,fallocate,flock,mknod,mknodat,\
    fchown,fchownat,fchmod,fchmodat,utimensat,fsetxattr,clone,clone3,vfork,execve,unshare,setns,mount,umount2,pivot_root,\
    fsopen,fsconfig,fsmount,move_mount,mount_setattr,open_tree,socket,bind,connect,sendmsg,recvmsg,sendto,recvfrom,\
    poll,ppoll,wait4,waitid,kill,pidfd_open,pidfd_send_signal,exit_group";

struct Sweep<'a> {
    sandbox: &'a Sandbox,
    /// Brings about what the command starts from.
    before: &'a str,
    /// The command that is killed.
    line: &'a str,
    /// The next command, which must work whatever was left.
    next: &'a str,
    /// What must be there in the end, in one line of `ps -aq`-like commands.
    after: &'a dyn Fn(&Sandbox),
}

impl Sweep<'_> {
    fn run(&self) {
        let every = self.points();
        let step = if all() { 1 } else { every.len().div_ceil(SAMPLE).max(1) };
        let (mut points, mut killed, mut left) = (0, 0, 0);
        for (call, number) in every.iter().skip(every.len() % step).step_by(step) {
            self.prepare();
            let inject = format!("inject={call}:signal=KILL:when={number}");
            let status = self.strace(&["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
            points += 1;
            killed += usize::from(status != Some(0));
            let context = format!("`{}` killed at {call} {number}", self.line);
            // Both orders: the next command heals what it meets, the check all there is.
            if points % 2 == 0 {
                self.expect(self.next, &context);
                left += self.check(&context);
            } else {
                left += self.check(&context);
                self.expect(self.next, &context);
            }
            assert_eq!(self.check(&context), 0, "{context}: the second check found something");
            (self.after)(self.sandbox);
        }
        println!("{}: {points} points of {}, {killed} times killed, {left} leftovers found", self.line, every.len());
        // A sweep that kills nothing would prove nothing.
        assert!(killed * 3 > points, "{killed} of {points}");
    }

    fn prepare(&self) {
        for line in self.before.split(';').filter(|line| !line.trim().is_empty()) {
            self.expect(line, "before");
        }
    }

    fn expect(&self, line: &str, context: &str) {
        for line in line.split(';') {
            let finished = self.sandbox.run(line);
            assert_eq!(finished.status, 0, "{context}, then:\n{finished}");
        }
    }

    /// How much the check found; it must have put all of it right.
    fn check(&self, context: &str) -> usize {
        // What the killed command has started may still be ending by itself.
        self.settle();
        let finished = self.sandbox.run("system check");
        assert_eq!(finished.status, 0, "{context}, then:\n{finished}");
        finished.stdout.lines().count()
    }

    /// Waits until no process of the command is left: a monitor finishes its work when its caller is killed.
    fn settle(&self) {
        let root = self.sandbox.root().to_string_lossy().into_owned();
        for _ in 0..500 {
            let busy = std::fs::read_dir("/proc").into_iter().flatten().flatten().any(|entry| {
                let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let role = ["@monitor", "@reap", "@unpack"].iter().any(|role| {
                    words.split(|byte| *byte == 0).nth(1) == Some(role.as_bytes())
                });
                role && std::fs::read(entry.path().join("maps")).is_ok()
                    && open_files(&entry.path()).iter().any(|path| path.starts_with(&root) || path.contains(&root))
            });
            if !busy {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Every call that the command makes: its name, and the how manyth it is of its kind in its thread.
    fn points(&self) -> Vec<(String, usize)> {
        self.prepare();
        let trace = self.sandbox.path("work").join("trace");
        let status = self.strace(&["-o", &trace.to_string_lossy(), "-e", &format!("trace={CALLS}")]);
        assert_eq!(status, Some(0), "`{}` works under strace", self.line);
        let text = std::fs::read_to_string(&trace).expect("a trace");
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        for line in text.lines().filter(|line| !line.contains(" resumed>")) {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
            *counts.entry((thread, call)).or_default() += 1;
        }
        let mut most: BTreeMap<&str, usize> = BTreeMap::new();
        for ((_, call), count) in counts {
            let most = most.entry(call).or_default();
            *most = count.max(*most);
        }
        self.expect(self.next, "after counting");
        (self.after)(self.sandbox);
        most.iter().flat_map(|(call, most)| (1..=*most).map(|number| (call.to_string(), number))).collect()
    }

    fn strace(&self, arguments: &[&str]) -> Option<i32> {
        let mut command = self.sandbox.other("strace");
        command.args(["-f", "-qq"]).args(arguments).arg(self.sandbox.program());
        command.arg("--root").arg(self.sandbox.root()).arg("--runroot").arg(self.sandbox.run_root());
        command.args(crate::support::words(self.line)).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().expect("strace runs").code()
    }
}

fn open_files(process: &std::path::Path) -> Vec<String> {
    let links = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let paths = links.filter_map(|link| std::fs::read_link(link.path()).ok());
    paths.map(|path| path.to_string_lossy().into_owned()).collect()
}

/// A few entries of each kind, in two layers.
fn image(sandbox: &Sandbox) {
    let bottom = Layer::new().dir("etc", 0o755).file("etc/a", 0o644, "one").symlink("etc/b", "a").hardlink("etc/c", "etc/a");
    let top = Layer::new().file("etc/.wh.a", 0o644, "").file("new/d", 0o600, vec![b'x'; 300_000]);
    Image::new("localhost/little").layer(bottom).layer(top).save(&sandbox.path("work").join("little.tar"));
}

fn images_are(sandbox: &Sandbox, expected: &str) {
    sandbox.run("images --format '{{.Repository}}:{{.Tag}}'").ok().stdout_is(expected).forget();
}

#[test]
fn load_may_be_killed_anywhere() {
    needs![root, strace];
    let sandbox = Sandbox::new();
    image(&sandbox);
    let after = |sandbox: &Sandbox| {
        images_are(sandbox, "localhost/little:latest\n");
        sandbox.run("save -q -o /dev/null little").ok().forget();
    };
    let line = "load -q -i little.tar";
    Sweep { sandbox: &sandbox, before: "rmi -f -i little", line, next: line, after: &after }.run();
}

#[test]
fn pull_may_be_killed_anywhere() {
    needs![root, strace, docker_registry, skopeo];
    let sandbox = Sandbox::new();
    image(&sandbox);
    let registry = Registry::plain(&sandbox);
    let name = registry.push_archive(&sandbox.path("work").join("little.tar"), "little:1");
    let line = format!("pull -q --tls-verify=false {name}");
    let after = |sandbox: &Sandbox| images_are(sandbox, &format!("{name}\n"));
    Sweep { sandbox: &sandbox, before: &format!("rmi -f -i {name}"), line: &line, next: &line, after: &after }.run();
}

#[test]
fn rmi_may_be_killed_anywhere() {
    needs![root, strace];
    let sandbox = Sandbox::new();
    image(&sandbox);
    let after = |sandbox: &Sandbox| images_are(sandbox, "");
    let (before, line, next) = ("load -q -i little.tar", "rmi little", "rmi -f -i little");
    Sweep { sandbox: &sandbox, before, line, next, after: &after }.run();
}

#[test]
fn run_may_be_killed_anywhere() {
    needs![root, strace];
    let sandbox = Sandbox::with_busybox();
    let after = |sandbox: &Sandbox| {
        sandbox.run("ps -aq").ok().stdout_is("").forget();
    };
    let line = "run --rm --network=none --name web busybox true";
    let next = "rm -f -i web;run --rm --network=none --name web busybox true";
    Sweep { sandbox: &sandbox, before: "rm -f -i web", line, next, after: &after }.run();
}

#[test]
fn create_and_rm_may_be_killed_anywhere() {
    needs![root, strace];
    let sandbox = Sandbox::with_busybox();
    let after = |sandbox: &Sandbox| {
        sandbox.run("ps -a --format '{{.Names}}'").ok().stdout_is("web\n").forget();
    };
    let next = "rm -f -i web;create --name web busybox true";
    let line = "create --name web busybox true";
    Sweep { sandbox: &sandbox, before: "rm -f -i web", line, next, after: &after }.run();
    Sweep { sandbox: &sandbox, before: next, line: "rm web", next, after: &after }.run();
    sandbox.run("rm web").ok().forget();
}
