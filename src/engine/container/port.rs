//! `port`: published ports; none until bridge networks land.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPort {
    /// In the container.
    pub container: u16,
    /// `tcp`, `udp`, `sctp`
    pub protocol: String,
    /// On the host.
    pub address: String,
    /// On the host.
    pub host: u16,
}

/// The published ports of a container.
pub fn port(engine: &Engine, id: &ContainerId) -> Result<Vec<PublishedPort>> {
    engine.store.find_container(id.as_str())?;
    Ok(Vec::new())
}
