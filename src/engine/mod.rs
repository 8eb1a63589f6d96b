//! What the product does: every verb once. No printing, no flags, no HTTP.
//!
//! The verbs are free functions on [`Engine`], a folder per noun and a file per verb. [`bundle`] is the only mapping
//! from a [`crate::model::container::ContainerSpec`] to an OCI config.

pub mod bundle;
pub mod container;
pub mod files;
pub mod image;
pub mod network;
pub mod system;
pub mod user;

use crate::config::Config;
use crate::model::id::ContainerId;
use crate::model::storage::Driver;
use crate::store::{Driver as StoreDriver, Roots, Store};
pub use crate::sys::standby::Standby;
use anyhow::Result;
use std::sync::Mutex;

/// A handle on one engine: what the host says, and what we keep. Holds no state of its own (but for a process that waits
/// to become the monitor of what this command starts).
pub struct Engine {
    /// What the host says.
    pub config: Config,
    /// What we keep.
    pub store: Store,
    standby: Mutex<Option<Standby>>,
}

/// What starts things gets the process for it ready first, beside reading its arguments. To be called before this
/// process opens anything; see [`crate::monitor::stand_by`].
pub fn stand_by(offline: bool) -> Option<Standby> {
    crate::monitor::stand_by(offline)
}

/// A new id for something that lasts.
fn random_id() -> Result<ContainerId> {
    use anyhow::Context;
    use std::io::Read;
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("reading /dev/urandom")?;
    Ok(ContainerId::from_bytes(bytes))
}

impl Engine {
    /// A line for the user's terminal, said once: what is missing for a full rootless id map.
    pub fn notice(&self) -> Option<String> {
        if self.config.rootless { crate::rootless::take_notice(&self.config) } else { None }
    }

    /// Joins the user's namespace if there must be one (so: before any thread), then opens the store that `config`
    /// names, making its directories when they are missing.
    pub fn open(config: Config) -> Result<Engine> {
        crate::rootless::enter(&config)?;
        let driver = config.driver.map(|driver| match driver {
            Driver::Overlay => StoreDriver::Overlay,
            Driver::Vfs => StoreDriver::Vfs,
        });
        let roots = Roots { root: config.root.clone(), run: config.run.clone(), driver, rootless: config.rootless };
        let store = Store::open(&roots)?;
        let engine = Engine { config, store, standby: Mutex::default() };
        if !engine.config.rootless
            && let Err(error) = crate::network::rules::heal(&engine.store)
        {
            log::warn!("looking after the firewall: {error:#}");
        }
        Ok(engine)
    }

    /// For a command that will start a container or a process in one: see [`stand_by`].
    pub fn with_standby(self, standby: Option<Standby>) -> Engine {
        Engine { standby: Mutex::new(standby), ..self }
    }

    fn take_standby(&self) -> Option<Standby> {
        self.standby.lock().ok()?.take()
    }
}
