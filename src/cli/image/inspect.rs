//! `image inspect`

use crate::cli::inspect::{Wanted, print};
use crate::engine::Engine;
use anyhow::Result;

/// Display the configuration of images
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images, by name or ID
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// Show a Go template, or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    print(engine, &args.images, false, Wanted::Image, false, args.format.as_deref())
}
