//! `image inspect`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Display the configuration of an image
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images, by name or ID
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// Format the output with a Go template, or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("image inspect: not built yet").into())
}
