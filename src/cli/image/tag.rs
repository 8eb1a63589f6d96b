//! `tag`

use crate::engine::Engine;
use crate::engine::image::tag;
use anyhow::Result;

/// Add further names to a local image
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image, by name or ID
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
    /// Names to add
    #[arg(required = true, value_name = "TARGET_NAME")]
    names: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    tag::tag(engine, &args.image, &args.names)
}
