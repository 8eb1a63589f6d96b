//! `image exists`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Check if an image exists in local storage
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("image exists: not built yet").into())
}
