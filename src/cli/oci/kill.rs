//! `oci kill`

use super::Globals;
use crate::engine::container::parse_signal;
use anyhow::Result;

/// Send a signal to a container's first process
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
    /// The signal, by name or number
    #[arg(value_name = "SIGNAL", default_value = "SIGTERM")]
    signal: String,
    /// Send it to all of the container's processes
    #[arg(short, long)]
    all: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    let signal = if args.signal == "0" { 0 } else { parse_signal(&args.signal)? };
    globals.containers().open(&args.id)?.signal(signal, args.all)
}
