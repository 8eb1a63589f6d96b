//! What monitor and spawner say to each other while a container is started; one message each way at a time.

use crate::fault::{Fault, Kind};
use crate::runtime::cgroup::Place;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, OwnedFd};

/// From the monitor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The process stands before its execve.
    Created { pid: i32, start_time: u64, monitor_start_time: u64, cgroup: Option<Place> },
    /// It runs its command.
    Started { pid: i32, start_time: u64, cgroup: Option<Place>, warnings: Vec<String> },
    /// It doesn't, and all is taken back.
    Failed { kind: Kind, what: String, hint: Option<String> },
}

/// The spawner's words.
const GO: u8 = b'g';
const SOCKETS: u8 = b's';

/// A message is one packet; none is longer.
const LONGEST: usize = 64 * 1024;

impl Report {
    /// As a failure: the words of the whole chain, with the kind and hint of the typed part.
    pub(super) fn failed(error: &anyhow::Error) -> Report {
        let fault = Fault::of(error);
        let mut what = format!("{error:#}");
        let mut end = what.len().min(LONGEST / 4);
        while !what.is_char_boundary(end) {
            end -= 1;
        }
        what.truncate(end);
        Report::Failed { kind: Fault::kind_of(error), what, hint: fault.and_then(|fault| fault.hint.clone()) }
    }

    pub(super) fn send(&self, socket: impl AsFd) -> Result<()> {
        let bytes = serde_json::to_vec(self)?;
        crate::sys::fd::send_with_fds(socket, &bytes, &[]).context("reporting")?;
        Ok(())
    }

    /// The next report; a failure becomes the error that it tells.
    pub(super) fn receive(socket: impl AsFd) -> Result<Report> {
        let mut buffer = vec![0; LONGEST];
        let (count, _) = loop {
            match crate::sys::fd::receive_with_fds(&socket, &mut buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other.context("waiting for the monitor")?,
            }
        };
        if count == 0 {
            bail!(Fault::new(Kind::Internal, "the monitor ended before it had started the container"));
        }
        match serde_json::from_slice(&buffer[..count])? {
            Report::Failed { kind, what, hint } => Err(Fault { kind, what, hint }.into()),
            report => Ok(report),
        }
    }
}

/// The spawner's side: the sockets that the monitor is to serve.
pub(super) fn send_sockets(socket: &OwnedFd, sockets: &[OwnedFd]) -> Result<()> {
    for some in sockets.chunks(8) {
        let some: Vec<_> = some.iter().map(AsFd::as_fd).collect();
        crate::sys::fd::send_with_fds(socket, &[SOCKETS], &some).context("the monitor is gone")?;
    }
    Ok(())
}

/// The spawner's side: let the container go.
pub(super) fn send_go(socket: &OwnedFd) -> Result<()> {
    crate::sys::fd::send_with_fds(socket, &[GO], &[]).context("the monitor is gone")?;
    Ok(())
}

/// The monitor's side: the sockets that came before the spawner said go (`None`: it is gone).
pub(super) fn wait_for_go(socket: impl AsFd) -> Result<Option<Vec<OwnedFd>>> {
    let mut buffer = [0; 1];
    let mut sockets = Vec::new();
    loop {
        match crate::sys::fd::receive_with_fds(&socket, &mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok((1, some)) if buffer[0] == SOCKETS => sockets.extend(some),
            Ok((1, _)) if buffer[0] == GO => return Ok(Some(sockets)),
            _ => return Ok(None),
        }
    }
}
