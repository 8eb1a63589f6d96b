//! `image prune`: images without a name, or all that no container uses.

use super::list::{self, ListOptions, Listed};
use super::remove;
use crate::engine::Engine;
use crate::image::remove::{Removal, apply};
use anyhow::Result;

/// What to prune.
#[derive(Debug, Clone, Default)]
pub struct PruneOptions {
    /// Named images too.
    pub all: bool,
    /// `until=…`, `label=…`, `label!=…`, `dangling=…`
    pub filters: Vec<(String, String)>,
}

/// What went.
#[derive(Debug, Default)]
pub struct Pruned {
    /// The images, as they were.
    pub images: Vec<Listed>,
    /// Bytes of layers given back.
    pub bytes: u64,
}

/// Removes images that no container uses; durable when it returns.
pub fn prune(engine: &Engine, options: &PruneOptions) -> Result<Pruned> {
    let mut filters = options.filters.clone();
    // `--filter dangling=false` is docker's way to say `--all`.
    let all = options.all || filters.iter().any(|(key, value)| key == "dangling" && value == "false");
    filters.retain(|(key, _)| key != "dangling");
    let mut pruned = Pruned::default();
    for image in list::list(engine, &ListOptions { filters, ..ListOptions::default() })? {
        if image.containers > 0 || !(all || image.names.is_empty()) {
            continue;
        }
        let removal = Removal { untag: image.names.clone(), delete: true };
        if apply(&engine.store, &image.record.id, &removal)? {
            pruned.images.push(image);
        }
    }
    pruned.bytes = remove::sweep(engine)? + engine.store.prune_moved()?;
    Ok(pruned)
}
