//! The monitor: small, and not missed when it is killed.

use super::everywhere;
use crate::support::{Sandbox, only_on};
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

/// As root the monitor is a copy of the command. It must be what an executed one would be: nothing of the command's is
/// left in it, and what a container could find of our program lies on a mount that nobody can write to.
#[test]
fn a_monitor_keeps_nothing_of_its_command_and_runs_from_an_unwritable_mount() {
    use nix::sys::statvfs::{FsFlags, statvfs};
    only_on!(root);
    let mut sandbox = Sandbox::with_busybox();
    sandbox.env("SECRET", "not-for-the-monitor");
    for options in ["--network=none", "--network=host --init", "--preserve-fds=1 --network=none"] {
        let line = format!("run -d --name web -e OTHER=words {options} busybox sleep 1000");
        let mut command = sandbox.command(&line.split(' ').collect::<Vec<_>>());
        let file = std::fs::File::open("/dev/zero").expect("it is there");
        hand_down(&mut command, &file);
        sandbox.finish(command, b"").ok().forget();
        let pid = pid_of(&sandbox, "web");
        let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).expect("it lives");
        let words = String::from_utf8(read("cmdline")).expect("text");
        assert_eq!(words.split('\0').take(3).collect::<Vec<_>>(), ["barge", "@monitor", "web"], "{words:?}");
        assert!(!words.contains("OTHER"), "{words:?}");
        assert_eq!(read("environ"), b"");
        let exe = format!("/proc/{pid}/exe");
        assert!(statvfs(exe.as_str()).expect("it lives").flags().contains(FsFlags::ST_RDONLY));
        assert!(!statvfs("/proc/self/exe").expect("we live").flags().contains(FsFlags::ST_RDONLY), "the control");
        let session: i32 = String::from_utf8(read("stat"))
            .ok()
            .and_then(|stat| stat.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse().ok())
            .expect("a session");
        assert_eq!(session, pid);
        let status = String::from_utf8(read("status")).expect("text");
        let blocked = status.lines().find(|line| line.starts_with("SigBlk:")).expect("the field exists");
        assert_eq!(blocked, "SigBlk:\t0000000000000000");
        for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it lives").flatten() {
            let target = std::fs::read_link(entry.path()).unwrap_or_default();
            assert_ne!(target.to_str(), Some("/dev/zero"), "{entry:?}");
        }
        sandbox.run("exec web true").ok().forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    }
}

