//! The spawner's side: start a monitor, learn of the created container, let it go.

use super::MonitorConfig;
use super::report::{Report, send_go, send_sockets};
use crate::runtime::cgroup::Place;
use crate::sys::spawn::{Child, Role};
use crate::sys::standby::Standby;
use crate::sys::{fd, namespace};
use anyhow::{Context, Result, bail};
use std::os::fd::{AsFd, OwnedFd};

/// Descriptors that a monitor gets besides its configuration.
#[derive(Debug, Default)]
pub struct Descriptors {
    /// The monitor's end of a socket pair: a client that is attached before the container starts and so sees every
    /// byte and the exit. See [`super::client::Client::pair`].
    pub attach: Option<OwnedFd>,
    /// For `--preserve-fds`: 3, 4 … of the container's process.
    pub preserved: Vec<OwnedFd>,
    /// The network namespace that the container is to live in.
    pub network: Option<OwnedFd>,
    /// `passthrough`: standard input, output and error for the container, as they are.
    pub passthrough: Option<[OwnedFd; 3]>,
}

/// A container that was created and stands before its execve. Dropped without [`Handle::start`], it is taken back.
#[derive(Debug)]
pub struct Handle {
    /// The container's main process.
    pub pid: i32,
    /// When it was started, in clock ticks since boot (field 22 of its stat file).
    pub start_time: u64,
    /// The monitor.
    pub monitor_pid: i32,
    /// When the monitor was started.
    pub monitor_start_time: u64,
    /// Where the container is counted and limited; to be kept in its record.
    pub cgroup: Option<Place>,
    report: OwnedFd,
    /// It runs already: an `exec` waits for nobody.
    started: Option<Started>,
}

/// What is known of a container once it runs its command.
#[derive(Debug, Clone, Default)]
pub struct Started {
    /// Where it is counted and limited; to be kept in its record.
    pub cgroup: Option<Place>,
    /// What was done in another way than asked, for the user.
    pub warnings: Vec<String>,
}

impl Handle {
    /// Lets the container execute its command: `Ok` when it has, otherwise why not (126, 127).
    /// `sockets` are what [`MonitorConfig::services`] speaks of.
    pub fn start(self, sockets: &[OwnedFd]) -> Result<Started> {
        if let Some(started) = self.started {
            return Ok(started);
        }
        // A monitor that failed meanwhile said why before it hung up.
        let sent = send_sockets(&self.report, sockets).and_then(|()| send_go(&self.report));
        match Report::receive(&self.report)? {
            Report::Started { cgroup, warnings, .. } => Ok(Started { cgroup, warnings }),
            other => sent.and_then(|()| bail!("the monitor said {other:?} out of turn")),
        }
    }
}

/// A process that is ready to become the next monitor; to be made before this process opens anything. `offline`: the
/// container will have a network namespace with nothing but loopback. `None` where it can't be had: not an ordinary
/// user's, nor in a user namespace.
pub fn stand_by(offline: bool) -> Option<Standby> {
    // Tests take guards out by the environment, of which a standby keeps nothing.
    #[cfg(debug_assertions)]
    if crate::trip::handed_on().is_some() {
        return None;
    }
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    Standby::start(|| offline.then(namespace::new_network).transpose(), super::role::stand_by).ok()
}

/// Starts a monitor, which creates the container; returns when it has, or with the typed failure.
pub fn spawn(config: &MonitorConfig, descriptors: Descriptors, standby: Option<Standby>) -> Result<Handle> {
    spawn_and(config, descriptors, standby, || Ok(()))
}

/// The same, doing something `meanwhile`; when that fails, the monitor takes the container back.
pub fn spawn_and(
    config: &MonitorConfig,
    descriptors: Descriptors,
    standby: Option<Standby>,
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<Handle> {
    let (report, child) = start(config, descriptors, standby)?;
    meanwhile()?;
    match Report::receive(&report) {
        Ok(Report::Created { pid, start_time, monitor_start_time, cgroup }) => {
            Ok(Handle { pid, start_time, monitor_pid: child.pid(), monitor_start_time, cgroup, report, started: None })
        }
        Ok(Report::Started { pid, start_time, cgroup, warnings }) => {
            let started = Some(Started { cgroup: cgroup.clone(), warnings });
            Ok(Handle { pid, start_time, monitor_pid: child.pid(), monitor_start_time: 0, cgroup, report, started })
        }
        Ok(other) => bail!("the monitor said {other:?} out of turn"),
        Err(error) => {
            let _ = child.wait();
            Err(error)
        }
    }
}

/// Starts a monitor that takes over a container which lost its own: see [`super::Source::Adopt`]. Returns its pid and
/// start time.
pub fn adopt(config: &MonitorConfig, sockets: &[OwnedFd]) -> Result<(i32, u64)> {
    let (report, child) = start(config, Descriptors::default(), None)?;
    match Report::receive(&report)? {
        Report::Created { monitor_start_time, .. } => {
            send_sockets(&report, sockets).and_then(|()| send_go(&report))?;
            Ok((child.pid(), monitor_start_time))
        }
        other => bail!("the monitor said {other:?} out of turn"),
    }
}

fn start(config: &MonitorConfig, descriptors: Descriptors, standby: Option<Standby>) -> Result<(OwnedFd, Child)> {
    let (ours, theirs) = fd::seqpacket_pair().context("making a socket pair")?;
    let names: Vec<String> = (0..descriptors.preserved.len()).map(|index| format!("preserved{index}")).collect();
    let mut role = Role::new("@monitor", &config.name)
        .sealed()
        .config(&serde_json::to_vec(config)?)
        .context("making the monitor's configuration")?
        .owned_descriptor("report", theirs);
    if let Some(attach) = descriptors.attach {
        role = role.owned_descriptor("attach", attach);
    }
    if let Some(network) = descriptors.network {
        role = role.owned_descriptor("network", network);
    }
    let standard = descriptors.passthrough;
    if let Some([stdin, stdout, stderr]) = &standard {
        role = role.standard([Some(stdin.as_fd()), Some(stdout.as_fd()), Some(stderr.as_fd())]);
    }
    for (name, fd) in names.iter().zip(descriptors.preserved) {
        role = role.owned_descriptor(name, fd);
    }
    let child = role.spawn_by(standby).context("starting the monitor")?;
    Ok((ours, child))
}
