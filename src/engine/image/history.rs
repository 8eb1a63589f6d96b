//! `history`: how an image was made.

use super::{find, inspect};
use crate::engine::Engine;
pub use crate::image::history::Step;
use crate::image::history::steps;
use crate::model::digest::Digest;
use anyhow::Result;
use std::collections::HashMap;

/// The steps of an image's making, newest first.
pub fn history(engine: &Engine, name: &str) -> Result<Vec<Step>> {
    let record = find::get(engine, name)?.record;
    let config = inspect::config(engine, &record)?;
    let mut sizes: HashMap<Digest, u64> = HashMap::new();
    for diff_id in &config.rootfs.diff_ids {
        if let Some(layer) = engine.store.layer(diff_id)? {
            sizes.insert(diff_id.clone(), layer.record.size);
        }
    }
    let images = engine.store.images()?;
    let others = images.iter().filter(|image| image.id != record.id);
    let by_layers: HashMap<&[Digest], &Digest> = others.map(|image| (image.diff_ids.as_slice(), &image.id)).collect();
    let size = |layer: &Digest| sizes.get(layer).copied().unwrap_or(0);
    Ok(steps(&record.id, &config, size, |layers| by_layers.get(layers).map(|id| (*id).clone())))
}
