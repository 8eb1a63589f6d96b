//! `network exists`

use crate::engine::{Engine, network};
use crate::fault::Fault;
use anyhow::Result;

/// Whether a network exists: exit code 0 if so, 1 if not
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Network, by name or ID
    #[arg(required = true, value_name = "NETWORK")]
    network: String,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    if network::exists(engine, &args.network)? { Ok(()) } else { Err(Fault::exit(1).into()) }
}
