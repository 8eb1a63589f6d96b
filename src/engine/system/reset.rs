//! `system reset`: everything that this store holds, gone.

use crate::engine::Engine;
use crate::engine::container::{RemoveOptions, remove};
use crate::store::root;
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::path::Path;

/// Removes all containers (killing what runs), all images, and the store's directories. Goes on when something can't
/// be removed; the first failure is the result.
pub fn reset(engine: &Engine) -> Result<()> {
    let mut first = None;
    let mut note = |result: Result<()>| match (result, &first) {
        (Ok(()), _) => {}
        (Err(error), None) => first = Some(error),
        (Err(error), Some(_)) => log::warn!("{error:#}"),
    };
    let options = RemoveOptions { force: true, volumes: true, timeout: Some(0) };
    for container in engine.store.containers()? {
        note(remove(engine, &container.id, &options));
    }
    let layout = engine.store.layout();
    for (dir, names) in [(layout.run(), root::OF_RUN), (layout.root(), root::OF_ROOT)] {
        for name in names {
            note(remove_tree(&dir.join(name)));
        }
        // Only when nothing else lies there.
        if let Err(error) = std::fs::remove_dir(dir) {
            log::debug!("{} stays: {error}", dir.display());
        }
    }
    first.map_or(Ok(()), Err)
}

fn remove_tree(path: &Path) -> Result<()> {
    let result = match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
