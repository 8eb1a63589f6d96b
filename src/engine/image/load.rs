//! `load`: images out of an archive or a directory.

use crate::engine::Engine;
use crate::image::format::load;
use crate::image::format::source::Source;
use crate::model::platform::Platform;
use anyhow::Result;
use std::fs::File;
use std::path::PathBuf;

pub use crate::image::format::load::Loaded;

/// Where the images come from.
#[derive(Debug)]
pub enum From {
    /// An archive or a directory.
    Path(PathBuf),
    /// The standard input, or any other open file.
    File(File),
}

/// Loads all images; durable when it returns. Either all are there, or none.
pub fn load(engine: &Engine, from: From, platform: Option<&Platform>) -> Result<Vec<Loaded>> {
    let mut source = match from {
        From::Path(path) => Source::open(&path)?,
        From::File(file) => Source::from_file(file)?,
    };
    let own = Platform::own();
    load::load(&engine.store, &mut source, platform.unwrap_or(&own))
}
