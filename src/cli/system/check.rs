//! `system check`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Check the store for what a crash has left, and repair it
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("system check: not built yet").into())
}
