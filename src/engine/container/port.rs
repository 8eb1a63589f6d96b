//! `port`: published ports.

use super::{exited, network};
use crate::engine::Engine;
use crate::model::id::ContainerId;
use crate::model::network::PublishedPort;
use anyhow::Result;

/// The published ports of a container.
pub fn port(engine: &Engine, id: &ContainerId) -> Result<Vec<PublishedPort>> {
    let container = exited::settled(engine, id)?;
    let mut ports = network::published(&container).to_vec();
    ports.sort_by_key(|port| (port.container, port.protocol, port.address));
    Ok(ports)
}
