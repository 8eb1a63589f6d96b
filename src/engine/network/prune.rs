//! `network prune`

use super::{list, remove, users};
use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Removes the networks that no container uses; returns their names.
pub fn prune(engine: &Engine, filters: &[(String, String)]) -> Result<Vec<String>> {
    super::check_possible(engine)?;
    if let Some((key, _)) = filters.iter().find(|(key, _)| !matches!(key.as_str(), "until" | "label" | "label!")) {
        return Err(Fault::invalid(format!("{key} is an invalid filter")).into());
    }
    let mut pruned = Vec::new();
    for network in list::list(engine, filters, false)? {
        let Some(record) = network.record.filter(|record| record.name.as_str() != crate::model::network::DEFAULT)
        else {
            continue;
        };
        if users(&engine.store, &record)?.is_empty() {
            remove::discard(engine, &record)?;
            pruned.push(record.name.to_string());
        }
    }
    Ok(pruned)
}
