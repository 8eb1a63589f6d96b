//! `pull`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Pull an image from a registry
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("pull: not built yet").into())
}
