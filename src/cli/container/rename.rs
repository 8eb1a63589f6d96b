//! `rename`

use crate::engine::Engine;
use crate::engine::container;
use anyhow::Result;

/// Rename an existing container
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Container, by name or ID
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
    /// Its new name
    #[arg(required = true, value_name = "NAME")]
    name: String,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let id = container::find(engine, &args.container)?;
    let name = args.name.strip_prefix('/').unwrap_or(&args.name).parse()?;
    container::rename(engine, &id, name)
}
