//! `prune`: removes what does not run.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

/// One container that was looked at.
#[derive(Debug)]
pub struct Pruned {
    /// Which.
    pub id: ContainerId,
    /// Bytes given back, or why not.
    pub outcome: Result<u64>,
}

/// Removes all containers that don't run and match `filters` (`until`, `label`, `label!`).
pub fn prune(_engine: &Engine, _filters: &[(String, String)]) -> Result<Vec<Pruned>> {
    todo!()
}
