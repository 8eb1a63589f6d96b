//! The flags of `run` and `create` that decide how a container is confined: `selftest` has them without an image.

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
    pub(super) fn apply(&self, spec: &mut ContainerSpec, host: &Host<'_>) -> Result<()> {
        self.process.apply(spec, host)?;
        self.storage.apply(spec, host)?;
        self.namespace.apply(spec, host)?;
        self.network.apply(spec, host)?;
        self.resources.apply(spec, host)?;
        self.security.apply(spec, host)
    }

    /// A description without an image.
    pub fn spec(&self, host: &Host<'_>) -> Result<ContainerSpec> {
        let mut spec = ContainerSpec::default();
        self.apply(&mut spec, host)?;
        if spec.process.entrypoint.is_some() {
            return Err(Usage::new("selftest runs a program of its own: leave out --entrypoint").into());
        }
        Ok(spec)
    }
}
