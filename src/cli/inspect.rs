//! `inspect`: of whatever has that name.

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Display the configuration of a container or image
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Containers or images, by name or ID
    #[arg(value_name = "CONTAINER|IMAGE")]
    names: Vec<String>,
}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("inspect: not built yet").into())
}
