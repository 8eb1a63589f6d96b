//! A new container: its first process.

use super::{Bundle, Stdio, cgroup};
use anyhow::Result;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A request for a new container.
#[derive(Debug)]
pub struct Create<'a> {
    /// What it is.
    pub bundle: &'a Bundle,
    /// The standard streams of its first process.
    pub stdio: Stdio,
    /// More descriptors for it: they become 3, 4 …
    pub preserved: Vec<OwnedFd>,
}

/// A container whose first process stands before its execve. Dropped without [`Created::start`], it is killed.
#[derive(Debug)]
pub struct Created {
    running: Running,
}

/// A process of a container that has begun its own program. It is our child: wait for it by its pidfd.
#[derive(Debug)]
pub struct Running {
    /// Its process id, as seen from here.
    pub pid: i32,
    /// Readable when it has ended.
    pub pidfd: OwnedFd,
    /// Its start time in clock ticks: with the pid, its identity.
    pub start_time: u64,
    /// The controlling side of its terminal, when [`Stdio::Terminal`] was asked for.
    pub terminal: Option<OwnedFd>,
    /// Where it is counted and limited; to be kept in the container's record.
    pub cgroup: Option<cgroup::Place>,
    /// What was done in another way than asked (a clamped rlimit …), for the user.
    pub warnings: Vec<String>,
    /// Its mount namespace, kept alive so that its end needn't wait for the mounts to go; close it when all is told.
    pub mount_namespace: Option<OwnedFd>,
}

/// Makes a container up to the point where [`Created::start`] lets it run its own program.
/// Faults: `Invalid`, `Unsupported` (a limit or option this host can't give), `Denied` …
pub fn create(request: Create) -> Result<Created> {
    let _ = request;
    todo!()
}

/// [`create`] and [`Created::start`] in one, without the wait in between: the fast way.
/// Faults as of both; `CommandNotFound` (127) and `NotExecutable` (126) for the command.
pub fn run(request: Create) -> Result<Running> {
    let _ = request;
    todo!()
}

impl Created {
    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.running.pid
    }

    /// Readable when it has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.running.pidfd.as_fd()
    }

    /// Its start time in clock ticks.
    pub fn start_time(&self) -> u64 {
        self.running.start_time
    }

    /// Lets it run its own program. Faults: `CommandNotFound` (127), `NotExecutable` (126).
    pub fn start(self) -> Result<Running> {
        todo!()
    }
}
