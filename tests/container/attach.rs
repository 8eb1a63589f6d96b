//! `attach`, and `run` in the foreground.

use super::everywhere;
use crate::support::Sandbox;
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader, Read, Write};

#[test]
fn exit_codes_are_kept() {
    everywhere(|sandbox| {
        for (script, code) in
            [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 0)]
        {
            // A first process takes no signal that it has no handler for, except from outside.
            let expected = if script.contains("-9 $$") { 0 } else { code };
            let finished = sandbox.args(&["run", "--rm", "--network=none", "busybox", "sh", "-c", script]);
            finished.code(expected).forget();
        }
        sandbox.run("run --rm --network=none busybox /no/such/file").code(127).forget();
        sandbox.run("run --rm --network=none busybox /etc").code(126).forget();
    });
}

#[test]
fn input_goes_in_and_its_end_too() {
    everywhere(|sandbox| {
        let input = vec![b'x'; 3_000_000];
        sandbox
            .run_with_input("run -i --rm --network=none busybox wc -c", &input)
            .code(0)
            .stdout_is("3000000\n")
            .forget();
        sandbox.run_with_input("run --rm --network=none busybox wc -c", &input).code(0).stdout_is("0\n").forget();
        let finished = sandbox.run_with_input("run -i --rm --network=none busybox cat", b"\x10\x11 \0 end").code(0);
        assert_eq!(finished.stdout, "\x10\x11 \0 end");
    });
}

/// Output is handed on from pipe to pipe where the kernel can do that; what comes out is the same everywhere.
#[test]
fn output_goes_into_anything() {
    use std::fs::OpenOptions;
    let sandbox = Sandbox::with_busybox();
    let expected: String = (1..=200_000).map(|number| format!("{number}\n")).collect();
    let path = sandbox.path("output");
    for log in ["json-file", "none"] {
        let driver = format!("--log-driver={log}");
        let run = ["run", "--rm", "--network=none", &driver, "busybox", "seq", "1", "200000"];
        sandbox.args(&run).code(0).stdout_is(&expected).forget();
        for append in [false, true] {
            std::fs::write(&path, "before\n").expect("writable");
            let file = OpenOptions::new().append(append).write(true).truncate(!append).open(&path).expect("writable");
            assert!(sandbox.command(&run).stdout(file).status().expect("barge").success());
            let wanted = if append { format!("before\n{expected}") } else { expected.clone() };
            assert!(std::fs::read_to_string(&path).expect("text") == wanted, "{log}, append: {append}");
        }
        let null = OpenOptions::new().write(true).open("/dev/null").expect("there");
        assert!(sandbox.command(&run).stdout(null).status().expect("barge").success());
        let full =
            sandbox.command(&run).stdout(OpenOptions::new().write(true).open("/dev/full").expect("there")).output();
        let full = full.expect("barge");
        assert!(!full.status.success() && String::from_utf8_lossy(&full.stderr).contains("No space left"), "{full:?}");
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("sockets");
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            { ours }.read_to_string(&mut text).expect("text");
            text
        });
        let mut command = sandbox.command(&run);
        assert!(command.stdout(std::os::fd::OwnedFd::from(theirs)).status().expect("barge").success());
        drop(command);
        assert!(reader.join().expect("no panic") == expected);
    }
}

/// -i without anybody attached keeps input open, for whoever comes; who goes doesn't close it.
#[test]
fn input_of_a_detached_container_stays_open() {
    let sandbox = Sandbox::with_busybox();
    sandbox
        .run("run -d -i --name web --network=none busybox sh -c 'read a; echo got $a; read b; echo and $b'")
        .ok()
        .forget();
    let mut first = sandbox
        .command(&["attach", "web"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("attach");
    first.stdin.as_mut().expect("a pipe").write_all(b"one\n").expect("input");
    let mut line = String::new();
    BufReader::new(first.stdout.take().expect("a pipe")).read_line(&mut line).expect("output");
    assert_eq!(line, "got one\n");
    first.kill().expect("it lives");
    first.wait().expect("it ended");
    sandbox.run_with_input("attach web", b"two\n").code(0).stdout_is("and two\n").forget();
    sandbox.run("wait web").stdout_is("0\n").forget();
}

#[test]
fn several_clients_see_the_same() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d -i --name web --network=none busybox sh -c 'read x; seq 1 1000; exit 5'").ok().forget();
    let clients: Vec<_> = (0..4).map(|_| sandbox.spawn("attach --no-stdin web")).collect();
    // They are there when the monitor has answered, which nothing tells: the socket's queue keeps the order.
    std::thread::sleep(std::time::Duration::from_millis(500));
    sandbox.run_with_input("attach web", b"go\n").code(5).forget();
    let expected: String = (1..=1000).map(|number| format!("{number}\n")).collect();
    for client in clients {
        client.finish().code(5).stdout_is(&expected).forget();
    }
}

#[test]
fn signals_are_passed_on() {
    everywhere(|sandbox| {
        let script = "trap 'echo caught; exit 9' USR1; echo ready; while :; do sleep 0.05; done";
        let mut running = sandbox.command(&["run", "--rm", "--network=none", "busybox", "sh", "-c", script]);
        let mut running = running.stdout(std::process::Stdio::piped()).spawn().expect("run");
        let mut lines = BufReader::new(running.stdout.take().expect("a pipe")).lines();
        assert_eq!(lines.next().expect("a line").expect("text"), "ready");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(running.id() as i32), Signal::SIGUSR1).expect("it lives");
        assert_eq!(lines.next().expect("a line").expect("text"), "caught");
        assert_eq!(running.wait().expect("it ended").code(), Some(9));
    });
}

