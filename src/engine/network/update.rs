//! `network update`

use super::users;
use crate::engine::{Engine, container};
use anyhow::Result;
use std::net::IpAddr;

/// What is to change.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    /// `--dns-add`
    pub add: Vec<IpAddr>,
    /// `--dns-drop`
    pub remove: Vec<IpAddr>,
}

/// Changes the name servers of a network, also for the containers that run in it.
pub fn update(engine: &Engine, name: &str, options: &UpdateOptions) -> Result<()> {
    super::check_possible(engine)?;
    super::find(engine, name)?;
    let network = {
        let lock = engine.store.lock_networks()?;
        // What was read before the lock may be old by now.
        let mut network = super::find_there(engine, name)?;
        network.dns_servers.retain(|server| !options.remove.contains(server));
        for server in &options.add {
            if !network.dns_servers.contains(server) {
                network.dns_servers.push(*server);
            }
        }
        lock.save(&network)?;
        network
    };
    for user in users(&engine.store, &network)? {
        container::network::tell(engine, &user)?;
    }
    Ok(())
}
