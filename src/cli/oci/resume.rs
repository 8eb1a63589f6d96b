//! `oci resume`

use super::Globals;
use anyhow::Result;

/// Let the processes of a paused container go on
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.containers().open(&args.id)?.resume()
}
