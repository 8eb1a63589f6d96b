//! `image exists`

use crate::engine::Engine;
use crate::engine::image::exists;
use crate::fault::Fault;
use anyhow::Result;

/// Check if an image exists in local storage
///
/// Leaves with 0 when it does, with 1 when it does not.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image, by name or ID
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    match exists::exists(engine, &args.image)? {
        true => Ok(()),
        false => Err(Fault::exit(1).into()),
    }
}
