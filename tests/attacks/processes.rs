//! A container that looks at what joins it, and at the program that does.

use super::probe;
use super::times;
use crate::container::everywhere;
use crate::support::image::sha256;
use crate::support::{Sandbox, needs};
use std::process::Command;

/// What an attack on the engine's program came to.
struct Overwrite {
    program_is_whole: bool,
    seen: bool,
    wrote: bool,
}

/// A container with all capabilities holds every program that joins it, while that happens `execs` times; then the
/// monitor is killed, so that nobody runs the program any more who would keep it from being written.
fn overwrite(sandbox: &mut Sandbox, guard: Option<&str>, execs: usize) -> Overwrite {
    probe::load(sandbox);
    // A copy: in the control it is overwritten.
    let program = sandbox.path("bin/barge");
    std::fs::copy(sandbox.program(), &program).expect("the sandbox is writable");
    let before = sha256(&std::fs::read(&program).expect("ours"));
    if let Some(guard) = guard {
        sandbox.env("BARGE_TRIP", &format!("{guard}:off"));
    }
    let engine = |args: &[&str]| {
        let mut command: Command = sandbox.other(program.to_str().expect("text"));
        command.arg("--root").arg(sandbox.root()).arg("--runroot").arg(sandbox.run_root()).args(args);
        sandbox.finish(command, b"")
    };
    let attack = ["run", "-d", "--name", "web", "--cap-add", "ALL", "probe", "/probe", "steal", "/log"];
    engine(&attack).ok().forget();
    for _ in 0..execs {
        engine(&["exec", "web", "true"]).ok().forget();
    }
    let monitor = crate::container::monitor::pid_of(sandbox, "web");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(monitor), nix::sys::signal::Signal::SIGKILL).expect("it lives");
    let mut log = String::new();
    for _ in 0..20 {
        // By another copy of the program.
        log = sandbox.run("exec web cat /log").code(0).stdout;
        if log.contains("WROTE") {
            break;
        }
    }
    let after = sha256(&std::fs::read(&program).expect("ours"));
    sandbox.run("rm -f -t 0 web").code(0).forget();
    Overwrite { program_is_whole: before == after, seen: log.contains("SEEN"), wrote: log.contains("WROTE") }
}

/// R1: the program that starts a process in a container can't be written from there, not even with all capabilities.
#[test]
fn the_engines_program_can_not_be_overwritten() {
    needs![root, gcc];
    let outcome = overwrite(&mut Sandbox::new(), None, times(100, 2_000));
    assert!(outcome.seen, "the attack has seen nothing");
    assert!(outcome.program_is_whole && !outcome.wrote, "written through /proc/PID/exe");
}

/// The control of R1: run from the program's own mount, it is overwritten.
#[test]
fn without_its_guard_the_engines_program_is_overwritten() {
    needs![root, gcc];
    let outcome = overwrite(&mut Sandbox::new(), Some("spawn.sealed"), 50);
    assert!(outcome.seen, "the attack has seen nothing");
    assert!(outcome.wrote && !outcome.program_is_whole, "the attack can not succeed: it shows nothing");
}

/// R1: an image whose command is the engine itself.
#[test]
fn a_command_that_is_the_program_itself_gains_nothing() {
    everywhere(|sandbox| {
        let before = sha256(&std::fs::read(sandbox.program()).expect("ours"));
        sandbox.run("run --rm --entrypoint /proc/self/exe busybox true").forget();
        let script = "printf '#!/proc/self/exe\\n' > /x; chmod 755 /x; /x; ls -l /proc/self/exe";
        let run = sandbox.args(&["run", "--rm", "busybox", "sh", "-c", script]);
        assert!(!run.stdout.contains("barge"), "{run}");
        assert_eq!(before, sha256(&std::fs::read(sandbox.program()).expect("ours")));
    });
}

