//! `images`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// List images in local storage
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this repository or reference
    #[arg(value_name = "IMAGE")]
    image: Option<String>,
}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("images: not built yet").into())
}