/// Its descriptor 3 is a copy of `file`.
fn hand_down(command: &mut std::process::Command, file: &std::fs::File) {
    use std::os::fd::AsRawFd;
    let text = format!("exec \"$0\" \"$@\" 3< /proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    let program = command.get_program().to_owned();
    let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let environment: Vec<_> = command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
    let mut shell = std::process::Command::new("sh");
    shell
        .stdin(std::process::Stdio::null())
        .args(["-c", &text])
        .arg(program)
        .args(arguments)
        .env_clear()
        .envs(environment);
    *command = shell;
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
        sandbox.run("run -d --name web --network=none busybox sh -c 'sleep 0.3; exit 7'").ok().forget();
        kill_monitor(sandbox, "web");
        // Nobody looks while it ends: its code may still be there (a process that nobody has waited for), or not.
        std::thread::sleep(std::time::Duration::from_millis(700));
        let status = sandbox.run("ps -a --format {{.Status}}").ok().text().to_string();
        assert!(!status.contains("Exited (0)") && !status.starts_with("Up"), "{status}");
        let code = sandbox.run("inspect -f {{.State.ExitCode}} web").ok().text().to_string();
        assert_ne!(code, "0", "{status}");
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

/// F10, G17: whenever the monitor is killed, the container goes on, and its exit code is exact or unknown, never a false
/// 0. `FAULTS=all` for the long run.
#[test]
fn monitors_are_killed_in_every_state() {
    let sandbox = Sandbox::with_busybox();
    let runs = if std::env::var_os("FAULTS").is_some() { 200 } else { 5 };
    let (mut exact, mut unknown) = (0, 0);
    for run in 0..runs {
        for state in ["running", "paused", "writing", "ending", "stopping"] {
            let script = match state {
                "writing" => "while [ ! -e /go ]; do echo line; done; exit 7",
                "ending" => "sleep 0.0$((RANDOM % 10)); exit 7",
                _ => "trap 'exit 7' TERM; while [ ! -e /go ]; do sleep 0.02; done; exit 7",
            };
            let run_it = ["run", "-d", "--name", "web", "--network=none", "busybox", "sh", "-c", script];
            sandbox.args(&run_it).ok().forget();
            if state == "paused" {
                sandbox.run("pause web").ok().forget();
            }
            let pid: i32 = sandbox.run("inspect -f {{.State.ConmonPid}} web").text().parse().unwrap_or(0);
            let stop = (state == "stopping").then(|| sandbox.spawn("stop -t 5 web"));
            // A monitor that has just ended by itself is no harm: its container has, too.
            if pid > 0 {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            match state {
                "paused" => sandbox.run("unpause web").ok().forget(),
                "ending" | "stopping" => {}
                _ => {
                    let status = sandbox.run("inspect -f {{.State.Status}} web").ok();
                    assert_eq!(status.text(), "running", "{state}, run {run}");
                }
            }
            if !matches!(state, "ending" | "stopping") {
                sandbox.run("exec web touch /go").ok().forget();
            }
            if let Some(stop) = stop {
                stop.finish().code(0).forget();
            }
            sandbox.run("wait web").forget();
            let code = sandbox.run("inspect -f {{.State.ExitCode}} web").ok().text().to_string();
            match code.as_str() {
                "7" => exact += 1,
                "0" => panic!("a false 0 after a kill while {state}, run {run}"),
                _ => unknown += 1,
            }
            sandbox.run("rm web").ok().forget();
        }
    }
    println!("{exact} exit codes were exact, {unknown} are unknown");
}

/// C11: clients that come and go, or speak gibberish, cost nothing that lasts.
#[test]
fn clients_that_come_and_go_leave_nothing() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.start_sleeper("web");
    let pid = pid_of(&sandbox, "web");
    // By a short name: a socket's path may have 107 bytes only.
    let dir = std::fs::File::open(sandbox.run_root().join("containers").join(id)).expect("it is there");
    let socket = format!("/proc/self/fd/{}/attach", std::os::fd::AsRawFd::as_raw_fd(&dir));
    let descriptors = || std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it lives").count();
    let before = descriptors();
    for number in 0..2000_u32 {
        let Ok(mut client) = UnixStream::connect(&socket) else { panic!("client {number} was refused") };
        // Nothing; a wish; a resize of what has no size; a frame that is too long; noise.
        let bytes: &[u8] = match number % 5 {
            0 => &[],
            1 => &[6, 0, 0, 0, 0, 0, 0, 1, 3],
            2 => &[4, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 1],
            3 => &[0, 0, 0, 0, 255, 255, 255, 255],
            _ => &[99; 100],
        };
        let _ = client.write_all(bytes);
        if number % 5 == 3 {
            let mut rest = Vec::new();
            let _ = client.read_to_end(&mut rest);
        }
    }
    sandbox.run("exec web true").ok().forget();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while descriptors() > before {
        assert!(std::time::Instant::now() < end, "{} descriptors instead of {before}", descriptors());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let most = status(pid, "VmHWM:");
    assert!(most < 24 * 1024, "the monitor took {most} kB");
}

/// A client that stops reading holds the output up for a while, but not for ever, and not in our memory.
#[test]
fn a_client_that_stops_reading_is_dropped() {
    let sandbox = Sandbox::with_busybox();
    let script = "read x; head -c 20000000 /dev/zero; exit 4";
    sandbox.args(&["run", "-d", "-i", "--name", "web", "--network=none", "busybox", "sh", "-c", script]).ok().forget();
    let client = sandbox.spawn("attach --no-stdin web");
    std::thread::sleep(std::time::Duration::from_millis(300));
    client.signal(Signal::SIGSTOP);
    let pid = pid_of(&sandbox, "web");
    sandbox.run("wait --condition running web").forget();
    let mut writer = sandbox.spawn("attach web");
    std::io::Write::write_all(writer.child().stdin.as_mut().expect("a pipe"), b"go\n").expect("input");
    sandbox.run("wait web").stdout_is("4\n").forget();
    let _ = std::fs::metadata(format!("/proc/{pid}"));
    client.signal(Signal::SIGCONT);
    client.signal(Signal::SIGKILL);
}

/// F22, C11: the kernel ends the container that is short of memory, and this is known.
#[test]
fn an_end_for_want_of_memory_is_known() {
    only_on![cgroup_v1];
    let sandbox = Sandbox::with_busybox();
    let script = "x=a; while :; do x=$x$x; done";
    sandbox
        .args(&["run", "--name", "web", "-m", "20m", "--network=none", "busybox", "sh", "-c", script])
        .code(137)
        .forget();
    sandbox.run("inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' web").ok().stdout_is("true 137\n").forget();
}

/// A terminal hangs up when its monitor dies; whoever ends by that is seen.
#[test]
fn a_terminal_is_hung_up_when_the_monitor_is_killed() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap 'exit 5' HUP; while :; do sleep 0.05; done";
    sandbox.args(&["run", "-dt", "--name", "web", "--network=none", "busybox", "sh", "-c", script]).ok().forget();
    // The trap must be there first.
    std::thread::sleep(std::time::Duration::from_millis(300));
    kill_monitor(&sandbox, "web");
    sandbox.run("wait web").forget();
    assert_ne!(sandbox.run("inspect -f {{.State.ExitCode}} web").ok().text(), "0");
}

/// A monitor keeps nothing of whoever started it: no directory busy, no descriptor open.
#[test]
fn a_monitor_keeps_nothing_of_its_callers() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let pid = pid_of(&sandbox, "web");
    assert_eq!(std::fs::read_link(format!("/proc/{pid}/cwd")).expect("it lives"), std::path::Path::new("/"));
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it lives").flatten() {
        let target = std::fs::read_link(entry.path()).unwrap_or_default();
        let number: i32 = entry.file_name().to_string_lossy().parse().expect("a number");
        assert!(number > 2 || target == std::path::Path::new("/dev/null"), "{number} -> {}", target.display());
    }
    let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("it lives");
    assert!(environment.is_empty(), "{}", String::from_utf8_lossy(&environment));
}

