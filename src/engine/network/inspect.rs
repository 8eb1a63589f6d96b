//! `network inspect`

use super::users;
use crate::engine::Engine;
use crate::model::network::{Endpoint, NetworkRecord};
use anyhow::Result;

/// A network, and what containers have of it.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// As it is kept.
    pub record: NetworkRecord,
    /// Id, name and endpoint of those that run in it.
    pub containers: Vec<(String, String, Endpoint)>,
}

/// Everything about a network.
pub fn inspect(engine: &Engine, name: &str) -> Result<Inspected> {
    let record = super::find(engine, name)?;
    let mut containers = Vec::new();
    for container in users(&engine.store, &record)? {
        if container.network.guest_of.is_some() {
            continue;
        }
        let endpoint = container.network.endpoints.iter().find(|endpoint| endpoint.network == record.id);
        containers.extend(endpoint.map(|one| (container.id.to_string(), container.name.to_string(), one.clone())));
    }
    Ok(Inspected { record, containers })
}
