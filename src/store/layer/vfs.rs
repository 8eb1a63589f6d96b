//! Layers without an overlay: each container gets a whole copy.

use crate::fault::Fault;
use crate::model::digest::Digest;
use crate::store::{ContainerDirs, Store};
use anyhow::Result;
use std::path::PathBuf;

/// Where a container's copy lies.
pub(super) fn root_dir(dirs: &ContainerDirs) -> PathBuf {
    dirs.disk.join("root")
}

/// The copy, made unless it is there.
pub(super) fn root(_store: &Store, _layers: &[Digest], dirs: &ContainerDirs) -> Result<PathBuf> {
    let root = root_dir(dirs);
    if root.is_dir() {
        return Ok(root);
    }
    Err(Fault::unsupported("the vfs driver can't copy layers yet").into())
}
