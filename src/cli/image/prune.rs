//! `image prune`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Remove unused images
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("image prune: not built yet").into())
}
