//! One more process in a running container.

use super::{Join, Running, Stdio};
use anyhow::Result;
use std::os::fd::OwnedFd;

/// A request for one more process.
#[derive(Debug)]
pub struct Exec<'a> {
    /// What runs, and where.
    pub join: &'a Join,
    /// Its standard streams.
    pub stdio: Stdio,
    /// More descriptors for it: they become 3, 4 …
    pub preserved: Vec<OwnedFd>,
}

/// Joins the container's namespaces, cgroup and confinement and runs the process there.
/// Faults: `Conflict` when the container is not running; `CommandNotFound` (127), `NotExecutable` (126).
pub fn exec(request: Exec) -> Result<Running> {
    let _ = request;
    todo!()
}
