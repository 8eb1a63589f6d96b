//! `oci delete`

use super::Globals;
use anyhow::Result;

/// Remove a container that has stopped, with all that was made for it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
    /// Also one that runs: its processes are killed; one that is not there is no error
    #[arg(short, long)]
    force: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.containers().delete(&args.id, args.force)
}
