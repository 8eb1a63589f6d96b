//! `exists`

use crate::engine::Engine;
use crate::engine::container;
use crate::fault::Fault;
use anyhow::Result;

/// Check if a container exists
///
/// Exits with 0 when it does, 1 when it does not.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Container, by name or ID
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
    /// Look for containers of other programs too (there are none)
    #[arg(long, hide = true)]
    external: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let _ = args.external;
    match container::exists(engine, &args.container)? {
        true => Ok(()),
        false => Err(Fault::exit(1).into()),
    }
}
