//! `login`

use crate::config::Config;
use crate::fault::Fault;
use anyhow::Result;

/// Log in to a container registry
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The registry
    #[arg(value_name = "REGISTRY")]
    registry: Option<String>,
}

/// Runs the command.
pub fn run(_args: &Args, _config: &Config) -> Result<()> {
    Err(Fault::unsupported("login: not built yet").into())
}
