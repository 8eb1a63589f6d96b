//! A container that looks at what joins it, and at the program that does.

use crate::container::everywhere;
use crate::support::{Sandbox, needs};
use sha2::Digest;

fn hash(sandbox: &Sandbox) -> Vec<u8> {
    sha2::Sha256::digest(std::fs::read(sandbox.program()).unwrap()).to_vec()
}

/// R1: the program that starts a process in a container can't be written from there, not even with all capabilities.
#[test]
fn the_engines_program_can_not_be_overwritten() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    let before = hash(&sandbox);
    let attack = "while :; do for p in /proc/[0-9]*; do \
                  case $(readlink $p/exe 2>/dev/null) in */busybox|'') ;; *) \
                  (exec 9< $p/exe; echo SEEN >> /log; echo pwned > /proc/self/fd/9 && echo WROTE >> /log) 2>/dev/null; \
                  (echo pwned > $p/exe && echo WROTE >> /log) 2>/dev/null;; esac; done; done";
    sandbox.args(&["run", "-d", "--name", "web", "--cap-add", "ALL", "busybox", "sh", "-c", attack]).ok().forget();
    for _ in 0..100 {
        sandbox.run("exec web true").ok().forget();
    }
    let log = sandbox.run("exec web sh -c 'cat /log; true'");
    assert!(!log.stdout.contains("WROTE"), "written through /proc/PID/exe");
    sandbox.run("rm -f -t 0 web").ok().forget();
    sandbox.run("run --rm --entrypoint /proc/self/exe busybox true").forget();
    assert_eq!(hash(&sandbox), before);
}

/// R2: nothing of the host is in sight through a process that joins.
#[test]
fn a_joining_process_shows_nothing_of_the_host() {
    everywhere(|sandbox| {
        let watch = "while :; do for p in /proc/[0-9]*; do readlink $p/cwd $p/root $p/exe $p/fd/* 2>/dev/null; done; done > /seen";
        sandbox.args(&["run", "-d", "--name", "web", "busybox", "sh", "-c", watch]).ok().forget();
        for _ in 0..100 {
            sandbox.run("exec web true").ok().forget();
        }
        let seen = sandbox.run("exec web sh -c 'sort -u /seen'");
        for line in seen.stdout.lines() {
            let fine = ["/", "/seen", "/bin/", "/proc", "/dev/", "pipe:", "socket:"]
                .iter()
                .any(|good| line == *good || good.len() > 1 && line.starts_with(good));
            // FIFOs of the monitor's show under the name they have on the host, and lead nowhere else.
            let fifo = line.ends_with("/stdout") || line.ends_with("/stderr") || line.ends_with("stdout (deleted)");
            assert!(fine || fifo, "a joining process showed {line}");
        }
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

/// R16: no way to the host through a cgroup namespace of one's own making.
#[test]
fn a_new_cgroup_namespace_is_refused() {
    everywhere(|sandbox| {
        sandbox.run("run --rm busybox unshare -C true").code(1).forget();
        sandbox.run("run --rm busybox unshare -m true").code(1).forget();
        sandbox.run("run --rm busybox unshare -r true").code(1).forget();
    });
}

/// R18: keys can't be pushed into the caller's terminal: the container never has it.
#[test]
fn the_callers_terminal_is_not_the_containers() {
    needs![root, script];
    let sandbox = Sandbox::with_busybox();
    let line = format!(
        "{} --root {} --runroot {} run --rm -i busybox sh -c 'tty; tty <&1; tty <&2; ps -o tty,comm'",
        sandbox.program().display(),
        sandbox.root().display(),
        sandbox.run_root().display()
    );
    let mut script = sandbox.other("script");
    script.args(["-qec", &line, "/dev/null"]);
    let run = sandbox.finish(script, b"");
    assert_eq!(run.stdout.matches("not a tty").count(), 3, "{}", run.stdout);
}