/// What a container saw of the processes that joined it: lines `LINK target`, `SEIZED program`.
fn watch(sandbox: &Sandbox, execs: usize) -> Vec<String> {
    sandbox.args(&["run", "-d", "--name", "web", "probe", "/probe", "watch", "/seen"]).ok().forget();
    for _ in 0..execs {
        sandbox.run("exec web true").ok().forget();
    }
    let seen = sandbox.run("exec web cat /seen").ok();
    let lines = seen.lines().iter().map(ToString::to_string).collect();
    sandbox.run("rm -f -t 0 web").ok().forget();
    lines
}

/// Which of them show something of the host.
fn leaks(seen: &[String]) -> Vec<&String> {
    let fine = |line: &str| match line.split_once(' ') {
        Some(("BEGIN", _)) => true,
        Some(("LINK", target)) => {
            let known = ["/", "/probe", "/seen", "/bin/busybox"].contains(&target);
            // FIFOs of the monitor's show under the name they have on the host, and lead nowhere else.
            let fifo = target.trim_end_matches(" (deleted)");
            let fifo = fifo.ends_with("/stdout") || fifo.ends_with("/stderr") || fifo.ends_with("/stdin");
            known || fifo || ["/proc", "/dev/", "pipe:", "socket:"].iter().any(|good| target.starts_with(good))
        }
        _ => false,
    };
    seen.iter().filter(|line| !fine(line)).collect()
}

/// R2: nothing of the host is in sight through a process that joins, and it can't be traced.
#[test]
fn a_joining_process_shows_nothing_of_the_host() {
    needs![gcc];
    probe::everywhere(|sandbox| {
        let seen = watch(sandbox, times(100, 10_000));
        assert!(seen.len() > 1, "the container has watched nothing: {seen:?}");
        assert_eq!(leaks(&seen), Vec::<&String>::new());
    });
}

/// The control of R2: a process that can be dumped is traced, and shows the program and what it has open.
#[test]
fn without_its_guard_a_joining_process_is_traced() {
    needs![gcc];
    let mut sandbox = Sandbox::new();
    probe::load(&sandbox);
    sandbox.env("BARGE_TRIP", "runtime.undumpable:off");
    let seen = watch(&sandbox, 100);
    assert!(!leaks(&seen).is_empty(), "the attack can not succeed, so it shows nothing: {seen:?}");
}

/// R3: what the caller holds open, the container does not have, whichever of the two guards is out; the control is
/// a caller that hands three of them on.
#[test]
fn descriptors_of_the_caller_stay_outside() {
    for (guard, option, expected) in [
        ("none", "", "0\n1\n2\n"),
        ("runtime.close_range:off", "", "0\n1\n2\n"),
        ("none", "--preserve-fds 3", "0\n1\n2\n3\n4\n5\n"),
    ] {
        everywhere(|sandbox| {
            let mut shell = sandbox.other("bash");
            let holds: String = (3..40).map(|fd| format!("exec {fd}</etc; ")).collect();
            let line = format!(
                "{holds} exec \"$0\" --root {} --runroot {} run --rm {option} busybox sh -c 'ls /proc/1/fd; true'",
                sandbox.root().display(),
                sandbox.run_root().display()
            );
            shell.args(["-c", &line]).arg(sandbox.program()).env("BARGE_TRIP", guard);
            let run = sandbox.finish(shell, b"").code(0);
            assert_eq!(run.stdout, expected, "{guard} {option}: {run}");
        });
    }
}

/// R16: no way to the host through a cgroup namespace of one's own making.
#[test]
fn a_new_cgroup_namespace_is_refused() {
    everywhere(|sandbox| {
        for namespace in ["-C", "-m", "-r", "-U", "-n", "-p", "-i", "-u"] {
            sandbox.run(&format!("run --rm busybox unshare {namespace} true")).code(1).forget();
        }
        sandbox.run("run --rm busybox mount -t overlay -o lowerdir=/bin:/etc x /mnt").code(1).forget();
        // The control.
        sandbox.run("run --rm --privileged busybox unshare -m true").ok().forget();
    });
}
