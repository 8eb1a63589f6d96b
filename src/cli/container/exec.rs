//! `exec`

use crate::engine::Engine;
use crate::fault::Fault;
use anyhow::Result;

/// Run a process in a running container
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Container and command
    #[arg(trailing_var_arg = true, value_name = "CONTAINER")]
    words: Vec<String>,
}

/// Runs the command.
pub fn run(_args: &Args, _engine: &Engine) -> Result<()> {
    Err(Fault::unsupported("exec: not built yet").into())
}
