//! From an image's exact documents to its record in the store.

use crate::fault::Fault;
use crate::model::digest::Digest;
use crate::model::image::ImageConfig;
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use crate::store::{ImageRecord, Store};
use anyhow::Result;

/// The largest manifest, index or list of images that is read.
pub const DOCUMENT: u64 = 4 << 20;
/// The largest image config that is read.
pub const CONFIG: u64 = 8 << 20;

/// An image whose layers are in the store.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The config's exact bytes.
    pub config: Vec<u8>,
    /// The manifest's exact bytes.
    pub manifest: Vec<u8>,
    /// The manifest's media type.
    pub media_type: String,
    /// What it shall be called, with tags.
    pub names: Vec<Reference>,
    /// Under which digests registries know it.
    pub repo_digests: Vec<String>,
    /// Further blobs to keep.
    pub blobs: Vec<Digest>,
    /// It came without a manifest, and this one was made up: what the store has already is better.
    pub made_up: bool,
}

/// What a config says, checked as far as we rely on it.
pub fn parse_config(bytes: &[u8]) -> Result<ImageConfig, Fault> {
    let config: ImageConfig = serde_json::from_slice(bytes)
        .map_err(|error| Fault::invalid(format!("reading the image's config: {error}")))?;
    match config.rootfs.kind.as_str() {
        "layers" | "" => Ok(config),
        other => Err(Fault::invalid(format!("reading the image's config: rootfs of type {other:?}"))),
    }
}

/// Writes images into the index, durably: their documents first, then all records and names with one save. The layers
/// must be committed and held ([`Store::hold`]) by the caller.
pub fn keep(store: &Store, arrivals: &[Arrival]) -> Result<Vec<ImageRecord>> {
    let mut records = Vec::with_capacity(arrivals.len());
    for arrival in arrivals {
        let record = record(store, arrival)?;
        store.put_blob(&arrival.config)?;
        store.put_blob(&arrival.manifest)?;
        records.push(record);
    }
    let mut images = store.lock_images()?;
    for (arrival, record) in arrivals.iter().zip(&records) {
        if !arrival.made_up || images.get(&record.id).is_none() {
            images.put(record.clone());
        }
        for name in &arrival.names {
            images.tag(name, &record.id);
        }
    }
    images.save()?;
    Ok(records)
}

fn record(store: &Store, arrival: &Arrival) -> Result<ImageRecord> {
    let config = parse_config(&arrival.config)?;
    let mut size = 0;
    for diff_id in &config.rootfs.diff_ids {
        let layer = store
            .layer(diff_id)?
            .ok_or_else(|| Fault::new(crate::fault::Kind::Internal, format!("layer {diff_id}: not in the store")))?;
        size += layer.record.size;
    }
    Ok(ImageRecord {
        id: Digest::of(&arrival.config),
        manifest: Digest::of(&arrival.manifest),
        media_type: arrival.media_type.clone(),
        diff_ids: config.rootfs.diff_ids,
        size,
        created: config.created,
        platform: Platform { os: config.os, architecture: config.architecture, variant: config.variant },
        repo_digests: arrival.repo_digests.clone(),
        blobs: arrival.blobs.clone(),
        labels: config.config.labels,
    })
}
