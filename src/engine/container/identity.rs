//! Whether the process of a record still lives: by pid, start time and boot id, then held by pidfd.

use crate::engine::Engine;
use crate::store::{ContainerRecord, ProcessIdentity};
use crate::sys::pid::PidFd;
use anyhow::{Context, Result};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The very process that was written down, if it lives. Never another one that has its pid now.
pub(super) fn process(engine: &Engine, identity: Option<&ProcessIdentity>) -> Result<Option<PidFd>> {
    match identity {
        Some(identity) if identity.boot_id == engine.store.boot_id() => {
            Ok(PidFd::open_if(identity.pid, identity.start_time)?)
        }
        _ => Ok(None),
    }
}

/// The network namespace of the very process that was written down; `None` when that has ended.
pub(super) fn network_namespace(engine: &Engine, identity: Option<&ProcessIdentity>) -> Result<Option<OwnedFd>> {
    let (Some(process), Some(identity)) = (process(engine, identity)?, identity) else { return Ok(None) };
    let namespace = File::open(format!("/proc/{}/ns/net", identity.pid));
    // Looked at after the namespace was opened: who lives still has had this pid all the while.
    if process.wait(Some(Duration::ZERO))? {
        return Ok(None);
    }
    Ok(Some(namespace.context("opening the container's network namespace")?.into()))
}

/// Whether the container's first process lives: cheaper than [`process`], for lists.
pub(super) fn is_alive(engine: &Engine, record: &ContainerRecord) -> bool {
    is_process_alive(engine, record.process.as_ref())
}

/// Whether the very process that was written down lives.
pub(super) fn is_process_alive(engine: &Engine, identity: Option<&ProcessIdentity>) -> bool {
    identity.is_some_and(|identity| {
        identity.boot_id == engine.store.boot_id()
            && matches!(crate::sys::pid::start_time(identity.pid), Ok(Some(time)) if time == identity.start_time)
    })
}

/// Whether nobody has the pid of what was written down: one system call, for lists. `false` doesn't say that it lives.
pub(super) fn is_gone(identity: Option<&ProcessIdentity>) -> bool {
    identity.is_none_or(|identity| crate::sys::pid::is_free(identity.pid))
}
