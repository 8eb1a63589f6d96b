//! `info`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Display system information
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("info: not built yet").into())
}
