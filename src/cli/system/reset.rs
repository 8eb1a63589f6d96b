//! `system reset`

use crate::cli::output;
use crate::cli::terminal::prompt;
use crate::engine::Engine;
use crate::engine::system;
use anyhow::Result;

/// Remove all containers, images and the store itself
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let config = &engine.config;
    let warning = format!(
        "WARNING! This will remove:\n        - all containers\n        - all images\n        - the store itself: {} and {}",
        output::printable(&config.root.display().to_string()),
        output::printable(&config.run.display().to_string()),
    );
    if !args.force && !prompt::confirm(&warning)? {
        return Ok(());
    }
    system::reset(engine)
}
