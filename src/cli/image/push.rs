//! `push`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Push an image to a specified destination
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("push: not built yet").into())
}
