//! Networks: one file per verb.

mod connect;
mod create;
mod disconnect;

mod explain;
mod inspect;
mod list;
mod prune;
mod reload;
mod remove;
mod update;

pub use connect::connect;
pub use create::create;
pub use disconnect::disconnect;
pub use explain::{Explained, Step, explain};
pub use inspect::{Inspected, inspect};
pub use list::{Listed, list};
pub use prune::prune;
pub use reload::reload;
pub use remove::{RemoveOptions, remove};
pub use update::{UpdateOptions, update};

use super::Engine;
use crate::config::Program;
use crate::fault::Fault;
use crate::model::network::{DEFAULT, NetworkRecord, NetworkSpec};
use crate::store::{Container, Store};
use anyhow::Result;

/// The networks that are none of ours, but that everybody knows.
pub const OTHERS: [&str; 2] = ["host", "none"];

/// Whether a name means the default network.
pub fn is_default(name: &str) -> bool {
    matches!(name, "" | "default" | "podman") || name == DEFAULT
}

/// The network of this name or id. The default one is made when it is not there yet.
pub fn find(engine: &Engine, name: &str) -> Result<NetworkRecord> {
    // Somebody's own network may be called so, too.
    if name == "podman"
        && let Some(network) = engine.store.find_network(name)?
    {
        return Ok(network);
    }
    if is_default(name) {
        if let Some(network) = engine.store.network(&DEFAULT.parse()?)? {
            return Ok(network);
        }
        return create::make(engine, &NetworkSpec { name: Some(DEFAULT.parse()?), ..NetworkSpec::default() }, true);
    }
    engine.store.find_network(name)?.ok_or_else(|| missing(engine, name).into())
}

/// The network of this name or id, which is there already.
fn find_there(engine: &Engine, name: &str) -> Result<NetworkRecord> {
    let name = if is_default(name) { DEFAULT } else { name };
    engine.store.find_network(name)?.ok_or_else(|| missing(engine, name).into())
}

/// Whether there is a network of this name or id.
pub fn exists(engine: &Engine, name: &str) -> Result<bool> {
    if OTHERS.contains(&name) || (is_default(name) && !engine.config.rootless) {
        return Ok(true);
    }
    Ok(engine.store.find_network(name)?.is_some())
}

/// There is no such network, in the words of each tool.
pub fn missing(engine: &Engine, name: &str) -> Fault {
    Fault::not_found(match engine.config.program {
        Program::Docker => format!("network {name} not found"),
        _ => format!("unable to find network with name or ID {name}: network not found"),
    })
}

/// An ordinary user has no bridges yet.
pub(super) fn check_possible(engine: &Engine) -> Result<()> {
    if engine.config.rootless {
        return Err(Fault::unsupported("bridge networks: not built for ordinary users yet")
            .hint("--network=none is the default there; root has bridges")
            .into());
    }
    Ok(())
}

/// The containers that have to do with a network: that run in it, or would if they ran.
pub(super) fn users(store: &Store, network: &NetworkRecord) -> Result<Vec<Container>> {
    let mut found = store.containers()?;
    found.retain(|container| uses(container, network));
    Ok(found)
}

fn uses(container: &Container, network: &NetworkRecord) -> bool {
    let named = |name: &str| {
        name == network.name.as_str()
            || name == network.id
            || (network.name.as_str() == DEFAULT && is_default(name))
            || (name.len() >= 12 && network.id.starts_with(name))
    };
    container.network.endpoints.iter().any(|endpoint| endpoint.network == network.id)
        || container.spec.network.attachments.iter().any(|wish| named(&wish.network))
}
