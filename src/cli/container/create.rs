//! `create`

use crate::cli::flags::{CreateFlags, Host};
use crate::cli::output;
use crate::cli::terminal::progress::{Place, progress_in};
use crate::engine::Engine;
use crate::engine::container;
use anyhow::Result;

/// Create but do not start a container
///
/// Prints its ID.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    create: CreateFlags,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    args.create.streams()?;
    let spec = args.create.spec(&Host::new(&engine.config))?;
    let id_file = args.create.open_id_file()?;
    let id = container::create(
        engine,
        spec,
        &args.create.options()?,
        &*progress_in(engine.config.program, args.create.quiet, Place::Error),
    )?;
    id_file.map(|file| file.write(&id)).transpose()?;
    output::line(id)
}
