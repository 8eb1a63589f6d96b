//! `network reload`

use crate::engine::{Engine, network};
use anyhow::Result;

/// Make the firewall rules of all networks and containers anew
///
/// Nobody needs it: every command notices when the rules were changed and puts them right.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// All containers (they always are)
    #[arg(short, long)]
    all: bool,
    /// The container that was created last (all are)
    #[arg(short, long)]
    latest: bool,
    /// Containers (all are)
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let _ = (args.all, args.latest);
    for name in &args.containers {
        crate::engine::container::find(engine, name)?;
    }
    network::reload(engine)
}