/// A list is enough for a container to get another monitor, so that its writers go on.
#[test]
fn a_list_finds_a_monitor_for_the_orphan() {
    everywhere(|sandbox| {
        // More than a FIFO holds.
        let script = "while [ ! -e /go ]; do sleep 0.05; done; seq 1 50000; touch /written; sleep 1000";
        sandbox.args(&["run", "-d", "--name", "web", "--network=none", "busybox", "sh", "-c", script]).ok().forget();
        let first = pid_of(sandbox, "web");
        sandbox.run("exec web touch /go").ok().forget();
        kill(Pid::from_raw(first), Signal::SIGKILL).expect("it lives");
        // It is gone when init has waited for it.
        while std::path::Path::new(&format!("/proc/{first}")).exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        sandbox.run("ps -q").ok().forget();
        assert_ne!(pid_of(sandbox, "web"), first);
        sandbox.run("exec web sh -c 'while ! [ -e /written ]; do sleep 0.01; done'").ok().forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

/// What went with the first monitor is not promised by the next one.
#[test]
fn a_lost_terminal_is_said() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap '' HUP; while :; do sleep 0.05; done";
    sandbox.args(&["run", "-dt", "--name", "tty", "--network=none", "busybox", "sh", "-c", script]).ok().forget();
    sandbox.args(&["run", "-di", "--name", "in", "--network=none", "busybox", "sh", "-c", "sleep 1000"]).ok().forget();
    sandbox
        .run("exec tty sh -c 'until grep -q ^SigIgn:.*[13579bdf]$ /proc/1/status; do sleep 0.01; done'")
        .ok()
        .forget();
    kill_monitor(&sandbox, "tty");
    kill_monitor(&sandbox, "in");
    sandbox.run("attach tty").fails().has("its terminal went when its monitor was killed").forget();
    let mut attached = sandbox.spawn("attach in");
    let mut line = String::new();
    let stderr = attached.child().stderr.take().expect("a pipe");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stderr), &mut line).expect("a line");
    assert!(line.contains("its input ended with it"), "{line}");
    sandbox.run("rm -f -t 0 in tty").ok().forget();
    attached.finish().forget();
}
