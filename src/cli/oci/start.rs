//! `oci start`

use super::Globals;
use crate::runtime::container;
use anyhow::Result;

/// Let a created container run its program
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    container::start(&globals.containers().open(&args.id)?)
}
