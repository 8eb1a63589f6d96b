//! `@monitor`: from its start to the moment where the container runs; then [`super::run`].

use super::config::{MonitorConfig, Source};
use super::input::Input;
use super::log::Log;
use super::peer::{Asked, Peer};
use super::report::{Report, wait_for_go};
use super::run::{Monitor, Process};
use super::services::Services;
use super::{paths, stdio};
use crate::runtime::{self, Create, Exec};
use crate::sys::spawn::Inherited;
use crate::sys::standby::Waiting;
use crate::sys::{fd, memory, pidfd, signal};
use anyhow::{Context, Result, bail};
use nix::fcntl::{OFlag, open};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// The role `@monitor`: `arguments` are those after the role's name. Returns the process's exit code.
pub fn main(arguments: &[OsString]) -> u8 {
    match Inherited::take(arguments.iter().cloned()) {
        Ok(inherited) => serve(inherited, None),
        Err(_) => 125,
    }
}

/// The same in a process that stands by; `network`: [`Create::network`].
pub(super) fn stand_by(waiting: Waiting, network: Option<OwnedFd>) -> u8 {
    memory::warm(128 << 10);
    match waiting.wait() {
        Some(inherited) => serve(inherited, network),
        None => 0,
    }
}

fn serve(mut inherited: Inherited, network: Option<OwnedFd>) -> u8 {
    let Ok(report) = inherited.descriptor("report") else { return 125 };
    match prepare(inherited, network, &report) {
        Ok(Some(mut monitor)) => {
            drop(report);
            monitor.run();
            0
        }
        Ok(None) => 0,
        Err(error) => {
            let _ = Report::failed(&error).send(&report);
            125
        }
    }
}

/// Everything up to the container's start. `None`: the spawner went away, all is taken back.
fn prepare(mut inherited: Inherited, network: Option<OwnedFd>, report: &OwnedFd) -> Result<Option<Monitor>> {
    let mut config: MonitorConfig =
        serde_json::from_slice(&inherited.config()?).context("reading the monitor's configuration")?;
    let network = inherited.optional("network").or(network);
    let mut preserved = Vec::new();
    while let Some(fd) = inherited.optional(&format!("preserved{}", preserved.len())) {
        preserved.push(fd);
    }
    let mut peers: Vec<Peer> = inherited.optional("attach").into_iter().map(Peer::new).collect();
    drop(inherited);
    // Its attached client has said hello, and how large its terminal is, before we were started.
    let mut asked = Vec::new();
    receive(&mut peers, &mut asked);
    let size = asked.iter().rev().find_map(|asked| match asked {
        Asked::Resize { rows, columns } => Some((*rows, *columns)),
        _ => None,
    });

    let is_exec = matches!(config.source, Source::Exec(_));
    let run_dir = if is_exec { None } else { Some(open_dir(&config.run_dir)?) };
    if matches!(config.source, Source::Container(_)) {
        forget_last_run(&config.run_dir)?;
    }
    let log = Log::open(&config.log)?;
    let listener = run_dir.as_ref().map(listen).transpose()?;

    let mut sockets = Vec::new();
    let (process, outputs, input, told) = match &config.source {
        Source::Adopt { pid, start_time, cgroup } => {
            let process = adopt(*pid, *start_time, cgroup.clone())?;
            let outputs = run_dir.as_ref().map(stdio::adopt).unwrap_or_default();
            (process, outputs, None, Told::Nothing)
        }
        source => {
            let streams = stdio::make(&config, run_dir.as_ref(), size)?;
            if config.log.passthrough {
                stdio::let_go()?;
            }
            let running = match source {
                Source::Container(bundle) => {
                    let created = runtime::create(Create { bundle, stdio: streams.stdio, preserved, network })?;
                    if let Some(path) = &config.pid_file {
                        write_pid(path, created.pid())?;
                    }
                    tell_created(report, created.pid(), created.start_time(), created.cgroup().cloned())?;
                    match wait_for_go(report)? {
                        Some(some) => sockets = some,
                        None => return Ok(None),
                    }
                    created.start()?
                }
                Source::Exec(join) => {
                    // Nothing is to be written down before it runs: no "created", no "go".
                    runtime::exec(Exec { join, stdio: streams.stdio, preserved })?
                }
                Source::Adopt { .. } => bail!("nothing to start"),
            };
            let terminal = running.terminal.as_ref().map(|fd| fd.try_clone()).transpose()?;
            let told = Told::Started(Report::Started {
                pid: running.pid,
                start_time: running.start_time,
                cgroup: running.cgroup.clone(),
                warnings: running.warnings.clone(),
            });
            let mut outputs = streams.outputs;
            let input = match terminal {
                Some(terminal) => {
                    fd::set_nonblocking(&terminal, true)?;
                    outputs.push(stdio::Output { fd: terminal.try_clone()?, stream: super::log::Stream::Stdout });
                    Some(terminal)
                }
                None => streams.input,
            };
            let process = Process {
                pidfd: running.pidfd,
                is_child: true,
                cgroup: if is_exec { None } else { running.cgroup },
                mount_namespace: running.mount_namespace,
            };
            (process, outputs, input, told)
        }
    };
    if let Some(path) = &config.monitor_pid_file {
        write_pid(path, std::process::id() as i32)?;
    }
    match told {
        Told::Started(started) => started.send(report)?,
        Told::Nothing => {
            tell_created(report, 0, 0, None)?;
            sockets = wait_for_go(report)?.unwrap_or_default();
        }
    }
    stand_aside();
    // From here on nobody but the container's end ends us. Not earlier: a container would inherit it.
    signal::ignore(&[Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGPIPE])?;
    let services = config.services.take().map(|services| Services::new(services, sockets)).transpose()?;
    let mut monitor = Monitor::new(config, process, run_dir);
    monitor.services = services;
    monitor.outputs = outputs;
    monitor.log = log;
    monitor.listener = listener;
    monitor.peers = peers;
    let terminal = monitor.terminal;
    monitor.input = Input::new(input, terminal);
    asked.into_iter().for_each(|asked| monitor.answer(asked));
    Ok(Some(monitor))
}

