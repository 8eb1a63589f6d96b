//! `version`

use crate::config::Config;
use crate::fault::Fault;
use anyhow::Result;

/// Display the version
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: &Args, _config: &Config) -> Result<()> {
    Err(Fault::unsupported("version: not built yet").into())
}
