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
pub fn port(_engine: &Engine, _id: &ContainerId) -> Result<Vec<PublishedPort>> {
    todo!()
}
