//! The flags of `run` that decide how a container is confined, without an image: for `selftest`.

use super::Host;
use super::namespace::NamespaceFlags;
use super::network::NetworkFlags;
use super::process::ProcessFlags;
use super::resources::ResourceFlags;
use super::security::SecurityFlags;
use super::storage::StorageFlags;
use crate::cli::error::Usage;
use crate::model::container::ContainerSpec;
use anyhow::Result;

/// The flags.
#[derive(Debug, Default, clap::Args)]
pub struct ConfinementFlags {
    #[command(flatten)]
    process: ProcessFlags,
    #[command(flatten)]
    storage: StorageFlags,
    #[command(flatten)]
    namespace: NamespaceFlags,
    #[command(flatten)]
    network: NetworkFlags,
    #[command(flatten)]
    resources: ResourceFlags,
    #[command(flatten)]
    security: SecurityFlags,
}

impl ConfinementFlags {
    /// A description without an image.
    pub fn spec(&self, host: &Host<'_>) -> Result<ContainerSpec> {
        let mut spec = ContainerSpec::default();
        self.process.apply(&mut spec, host)?;
        self.storage.apply(&mut spec, host)?;
        self.namespace.apply(&mut spec, host)?;
        self.network.apply(&mut spec, host)?;
        self.resources.apply(&mut spec, host)?;
        self.security.apply(&mut spec, host)?;
        if spec.process.entrypoint.is_some() {
            return Err(Usage::new("selftest runs a program of its own: leave out --entrypoint").into());
        }
        Ok(spec)
    }
}
