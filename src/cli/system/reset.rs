//! `system reset`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Remove all containers, images and the store itself
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("system reset: not built yet").into())
}
