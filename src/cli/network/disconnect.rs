//! `network disconnect`

use crate::engine::{Engine, network};
use anyhow::Result;

/// Disconnect a container from a network, also while it runs
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Network, by name or ID
    #[arg(required = true, value_name = "NETWORK")]
    network: String,
    /// Container, by name or ID
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
    /// Accepted for compatibility: nothing has to be forced
    #[arg(short, long)]
    force: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let _ = args.force;
    network::disconnect(engine, &args.container, &args.network)
}
