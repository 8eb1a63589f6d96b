//! `image inspect`

use crate::cli::{error, output};
use crate::engine::Engine;
use crate::engine::image::inspect;
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
    let mut found = Vec::new();
    let mut last = None;
    for image in &args.images {
        match inspect::inspect(engine, image) {
            Ok(document) => found.push(document),
            Err(failure) => {
                if let Some(previous) = last.replace(failure) {
                    output::note(error::line(engine.config.program, &previous));
                }
            }
        }
    }
    output::documents(&found, args.format.as_deref())?;
    last.map_or(Ok(()), Err)
}
