//! `image exists`.

use super::find;
use crate::engine::Engine;
use anyhow::Result;

/// Whether a name or the beginning of an id stands for a local image.
pub fn exists(engine: &Engine, name: &str) -> Result<bool> {
    Ok(find::find(engine, name)?.is_some())
}
