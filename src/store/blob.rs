//! Exact bytes by digest: manifests and configs whole; of layers only the beginnings of broken downloads, and the
//! memory of their compressed digests.

use super::{Store, record};
use crate::fault::{Fault, Kind};
use crate::model::digest::Digest;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// The beginning of a blob whose download broke off: append-only, not trusted, hashed anew by whoever resumes.
#[derive(Debug)]
pub struct PartialBlob {
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

/// One way in which a layer's tar was compressed, and where that blob is known to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBlob {
    /// Of the compressed bytes.
    pub digest: Digest,
    /// Of the compressed bytes.
    pub size: u64,
    /// The media type it went under.
    pub media_type: String,
    /// `domain/path` of the repositories that have it.
    #[serde(default)]
    pub repositories: Vec<String>,
}

impl Store {
    /// The bytes of a manifest or config; checked against the digest.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let path = self.layout.blobs().join(digest.hex());
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        if Digest::of(&bytes) != *digest {
            let fault = Fault::new(Kind::Internal, format!("blob {digest}: its bytes were changed"));
            return Err(fault.hint("`barge system check` removes it; pull the image again").into());
        }
        Ok(Some(bytes))
    }

    /// Keeps bytes durably, under the digest that is returned.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        let path = self.layout.blobs().join(digest.hex());
        if self.blob(&digest).is_ok_and(|there| there.is_some()) {
            return Ok(digest);
        }
        self.write_bytes(&path, bytes, record::Sync::Durable)?;
        Ok(digest)
    }

    /// What a broken download of this blob left; made empty if nothing. Hold [`Store::lock_layer`] of the digest.
    pub fn partial(&self, blob: &Digest) -> Result<PartialBlob> {
        let path = self.layout.partials().join(blob.hex());
        let length = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        Ok(PartialBlob { path, file: None, length })
    }

    /// Remembers under which compressed digest a layer is known, and where.
    pub fn remember_blob(&self, diff_id: &Digest, blob: &KnownBlob) -> Result<()> {
        let path = self.layout.known().join(diff_id.hex());
        let mut known: Vec<KnownBlob> = record::read(&path).unwrap_or_default().unwrap_or_default();
        match known.iter_mut().find(|one| one.digest == blob.digest) {
            Some(one) => {
                let fresh: Vec<_> = blob.repositories.iter().filter(|name| !one.repositories.contains(name)).collect();
                if fresh.is_empty() {
                    return Ok(());
                }
                let fresh: Vec<_> = fresh.into_iter().cloned().collect();
                one.repositories.extend(fresh);
            }
            None => known.push(blob.clone()),
        }
        self.write_record(&path, &known, record::Sync::Unsynced)
    }

    /// The compressed digests under which a layer is known.
    pub fn blobs_of(&self, diff_id: &Digest) -> Result<Vec<KnownBlob>> {
        let path = self.layout.known().join(diff_id.hex());
        // It is only a memory: what can't be read is forgotten.
        Ok(record::read(&path).unwrap_or_default().unwrap_or_default())
    }
}

impl PartialBlob {
    /// How many bytes are there.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Reads what is there from its beginning.
    pub fn reader(&self) -> Result<File> {
        File::open(&self.path).with_context(|| format!("reading {}", self.path.display()))
    }

    /// Adds bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .mode(0o600)
                    .open(&self.path)
                    .with_context(|| format!("opening {}", self.path.display()))?,
            ),
        };
        file.write_all(bytes).with_context(|| format!("writing {}", self.path.display()))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Throws it away.
    pub fn remove(mut self) -> Result<()> {
        self.clear()
    }

    /// Begins anew with nothing.
    pub fn clear(&mut self) -> Result<()> {
        self.file = None;
        self.length = 0;
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }
}
