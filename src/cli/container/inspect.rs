//! `container inspect`

use crate::cli::inspect::{Wanted, print};
use crate::engine::Engine;
use anyhow::Result;

/// Display the configuration of a container
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Containers, by name or ID
    #[arg(value_name = "CONTAINER [CONTAINER...]")]
    containers: Vec<String>,
    /// Go template, or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// The container that was created last
    #[arg(short, long)]
    latest: bool,
    /// Show the sizes
    #[arg(short, long)]
    size: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    print(engine, &args.containers, args.latest, Wanted::Container, args.size, args.format.as_deref())
}
