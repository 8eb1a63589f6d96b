//! `network rm`

use crate::cli::output;
use crate::engine::Engine;
use crate::engine::network::{self, RemoveOptions};
use crate::fault::{Fault, Kind};
use anyhow::Result;

/// Remove networks
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Remove the containers that use it, too
    #[arg(short, long)]
    force: bool,
    /// Seconds before those are killed
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    time: Option<i64>,
    /// Networks, by name or ID
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let options = RemoveOptions { force: args.force, timeout: args.time };
    output::each(engine.config.program, &args.networks, |name| match network::remove(engine, name, &options) {
        Err(error) if Fault::kind_of(&error) == Kind::NotFound && args.force => Ok(()),
        outcome => outcome,
    })
}
