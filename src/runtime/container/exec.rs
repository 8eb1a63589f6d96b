//! One more process in a container.

use super::create::{hand_over, stdio};
use super::{Container, StateRoot, Status, improper, replace};
use crate::runtime::{Exec, Join, Running, Seccomp, exec as runtime};
use anyhow::Result;
use oci_spec::runtime::Process;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// What to run, and how.
#[derive(Debug)]
pub struct ExecOptions {
    /// What: see [`Container::usual_process`].
    pub process: Process,
    /// A socket that takes the controlling side of its terminal.
    pub console_socket: Option<PathBuf>,
    /// Where its process id is written.
    pub pid_file: Option<PathBuf>,
    /// Descriptors for it, from 3 on.
    pub preserved: Vec<OwnedFd>,
    /// Also while the container stands still: it will run when that goes on.
    pub ignore_paused: bool,
}

/// Starts it; it is our child. Its terminal is in the answer where no socket takes it.
pub fn exec(root: &StateRoot, container: &Container, options: ExecOptions) -> Result<Running> {
    match container.status()? {
        Status::Stopped => return Err(improper("cannot exec in a stopped container")),
        Status::Paused if !options.ignore_paused => {
            return Err(improper("cannot exec in a paused container (use --ignore-paused to override)"));
        }
        _ => {}
    }
    let record = &container.record;
    let spec = container.spec()?;
    let stdio = stdio(Some(&options.process), options.console_socket.as_deref())?;
    let join = Join {
        pid: record.pid,
        start_time: record.start_time,
        process: Box::new(options.process),
        namespaces: record.namespaces.clone(),
        seccomp: Seccomp::Spec,
        profile: spec.linux().as_ref().and_then(|linux| linux.seccomp().clone()),
        cgroup: record.cgroup.clone(),
        cache_dir: root.cache()?,
        personality: spec.linux().as_ref().and_then(|linux| linux.personality().clone()),
        keyring: Some(crate::runtime::keyring_name(&record.id)),
    };
    let mut running = runtime(Exec { join: &join, stdio, preserved: options.preserved })?;
    if let Some(path) = &options.console_socket
        && let Some(terminal) = running.terminal.take()
    {
        hand_over(path, &terminal)?;
    }
    if let Some(path) = &options.pid_file {
        replace(path, running.pid.to_string().as_bytes())?;
    }
    Ok(running)
}

impl Container {
    /// The container's own process as its config has it: what an `exec` differs from only where it says so.
    pub fn usual_process(&self) -> Result<Process> {
        Ok(self.spec()?.process().clone().unwrap_or_default())
    }
}
