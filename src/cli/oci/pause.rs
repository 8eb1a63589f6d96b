//! `oci pause`

use super::Globals;
use anyhow::Result;

/// Make all processes of a container stand still
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.containers().open(&args.id)?.pause()
}
