//! `create`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// To come
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image and command
    #[arg(trailing_var_arg = true)]
    words: Vec<String>,
}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("create: not built yet").into())
}