/// Takes up nothing of the spawner's, and dies last when memory is short: better the container than who tells of it.
/// What an ordinary user may not do is no harm.
fn stand_aside() {
    let _ = nix::unistd::chdir("/");
    let _ = std::fs::write("/proc/self/oom_score_adj", "-999");
}

enum Told {
    Started(Report),
    Nothing,
}

fn tell_created(report: &OwnedFd, pid: i32, start_time: u64, cgroup: Option<runtime::cgroup::Place>) -> Result<()> {
    let monitor_start_time = start_time_of(std::process::id() as i32)?;
    Report::Created { pid, start_time, monitor_start_time, cgroup }.send(report)
}

fn receive(peers: &mut [Peer], asked: &mut Vec<Asked>) {
    let mut buffer = [0; 1024];
    for peer in peers {
        peer.receive(&mut buffer, |what| asked.push(what));
    }
}

fn open_dir(path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty()).with_context(|| format!("opening {}", path.display()))
}

/// An exit record of the run before would be taken for this one's.
fn forget_last_run(run_dir: &Path) -> Result<()> {
    for name in [paths::EXIT, paths::COMPLAINTS] {
        match std::fs::remove_file(run_dir.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}/{name}", run_dir.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The attach socket, for nobody but our own user (the directory is 0700, the socket 0600, and we ask the kernel who
/// connects). By way of the directory's descriptor, because a socket's path may have 107 bytes only.
fn listen(run_dir: &OwnedFd) -> Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}/{}", run_dir.as_raw_fd(), paths::ATTACH);
    let _ = std::fs::remove_file(&path);
    let old = nix::sys::stat::umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(&path);
    nix::sys::stat::umask(old);
    let listener = listener.context("making the attach socket")?;
    listener.set_nonblocking(true)?;
    Ok(listener.into())
}

fn write_pid(path: &Path, pid: i32) -> Result<()> {
    let mut name = path.as_os_str().to_os_string();
    name.push(".new");
    std::fs::write(&name, pid.to_string())
        .and_then(|()| std::fs::rename(&name, path))
        .with_context(|| format!("writing {}", path.display()))
}

/// Opens the container's process, and makes sure that it is the one.
fn adopt(pid: i32, start_time: u64, cgroup: Option<runtime::cgroup::Place>) -> Result<Process> {
    let pidfd = pidfd::open(pid).with_context(|| format!("opening process {pid}"))?;
    // Looked at after opening: if it is right now, the descriptor is right for ever.
    if start_time_of(pid)? != start_time {
        bail!("process {pid} is another one by now");
    }
    Ok(Process { pidfd, is_child: false, cgroup, mount_namespace: None })
}

/// Field 22 of a process's stat file.
fn start_time_of(pid: i32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    // The name, field 2, is in parentheses and may contain anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    fields.split_whitespace().nth(19).and_then(|field| field.parse().ok()).context("reading a stat file")
}

/// Whether the peer of an accepted connection may attach: our own user, or root.
pub(super) fn may_attach(socket: &OwnedFd) -> bool {
    let ours = nix::unistd::geteuid().as_raw();
    matches!(fd::peer(socket.as_fd()), Ok((_, uid, _)) if uid == ours || uid == 0)
}
