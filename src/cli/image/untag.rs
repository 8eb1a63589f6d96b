//! `untag`

use crate::engine::Engine;
use crate::engine::image::tag;
use anyhow::Result;

/// Remove names from a local image
///
/// Without names, all of them. The image itself stays.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image, by name or ID
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
    /// Names to remove
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    tag::untag(engine, &args.image, &args.names)
}
