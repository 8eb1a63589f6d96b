//! The loop with an ordinary child in place of a container.

use super::client::{self, Client, Said, Wants};
use super::config::{LogConfig, MonitorConfig, Source};
use super::frame::Kind;
use super::log::Log;
use super::log::read::{LogReader, Record};
use super::peer::Peer;
use super::run::{Monitor, Process};
use super::{ExitRecord, stdio};
use crate::model::container::LogDriver;
use crate::runtime::Stdio;
use crate::sys::pidfd;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

fn config(dir: &std::path::Path, interactive: bool) -> MonitorConfig {
    MonitorConfig {
        services: None,
        id: "1".repeat(64),
        name: "test".into(),
        source: Source::Adopt { pid: 0, start_time: 0, cgroup: None },
        terminal: false,
        interactive,
        stdin_once: true,
        run_dir: dir.to_path_buf(),
        log: LogConfig {
            driver: LogDriver::JsonFile,
            path: dir.join("log"),
            max_size: 0,
            max_files: 1,
            attributes: Default::default(),
            passthrough: false,
        },
        timeout: 0,
        pid_file: None,
        monitor_pid_file: None,
        reap: None,
        preserve_fds: 0,
    }
}

/// A monitor of `sh -c script`, and its first client.
fn start(dir: &std::path::Path, script: &str, interactive: bool) -> (Monitor, Client) {
    let config = config(dir, interactive);
    let run_dir: OwnedFd = std::fs::File::open(dir).unwrap().into();
    let streams = stdio::make(&config, Some(&run_dir), None).unwrap();
    let Stdio::Descriptors { stdin, stdout, stderr } = streams.stdio else { panic!("no terminal was asked for") };
    // The monitor under test waits for it.
    #[allow(clippy::zombie_processes)]
    let child = Command::new("sh").arg("-c").arg(script).stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap();
    let pidfd = pidfd::open(child.id() as i32).unwrap();
    let log = Log::open(&config.log).unwrap();
    let process = Process { pidfd, is_child: true, cgroup: None, mount_namespace: None };
    let (client, theirs) =
        Client::pair(Wants { output: true, stdin: interactive, cleaning: true, ..Wants::default() }).unwrap();
    let mut monitor = Monitor::new(config, process, Some(run_dir));
    monitor.outputs = streams.outputs;
    monitor.log = log;
    monitor.input = super::input::Input::new(streams.input, false);
    let mut peer = Peer::new(theirs);
    peer.receive(&mut [0; 64], |asked| panic!("{asked:?} was asked for"));
    monitor.peers.push(peer);
    (monitor, client)
}

/// Lets the monitor's client have standard output through a pipe; gives back the end to read from.
fn with_pipe(monitor: &mut Monitor) -> (Client, OwnedFd) {
    let (mut client, theirs) =
        Client::pair(Wants { output: true, cleaning: true, pipe: true, ..Wants::default() }).unwrap();
    let mut peer = Peer::new(theirs);
    peer.receive(&mut [0; 64], |asked| panic!("{asked:?} was asked for"));
    monitor.peers = vec![peer];
    let pipe = client.take_pipe().unwrap();
    (client, pipe)
}

/// Everything that the client is told.
fn listen(mut client: Client) -> (Vec<u8>, Vec<u8>, Option<ExitRecord>) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while client.receive().unwrap() {
        while let Some(said) = client.next_said().unwrap() {
            match said {
                Said::Stdout(bytes) => stdout.extend_from_slice(bytes),
                Said::Stderr(bytes) => stderr.extend_from_slice(bytes),
                Said::Exit(record) => {
                    client.cleaned();
                    return (stdout, stderr, Some(record));
                }
            }
        }
    }
    (stdout, stderr, None)
}

#[test]
fn output_and_exit_code_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let (mut monitor, client) = start(dir.path(), "echo out; echo err >&2; printf last; exit 3", false);
    let listener = std::thread::spawn(move || listen(client));
    monitor.run();
    let (stdout, stderr, record) = listener.join().unwrap();
    assert_eq!((stdout.as_slice(), stderr.as_slice()), (&b"out\nlast"[..], &b"err\n"[..]));
    assert_eq!(record.as_ref().and_then(|record| record.code), Some(3));
    assert_eq!(ExitRecord::read(dir.path()).unwrap(), record);
    assert_eq!(client::wait(dir.path()).unwrap(), record);
    let mut reader = LogReader::open(&dir.path().join("log"), LogDriver::JsonFile, None).unwrap();
    let mut read = Vec::new();
    let mut line = Record::default();
    while reader.next(&mut line).unwrap() {
        read.push((line.stream.name(), String::from_utf8(line.bytes.clone()).unwrap()));
    }
    read.sort();
    assert_eq!(read, [("stderr", "err\n".into()), ("stdout", "last".into()), ("stdout", "out\n".into())]);
}

#[test]
fn signals_are_told_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let (mut monitor, client) = start(dir.path(), "kill -SEGV $$", false);
    let listener = std::thread::spawn(move || listen(client));
    monitor.run();
    let record = listener.join().unwrap().2.unwrap();
    assert_eq!((record.code, record.signal), (Some(139), Some(11)));
    assert_eq!(ExitStatus::from_raw(11).signal(), Some(11));
}

