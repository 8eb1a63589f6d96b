//! The index of images: one small JSON file, read whole, written whole under one lock.

use super::{Store, lock, record};
use crate::fault::Fault;
use crate::model::digest::Digest;
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use anyhow::Result;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Deref;

/// What we know of an image without reading its config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The digest of its config: the image id.
    pub id: Digest,
    /// The digest of its manifest, whose exact bytes are a blob.
    pub manifest: Digest,
    /// The manifest's media type.
    #[serde(default)]
    pub media_type: String,
    /// Its layers, bottom first; may name one twice.
    #[serde(default)]
    pub diff_ids: Vec<Digest>,
    /// The bytes of its layers, uncompressed.
    #[serde(default)]
    pub size: u64,
    /// When it was made: RFC 3339, from its config.
    #[serde(default)]
    pub created: Option<String>,
    /// What it runs on.
    #[serde(default)]
    pub platform: Platform,
    /// Under which digests registries know it: `docker.io/library/debian@sha256:…`.
    #[serde(default)]
    pub repo_digests: Vec<String>,
    /// The blobs to keep beside manifest and config: an index that it was pulled by, for example.
    #[serde(default)]
    pub blobs: Vec<Digest>,
    /// Its labels, for filters.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// A snapshot of the index.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Images {
    #[serde(default)]
    version: u32,
    #[serde(default)]
    images: BTreeMap<Digest, ImageRecord>,
    /// Full references with a tag → image id.
    #[serde(default)]
    names: BTreeMap<Reference, Digest>,
}

impl Images {
    /// The image of this id.
    pub fn get(&self, id: &Digest) -> Option<&ImageRecord> {
        self.images.get(id)
    }

    /// All images, by id.
    pub fn iter(&self) -> impl Iterator<Item = &ImageRecord> {
        self.images.values()
    }

    /// All names with the ids they stand for, sorted.
    pub fn names(&self) -> impl Iterator<Item = (&Reference, &Digest)> {
        self.names.iter()
    }

    /// The names of one image, sorted.
    pub fn names_of(&self, id: &Digest) -> Vec<&Reference> {
        self.names.iter().filter(|(_, named)| *named == id).map(|(name, _)| name).collect()
    }

    /// By exact name; `:latest` is filled in. A reference with a digest is looked for among names, then repo digests.
    pub fn by_name(&self, reference: &Reference) -> Option<&ImageRecord> {
        let full = reference.clone().with_default_tag();
        if let Some(id) = self.names.get(&full) {
            return self.images.get(id);
        }
        let digest = reference.digest.as_ref()?;
        let wanted = format!("{}@{digest}", reference.repository());
        self.iter().find(|image| image.repo_digests.contains(&wanted))
    }

    /// By the beginning of an id, with or without `sha256:`. An error when several begin so.
    pub fn by_id_prefix(&self, prefix: &str) -> Result<Option<&ImageRecord>> {
        let hex = prefix.strip_prefix("sha256:").unwrap_or(prefix);
        if hex.is_empty() || hex.len() > 64 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(None);
        }
        let mut found = self.iter().filter(|image| image.id.hex().starts_with(hex));
        let first = found.next();
        if found.next().is_some() {
            return Err(Fault::invalid(format!(
                "looking up image {prefix:?}: image ID prefix is ambiguous: image not unique"
            ))
            .into());
        }
        Ok(first)
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }
}

/// The index, locked: the only type that changes it. Nothing is kept without [`LockedImages::save`].
#[derive(Debug)]
pub struct LockedImages {
    images: Images,
    store: Store,
    /// Put since the index was read: their layers must be durable before the index is.
    fresh: Vec<Digest>,
    _lock: Flock<File>,
}

impl Store {
    /// The images, as they are now.
    pub fn images(&self) -> Result<Images> {
        Ok(record::read(&self.layout.images())?.unwrap_or_default())
    }

    /// The images, for changing.
    pub fn lock_images(&self) -> Result<LockedImages> {
        let lock = lock::take(&self.layout.images_lock(), FlockArg::LockExclusive)?;
        Ok(LockedImages { images: self.images()?, store: self.clone(), fresh: Vec::new(), _lock: lock })
    }
}

impl Deref for LockedImages {
    type Target = Images;
    fn deref(&self) -> &Images {
        &self.images
    }
}

impl LockedImages {
    /// Adds an image, or brings what we know of it up to date (repo digests are joined).
    pub fn put(&mut self, mut image: ImageRecord) {
        if let Some(old) = self.images.images.get(&image.id) {
            let digests = &mut image.repo_digests;
            digests.extend(old.repo_digests.iter().filter(|one| !digests.contains(one)).cloned().collect::<Vec<_>>());
            image.blobs.extend(old.blobs.iter().filter(|one| !image.blobs.contains(one)).cloned().collect::<Vec<_>>());
            if old.manifest != image.manifest && !image.blobs.contains(&old.manifest) {
                image.blobs.push(old.manifest.clone());
            }
        }
        self.fresh.push(image.id.clone());
        self.images.images.insert(image.id.clone(), image);
    }

    /// Lets `name` (with its tag) stand for `id`; returns what it stood for.
    pub fn tag(&mut self, name: &Reference, id: &Digest) -> Option<Digest> {
        self.images.names.insert(name.clone().with_default_tag(), id.clone())
    }

    /// Takes a name away; returns what it stood for.
    pub fn untag(&mut self, name: &Reference) -> Option<Digest> {
        self.images.names.remove(&name.clone().with_default_tag())
    }

    /// Takes an image and all its names away. Its layers and blobs go with the next [`Store::sweep`].
    pub fn remove(&mut self, id: &Digest) -> Option<ImageRecord> {
        self.images.names.retain(|_, named| named != id);
        self.images.images.remove(id)
    }

    /// The record, for changing.
    pub fn get_mut(&mut self, id: &Digest) -> Option<&mut ImageRecord> {
        self.images.images.get_mut(id)
    }

    /// Writes the index; when it returns, a power cut loses nothing. Layers of new images that are only staged are
    /// made durable first; one that is not there at all is an error.
    pub fn save(&mut self) -> Result<()> {
        for id in std::mem::take(&mut self.fresh) {
            if let Some(image) = self.images.images.get(&id) {
                self.store.settle_layers(&image.diff_ids)?;
            }
        }
        self.images.version = 1;
        self.store.write_record(&self.store.layout.images(), &self.images, record::Sync::Durable)
    }
}
