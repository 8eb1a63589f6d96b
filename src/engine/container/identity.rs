//! Whether the process of a record still lives: by pid, start time and boot id, then held by pidfd.

use crate::engine::Engine;
use crate::store::{ContainerRecord, ProcessIdentity};
use crate::sys::pid::PidFd;
use anyhow::Result;

/// The very process that was written down, if it lives. Never another one that has its pid now.
pub(super) fn process(engine: &Engine, identity: Option<&ProcessIdentity>) -> Result<Option<PidFd>> {
    match identity {
        Some(identity) if identity.boot_id == engine.store.boot_id() => {
            Ok(PidFd::open_if(identity.pid, identity.start_time)?)
        }
        _ => Ok(None),
    }
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
