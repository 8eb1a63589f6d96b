//! `logs`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Fetch the logs of one or more containers
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Containers, by name or ID
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("logs: not built yet").into())
}
