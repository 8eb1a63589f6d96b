//! Who holds which container name: one symbolic link per name, made atomically, so that two can't have it.

use super::Store;
use crate::model::id::ContainerId;
use crate::model::name::Name;
use anyhow::{Context, Result};

/// The id that holds the name.
pub(super) fn lookup(store: &Store, name: &Name) -> Result<Option<ContainerId>> {
    let path = store.layout().name(name);
    match std::fs::read_link(&path) {
        Ok(target) => Ok(target.to_str().and_then(|text| text.parse().ok())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}
