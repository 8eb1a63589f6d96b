//! Networks: one JSON file each, by name. They change under one lock; readers need none.

use super::{Store, lock, record};
use crate::fault::Fault;
use crate::model::name::Name;
use crate::model::network::NetworkRecord;
use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;

/// The right to add and remove networks.
#[derive(Debug)]
pub struct LockedNetworks {
    store: Store,
    _lock: Flock<File>,
}

impl Store {
    /// Every network that is written down, by name. One that can't be read is left out and logged.
    pub fn networks(&self) -> Result<Vec<NetworkRecord>> {
        let dir = self.layout.networks();
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("reading {}", dir.display())),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.with_context(|| format!("reading {}", dir.display()))?.file_name();
            // What is on its way to its name ends so.
            let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".json")) else { continue };
            let Ok(name) = name.parse::<Name>() else { continue };
            match self.network(&name) {
                Ok(network) => found.extend(network),
                Err(error) => log::warn!("network {name}: {error:#}"),
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The network of exactly this name.
    pub fn network(&self, name: &Name) -> Result<Option<NetworkRecord>> {
        record::read(&self.layout.network(name))
    }

    /// By name, id or the unique beginning of an id.
    pub fn find_network(&self, text: &str) -> Result<Option<NetworkRecord>> {
        if let Ok(name) = text.parse::<Name>()
            && let Some(network) = self.network(&name)?
        {
            return Ok(Some(network));
        }
        if text.is_empty() || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(None);
        }
        let mut found: Vec<_> = self.networks()?.into_iter().filter(|network| network.id.starts_with(text)).collect();
        if found.len() > 1 {
            return Err(Fault::invalid(format!(
                "found {} networks with ID starting with {text}: network already exists",
                found.len()
            ))
            .into());
        }
        Ok(found.pop())
    }

    /// Waits until nobody else adds or removes networks.
    pub fn lock_networks(&self) -> Result<LockedNetworks> {
        super::root::make_dir(&self.layout.networks())?;
        let lock = lock::take(&self.layout.networks_lock(), FlockArg::LockExclusive)?;
        Ok(LockedNetworks { store: self.clone(), _lock: lock })
    }

    /// Where the leases, names and other things of a network are kept that are true in this boot only.
    pub fn network_run_dir(&self, id: &str) -> PathBuf {
        self.layout.run_networks().join(id)
    }

    /// Waits until nobody else changes the rules of the firewall.
    pub fn lock_rules(&self) -> Result<RulesLock> {
        super::root::make_dir(&self.layout.run_networks())?;
        Ok(RulesLock { _lock: lock::take(&self.layout.run_networks().join("lock"), FlockArg::LockExclusive)? })
    }
}

/// The right to change the rules of the firewall.
#[derive(Debug)]
pub struct RulesLock {
    _lock: Flock<File>,
}

impl LockedNetworks {
    /// Writes a new network, or a changed one; durable when it returns.
    pub fn save(&self, network: &NetworkRecord) -> Result<()> {
        self.store.write_record(&self.store.layout.network(&network.name), network, record::Sync::Durable)
    }

    /// Forgets a network; durable when it returns.
    pub fn remove(&self, network: &NetworkRecord) -> Result<()> {
        let path = self.store.layout.network(&network.name);
        super::prune::remove_file(&path)?;
        record::sync_parent(&path)?;
        super::tree::remove(&self.store.network_run_dir(&network.id))
    }
}
