//! The spawner's side: start a monitor, learn of the created container, let it go.

use super::MonitorConfig;
use anyhow::Result;
use std::os::fd::OwnedFd;

/// Descriptors that a monitor gets besides its configuration.
#[derive(Default)]
pub struct Descriptors {
    /// The monitor's end of a socket pair: a client that is attached before the container starts and so sees every
    /// byte and the exit. See [`super::client::Client::pair`].
    pub attach: Option<OwnedFd>,
    /// For `--preserve-fds`: 3, 4 … of the container's process.
    pub preserved: Vec<OwnedFd>,
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
    report: OwnedFd,
}

impl Handle {
    /// Lets the container execute its command: `Ok` when it has, otherwise why not (126, 127).
    pub fn start(self) -> Result<()> {
        todo!("{:?}", self.report)
    }
}

/// Starts a monitor, which creates the container; returns when it has, or with the typed failure.
pub fn spawn(config: &MonitorConfig, descriptors: Descriptors) -> Result<Handle> {
    let _ = (config, descriptors);
    todo!()
}