#[test]
fn input_goes_in_and_its_end_too() {
    let dir = tempfile::tempdir().unwrap();
    let (mut monitor, client) = start(dir.path(), "wc -c", true);
    let sender = std::thread::spawn(move || {
        let block = vec![b'x'; super::frame::MOST];
        for _ in 0..100 {
            client.send(Kind::Stdin, &block).unwrap();
        }
        client.send(Kind::CloseStdin, &[]).unwrap();
        listen(client)
    });
    monitor.run();
    let (stdout, _, record) = sender.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&stdout).trim(), (100 * super::frame::MOST).to_string());
    assert_eq!(record.unwrap().code, Some(0));
}

#[test]
fn a_slow_client_holds_up_the_output_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut monitor, mut client) = start(dir.path(), "seq 1 400000", false);
    monitor.log = None;
    let listener = std::thread::spawn(move || {
        let mut all = Vec::new();
        while client.receive().unwrap() {
            while let Some(said) = client.next_said().unwrap() {
                match said {
                    Said::Stdout(bytes) => all.extend_from_slice(bytes),
                    Said::Exit(_) => {
                        client.cleaned();
                        return all;
                    }
                    Said::Stderr(_) => {}
                }
            }
            std::thread::sleep(std::time::Duration::from_micros(500));
        }
        all
    });
    monitor.run();
    let all = String::from_utf8(listener.join().unwrap()).unwrap();
    let mut expected = 1;
    for line in all.lines() {
        assert_eq!(line, expected.to_string());
        expected += 1;
    }
    assert_eq!(expected, 400_001);
}

#[test]
fn a_client_that_vanishes_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut monitor, client) = start(dir.path(), "cat; seq 1 100000; exit 7", true);
    drop(client);
    monitor.run();
    assert_eq!(ExitRecord::read(dir.path()).unwrap().unwrap().code, Some(7));
}

#[test]
fn a_process_without_readers_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir: OwnedFd = std::fs::File::open(dir.path()).unwrap().into();
    let streams = stdio::make(&config(dir.path(), false), Some(&run_dir), None).unwrap();
    let Stdio::Descriptors { stdin, stdout, stderr } = streams.stdio else { panic!("no terminal was asked for") };
    let script = "echo first; sleep 0.05; echo second; exit 5";
    let mut child =
        Command::new("sh").arg("-c").arg(script).stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap();
    // The monitor is killed.
    drop(streams.outputs);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(5));
}

fn numbers(text: &[u8]) -> Vec<u32> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| std::str::from_utf8(line).unwrap().parse().unwrap())
        .collect()
}

fn logged(dir: &std::path::Path) -> Vec<u8> {
    let mut reader = LogReader::open(&dir.join("log"), LogDriver::JsonFile, None).unwrap();
    let (mut all, mut record) = (Vec::new(), Record::default());
    while reader.next(&mut record).unwrap() {
        if record.stream.name() == "stdout" {
            all.extend_from_slice(&record.bytes);
        }
    }
    all
}

#[test]
fn what_goes_from_pipe_to_pipe_is_whole_and_logged() {
    for log in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (mut monitor, _) = start(dir.path(), "seq 1 300000; echo err >&2; exit 4", false);
        let (client, pipe) = with_pipe(&mut monitor);
        if !log {
            monitor.log = None;
        }
        let reader = std::thread::spawn(move || {
            let (mut all, mut pipe) = (Vec::new(), std::fs::File::from(pipe));
            let mut block = [0; 10_000];
            while let Ok(count @ 1..) = std::io::Read::read(&mut pipe, &mut block) {
                all.extend_from_slice(&block[..count]);
            }
            all
        });
        let listener = std::thread::spawn(move || listen(client));
        monitor.run();
        let (stdout, stderr, record) = listener.join().unwrap();
        assert_eq!((stdout.as_slice(), stderr.as_slice()), (&b""[..], &b"err\n"[..]));
        assert_eq!(record.unwrap().code, Some(4));
        let all = reader.join().unwrap();
        assert!(numbers(&all).into_iter().eq(1..=300_000), "{} bytes came", all.len());
        if log {
            assert!(logged(dir.path()) == all);
        }
    }
}

#[test]
fn one_reader_by_pipe_and_one_by_frames_both_get_all() {
    let dir = tempfile::tempdir().unwrap();
    let (mut monitor, frames) = start(dir.path(), "seq 1 100000", false);
    let first = monitor.peers.pop().unwrap();
    let (client, pipe) = with_pipe(&mut monitor);
    monitor.peers.push(first);
    let by_pipe = std::thread::spawn(move || {
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut std::fs::File::from(pipe), &mut all).unwrap();
        drop(client);
        all
    });
    let by_frames = std::thread::spawn(move || listen(frames));
    monitor.run();
    let (by_pipe, by_frames) = (by_pipe.join().unwrap(), by_frames.join().unwrap().0);
    assert!(numbers(&by_pipe).into_iter().eq(1..=100_000), "{} bytes came by pipe", by_pipe.len());
    assert!(by_frames == by_pipe && logged(dir.path()) == by_pipe);
}

#[test]
fn a_pipe_without_reader_loses_nothing_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (mut monitor, _) = start(dir.path(), "seq 1 100000", false);
    let (client, pipe) = with_pipe(&mut monitor);
    let gone = std::thread::spawn(move || {
        let mut some = [0; 5000];
        let mut pipe = std::fs::File::from(pipe);
        std::io::Read::read_exact(&mut pipe, &mut some).unwrap();
        drop((pipe, client));
    });
    monitor.run();
    gone.join().unwrap();
    assert!(numbers(&logged(dir.path())).into_iter().eq(1..=100_000));
}
