//! `history`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Show history of a specified image
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("history: not built yet").into())
}
