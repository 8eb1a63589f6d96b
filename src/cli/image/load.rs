//! `load`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Load image(s) from a tar archive
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("load: not built yet").into())
}
