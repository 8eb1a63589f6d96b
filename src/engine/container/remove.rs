//! `remove`: a container and all that is its own.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

/// How to remove.
#[derive(Debug, Clone, Default)]
pub struct RemoveOptions {
    /// A running one, too: it is stopped first.
    pub force: bool,
    /// Its anonymous volumes, too. (They go in any case until volumes land: they are directories of the container.)
    pub volumes: bool,
    /// With `force`: seconds before SIGKILL; `None`: the container's own.
    pub timeout: Option<i64>,
}

/// Removes a container; durable when it returns.
pub fn remove(_engine: &Engine, _id: &ContainerId, _options: &RemoveOptions) -> Result<()> {
    todo!()
}
