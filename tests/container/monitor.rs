//! The monitor: small, and not missed when it is killed.

use super::everywhere;
use crate::support::Sandbox;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The monitor of a container.
pub fn pid_of(sandbox: &Sandbox, name: &str) -> i32 {
    sandbox.run(&format!("inspect -f {{{{.State.ConmonPid}}}} {name}")).ok().text().parse().expect("a pid")
}

/// A number of kB from a process's status.
pub fn status(pid: i32, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = text.lines().find(|line| line.starts_with(field)).expect("the field exists");
    line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number")
}

fn private_memory(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("it lives");
    let number = |field: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(field)).expect("the field exists");
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number")
    };
    number("Private_Dirty:")
}

#[test]
fn a_monitor_takes_little_memory() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let pid = pid_of(&sandbox, "web");
    // It gives back what the start took after half a second.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let memory = private_memory(pid);
    assert!(memory < 500, "{memory} kB");
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives").count();
    assert_eq!(threads, 1);
    println!("a monitor has {memory} kB of its own");
}

fn kill_monitor(sandbox: &Sandbox, name: &str) {
    kill(Pid::from_raw(pid_of(sandbox, name)), Signal::SIGKILL).expect("it lives");
}

/// Whether the kernel tells how somebody else's child ended.
fn kernel_tells() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|word| word.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (6, 15)
}

#[test]
fn a_container_outlives_its_monitor() {
    everywhere(|sandbox| {
        let script = "echo before; while [ ! -e /go ]; do sleep 0.05; done; seq 1 20000; exit 7";
        sandbox.args(&["run", "-d", "--name", "web", "--network=none", "busybox", "sh", "-c", script]).ok().forget();
        kill_monitor(sandbox, "web");
        sandbox.run("ps --format {{.Names}}").ok().stdout_is("web\n").forget();
        // The next command that looks gives it another monitor.
        sandbox.run("exec web touch /go").ok().forget();
        let expected = if kernel_tells() { "7\n" } else { "" };
        let waited = sandbox.run("wait web");
        assert!(waited.stdout == expected || (expected.is_empty() && waited.stdout != "0\n"), "{waited:?}");
        let logs = sandbox.run("logs web").ok();
        let numbers: String = (1..=20000).map(|number| format!("{number}\n")).collect();
        assert_eq!(logs.stdout, format!("before\n{numbers}"));
        sandbox.run("rm web").ok().forget();
    });
}

#[test]
fn an_unknown_exit_code_is_never_zero() {
    everywhere(|sandbox| {
        sandbox.run("run -d --name web --network=none busybox sleep 0.3").ok().forget();
        kill_monitor(sandbox, "web");
        // Nobody looks while it ends.
        std::thread::sleep(std::time::Duration::from_millis(700));
        let status = sandbox.run("ps -a --format {{.Status}}").ok().text().to_string();
        assert!(!status.contains("Exited (0)") && !status.starts_with("Up"), "{status}");
        let code = sandbox.run("inspect -f {{.State.ExitCode}} web").ok().text().to_string();
        assert_ne!(code, "0");
        sandbox.run("rm web").ok().forget();
    });
}

#[test]
fn it_can_be_stopped_and_removed_without_a_monitor() {
    everywhere(|sandbox| {
        for end in ["stop -t 1 web", "kill web", "rm -f -t 0 web"] {
            sandbox.start_sleeper("web");
            kill_monitor(sandbox, "web");
            sandbox.run(end).code(0).forget();
            if end.starts_with("rm") {
                sandbox.run("ps -aq").ok().stdout_is("").forget();
                continue;
            }
            sandbox.run("wait web").forget();
            let code = sandbox.run("inspect -f {{.State.ExitCode}} web").ok().text().to_string();
            assert!(code != "0" || end.starts_with("stop"), "{end}: {code}");
            sandbox.run("rm web").ok().forget();
        }
    });
}

/// The attached command sees the end all the same.
#[test]
fn a_foreground_run_survives_the_loss_of_its_monitor() {
    let sandbox = Sandbox::with_busybox();
    let script = "echo one; while [ ! -e /go ]; do sleep 0.05; done; echo two; exit 6";
    let running = sandbox.spawn(&format!("run --name web --network=none busybox sh -c '{script}'"));
    let mut looked = 0;
    while sandbox.run("logs web").stdout != "one\n" {
        looked += 1;
        assert!(looked < 100, "it does not start");
    }
    kill_monitor(&sandbox, "web");
    sandbox.run("exec web touch /go").ok().forget();
    let finished = running.finish().stdout_is("one\ntwo\n");
    if kernel_tells() {
        finished.code(6).forget();
    } else {
        assert_ne!(finished.status, 0);
    }
}

#[test]
fn a_time_limit_is_the_monitors() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --rm --timeout 1 --network=none busybox sleep 100").code(137).forget();
}
