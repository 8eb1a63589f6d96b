//! `network rm`

use super::users;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::container;
use crate::fault::{Fault, Kind};
use crate::model::network::{DEFAULT, NetworkRecord};
use crate::network::{Ground, bridge, rules};
use anyhow::Result;

/// How to remove.
#[derive(Debug, Clone, Copy, Default)]
pub struct RemoveOptions {
    /// Its containers go, too.
    pub force: bool,
    /// Seconds before they are killed.
    pub timeout: Option<i64>,
}

/// Removes a network and its bridge; durable when it returns.
pub fn remove(engine: &Engine, name: &str, options: &RemoveOptions) -> Result<()> {
    super::check_possible(engine)?;
    if super::OTHERS.contains(&name)
        || (super::is_default(name)
            && engine.store.find_network(name)?.is_none_or(|network| network.name.as_str() == DEFAULT))
    {
        let what = match engine.config.program {
            Program::Docker => format!("{name} is a pre-defined network and cannot be removed"),
            _ => format!("default network {name} cannot be removed"),
        };
        return Err(Fault::new(Kind::Denied, what).into());
    }
    let network = super::find(engine, name)?;
    let users = users(&engine.store, &network)?;
    if !users.is_empty() && !options.force {
        let names: Vec<&str> = users.iter().map(|container| container.name.as_str()).collect();
        let what = match engine.config.program {
            Program::Docker => format!("error while removing network: network {} has active endpoints", network.name),
            _ => format!(
                "{name:?} has associated containers with it. Use -f to forcefully delete containers and pods: network is being used"
            ),
        };
        return Err(Fault::conflict(what).hint(format!("remove {} first", names.join(", "))).into());
    }
    for user in users {
        let how = container::RemoveOptions { force: true, volumes: false, timeout: options.timeout };
        container::remove(engine, &user.id, &how)?;
    }
    discard(engine, &network)
}

/// The record first: what is left of a bridge afterwards is nobody's, and the next network of its name takes it over.
pub(super) fn discard(engine: &Engine, network: &NetworkRecord) -> Result<()> {
    let mut ground = Ground::here()?;
    {
        let lock = engine.store.lock_networks()?;
        lock.remove(network)?;
    }
    if network.is_bridge() {
        bridge::remove(&mut ground, network)?;
        rules::refresh(&engine.store, &mut ground)?;
    }
    Ok(())
}
