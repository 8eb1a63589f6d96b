//! `wait`: until a container is in some state.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Condition {
    /// It does not run: created, exited or gone. The default.
    Stopped,
    /// It is removed.
    Removed,
    /// It ended after we began to wait (docker's `next-exit`).
    NextExit,
    Created,
    Running,
    Paused,
    Exited,
}

/// Waits until any of `conditions` (none: `Stopped`) holds; the exit code of the container, `None` when there is none.
/// Nothing polls: pidfds and inotify wake us.
pub fn wait(_engine: &Engine, _id: &ContainerId, _conditions: &[Condition]) -> Result<Option<u8>> {
    todo!()
}
