//! `prune`: removes what does not run.

use super::list::{Filters, live_phase};
use super::{RemoveOptions, remove};
use crate::engine::Engine;
use crate::fault::Fault;
use crate::model::id::ContainerId;
use crate::model::lifecycle::Phase;
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
pub fn prune(engine: &Engine, filters: &[(String, String)]) -> Result<Vec<Pruned>> {
    if let Some((key, _)) = filters.iter().find(|(key, _)| !matches!(key.as_str(), "until" | "label" | "label!")) {
        return Err(Fault::invalid(format!("{key} is an invalid filter")).into());
    }
    let filters = Filters::parse(engine, filters)?;
    let mut pruned = Vec::new();
    for container in engine.store.containers()? {
        let phase = live_phase(engine, &container);
        if matches!(phase, Phase::Running | Phase::Paused) || !filters.match_container(&container, phase) {
            continue;
        }
        let size = engine.store.upper_size(container.dirs()).unwrap_or(0);
        let outcome = remove(engine, &container.id, &RemoveOptions::default()).map(|()| size);
        pruned.push(Pruned { id: container.id.clone(), outcome });
    }
    Ok(pruned)
}
