//! One stack of layers: what no layer can know of itself is settled here, in a thin layer on top of them.

use crate::model::digest::Digest;
use crate::store::{Store, record, root};
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is known of a stack.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Chain {
    /// Its directory.
    #[serde(skip)]
    pub dir: PathBuf,
    /// `diff/` must lie on top of the layers.
    pub fixes: bool,
    /// Its layers, for whoever sweeps.
    pub layers: Vec<Digest>,
}

const RECORD: &str = "chain.json";

/// The stack's settlement, made unless it is there.
pub(super) fn settle(store: &Store, layers: &[Digest]) -> Result<Chain> {
    let names: Vec<&str> = layers.iter().map(Digest::as_str).collect();
    let key = Digest::of(names.join(" ").as_bytes());
    let dir = store.layout().chains().join(key.hex());
    if let Some(chain) = record::read::<Chain>(&dir.join(RECORD))? {
        return Ok(Chain { dir, ..chain });
    }
    for diff_id in layers {
        ensure!(store.layout().layer(diff_id).is_dir(), "layer {diff_id}: it is not in the store");
    }
    root::make_dir(&dir.join("diff"))?;
    let chain = Chain { dir: dir.clone(), fixes: layers.is_empty(), layers: layers.to_vec() };
    record::write(&dir.join(RECORD), &chain, record::Sync::Unsynced)?;
    Ok(chain)
}
