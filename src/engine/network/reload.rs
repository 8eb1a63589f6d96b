//! `network reload`: the firewall anew, from what is written down.

use crate::engine::Engine;
use crate::network::{Ground, bridge, rules};
use anyhow::Result;

/// Makes the rules of all networks and containers anew, and the bridges that are gone.
pub fn reload(engine: &Engine) -> Result<()> {
    super::check_possible(engine)?;
    let mut ground = Ground::here()?;
    for container in engine.store.containers()? {
        for endpoint in &container.network.endpoints {
            if let Some(network) = engine.store.find_network(&endpoint.network)?.filter(|network| network.is_bridge()) {
                bridge::ensure(&mut ground, &network)?;
            }
        }
    }
    rules::render(&engine.store, &mut ground)
}