/// The command may be killed: the container doesn't notice, and is cleaned up after when it ends.
#[test]
fn a_killed_command_costs_the_container_nothing() {
    everywhere(|sandbox| {
        let script = "echo ready; while [ ! -e /go ]; do sleep 0.05; echo tick; done; exit 4";
        let mut running = sandbox.command(&["run", "--name", "web", "--network=none", "busybox", "sh", "-c", script]);
        let mut running = running.stdout(std::process::Stdio::piped()).spawn().expect("run");
        let mut lines = BufReader::new(running.stdout.take().expect("a pipe")).lines();
        assert_eq!(lines.next().expect("a line").expect("text"), "ready");
        running.kill().expect("it lives");
        running.wait().expect("it ended");
        drop(lines);
        sandbox.run("exec web touch /go").ok().forget();
        sandbox.run("wait web").stdout_is("4\n").forget();
        sandbox.run("rm web").ok().forget();
    });
}

/// However soon a container ends, its output and exit code arrive. `BARGE_RUNS=10000` for the long run.
#[test]
fn containers_that_end_at_once_are_never_missed() {
    let sandbox = Sandbox::with_busybox();
    let runs = std::env::var("BARGE_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    for number in 0..runs {
        let code = number % 7;
        let script = format!("echo {number}; exit {code}");
        let finished = sandbox.args(&["run", "--rm", "--network=none", "busybox", "sh", "-c", &script]);
        finished.code(code).stdout_is(&format!("{number}\n")).stderr_is("").forget();
    }
    sandbox.run("ps -aq").ok().stdout_is("").forget();
}

#[test]
fn what_does_not_run_cannot_be_attached_to() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name web --network=none busybox true").ok().forget();
    sandbox.run("attach web").code(125).has("you can only attach to running containers").forget();
    sandbox.run("attach nobody").code(125).has("no container with name or ID").forget();
    sandbox.run("attach --detach-keys ctrl-1 web").code(125).forget();
}

/// C11: a client that reads nothing holds the output up, and nothing is lost when it goes on.
#[test]
fn a_slow_reader_loses_nothing() {
    let sandbox = Sandbox::with_busybox();
    let mut command = sandbox.command(&["run", "--rm", "--network=none", "busybox", "seq", "1", "200000"]);
    let mut running = command.stdout(std::process::Stdio::piped()).spawn().expect("run");
    let mut stdout = running.stdout.take().expect("a pipe");
    let mut text = Vec::new();
    let mut buffer = [0; 100_000];
    loop {
        let count = stdout.read(&mut buffer).expect("output");
        if count == 0 {
            break;
        }
        text.extend_from_slice(&buffer[..count]);
        if text.len() % 3 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
    assert_eq!(running.wait().expect("it ended").code(), Some(0));
    let expected: String = (1..=200_000).map(|number| format!("{number}\n")).collect();
    assert!(text == expected.as_bytes(), "{} bytes instead of {}", text.len(), expected.len());
}

/// Programs that drop their privileges still open /dev/stdout.
#[test]
fn any_user_can_open_the_standard_streams() {
    everywhere(|sandbox| {
        let run = [
            "run",
            "--rm",
            "-u",
            "1000:1000",
            "--network=none",
            "busybox",
            "sh",
            "-c",
            "echo a > /dev/stdout; echo b > /dev/stderr",
        ];
        sandbox.args(&run).code(0).stdout_is("a\n").stderr_is("b\n").forget();
    });
}

#[test]
fn bad_detach_keys_are_refused_before_anything_starts() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --detach-keys ctrl-1 --network=none busybox true").code(125).has("detach keys").forget();
    sandbox.run("ps -aq").ok().stdout_is("").forget();
}
