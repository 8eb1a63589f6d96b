//! Garbage: layers, blobs and chains that nothing refers to.

use super::layer::chain::{self, Chain};
use super::layer::moved::{self, Moved};
use super::{Store, lock, record};
use crate::model::digest::Digest;
use anyhow::{Context, Result};
use nix::fcntl::Flock;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What was given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Diff ids of removed layers.
    pub layers: Vec<Digest>,
    /// Bytes given back (as the tars counted them).
    pub bytes: u64,
}

/// Something that nothing refers to.
#[derive(Debug)]
pub(super) struct Garbage {
    /// One line for people: `layer sha256:…`.
    pub what: String,
    pub path: PathBuf,
    pub layer: Option<Digest>,
}

impl Store {
    /// Removes layers, blobs and chains to which no image and no container refers. Does nothing while somebody holds
    /// layers ([`Store::hold`]): they go with a later sweep. Call it after images or containers were removed, without
    /// holding the images lock.
    pub fn sweep(&self) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let Some(_lock) = self.lock_garbage()? else { return Ok(pruned) };
        for garbage in self.garbage()? {
            if let Some(diff_id) = garbage.layer {
                pruned.bytes += self.layer(&diff_id).ok().flatten().map_or(0, |layer| layer.record.size);
                pruned.layers.push(diff_id);
            }
            log::debug!("removing {}", garbage.what);
            self.discard(&garbage.path)?;
        }
        self.clear_replaced()?;
        self.clear_locks()?;
        self.keep_reserve();
        Ok(pruned)
    }

    /// Removes the copies of layers for other owners ([`Store::root_mount`]) that no container uses; returns their bytes.
    pub fn prune_moved(&self) -> Result<u64> {
        let Some(_lock) = self.lock_garbage()? else { return Ok(0) };
        let used: Vec<_> = self.readable_containers()?.into_iter().filter_map(|one| one.owners.clone()).collect();
        let mut bytes = 0;
        for (_, path) in entries(&self.layout.moved_dir())? {
            let made = record::read::<Moved>(&path.join(moved::RECORD)).unwrap_or_default();
            if !made.is_some_and(|made| used.contains(&made.owners)) {
                bytes += super::tree::size(&path.join("diff"))?;
                self.discard(&path)?;
            }
        }
        Ok(bytes)
    }

    /// Removes the beginnings of broken downloads that nobody is at; returns how many bytes they had.
    pub fn prune_partials(&self) -> Result<u64> {
        let mut bytes = 0;
        for (name, path) in entries(&self.layout.partials())? {
            let Ok(digest) = format!("sha256:{name}").parse::<Digest>() else { continue };
            if self.try_lock_layer(&digest)?.is_some() {
                bytes += std::fs::metadata(&path).map_or(0, |meta| meta.len());
                remove_file(&path)?;
            }
        }
        Ok(bytes)
    }

    /// The right to say what garbage is; `None` while somebody holds layers.
    pub(super) fn lock_garbage(&self) -> Result<Option<Flock<File>>> {
        lock::try_take(&self.layout.layers_lock())
    }

    /// What nothing refers to. Only under [`Store::lock_garbage`].
    pub(super) fn garbage(&self) -> Result<Vec<Garbage>> {
        let images = self.images()?;
        let mut stacks: HashSet<Vec<Digest>> = HashSet::new();
        let mut blobs = HashSet::new();
        for image in images.iter() {
            stacks.insert(image.diff_ids.clone());
            blobs.extend([image.id.hex(), image.manifest.hex()].map(str::to_string));
            blobs.extend(image.blobs.iter().map(|digest| digest.hex().to_string()));
        }
        // A container that can't be read may need any layer: then nothing is garbage.
        stacks.extend(self.readable_containers()?.into_iter().map(|container| container.layers.clone()));
        let layers: HashSet<&str> = stacks.iter().flatten().map(Digest::hex).collect();
        let mut garbage = Vec::new();
        for (name, path) in entries(&self.layout.layers())? {
            let Ok(diff_id) = format!("sha256:{name}").parse::<Digest>() else { continue };
            if !layers.contains(name.as_str()) {
                garbage.push(Garbage { what: format!("layer {diff_id}"), path, layer: Some(diff_id) });
            }
        }
        for (name, path) in entries(&self.layout.staging())? {
            let key = name.strip_suffix(&format!(".{}", self.boot_id)).unwrap_or("");
            if key.len() == 64 && !layers.contains(key) {
                let layer = format!("sha256:{key}").parse().ok();
                garbage.push(Garbage { what: format!("layer sha256:{key}, never used"), path, layer });
            }
        }
        for (name, path) in entries(&self.layout.chains())? {
            let chain = record::read::<Chain>(&path.join(chain::RECORD)).unwrap_or_default();
            if !chain.is_some_and(|chain| stacks.contains(&chain.layers)) {
                garbage.push(Garbage { what: format!("chain {name}"), path, layer: None });
            }
        }
        for (name, path) in entries(&self.layout.moved_dir())? {
            let kept = match record::read::<Moved>(&path.join(moved::RECORD)).unwrap_or_default() {
                Some(made) if made.chain => stacks.contains(&made.layers),
                Some(made) => made.layers.iter().all(|layer| layers.contains(layer.hex())),
                None => false,
            };
            if !kept {
                garbage.push(Garbage { what: format!("copy {name} of a layer"), path, layer: None });
            }
        }
        for (name, path) in entries(&self.layout.blobs())? {
            if name.len() == 64 && !blobs.contains(&name) {
                garbage.push(Garbage { what: format!("blob sha256:{name}"), path, layer: None });
            }
        }
        for (name, path) in entries(&self.layout.known())? {
            if name.len() == 64 && !layers.contains(name.as_str()) {
                garbage.push(Garbage { what: format!("known digests of layer sha256:{name}"), path, layer: None });
            }
        }
        Ok(garbage)
    }

    /// Lock files that nobody has; made anew when needed.
    fn clear_locks(&self) -> Result<()> {
        for (_, path) in entries(&self.layout.layers())? {
            if path.extension() == Some(OsStr::new("lock"))
                && let Some(_lock) = lock::try_take(&path)?
            {
                remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// The names in a directory and their paths; none when it is not there.
pub(super) fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let listing = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.with_context(|| format!("reading {}", dir.display()))?,
    };
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry.with_context(|| format!("reading {}", dir.display()))?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    found.sort();
    Ok(found)
}

pub(super) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
