//! `attach`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Attach to a running container
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Container, by name or ID
    #[arg(value_name = "CONTAINER")]
    container: Option<String>,
}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("attach: not built yet").into())
}
