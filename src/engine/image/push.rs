//! `push`.

use super::access::Access;
use crate::engine::Engine;
use crate::model::digest::Digest;
use crate::model::progress::Progress;
use anyhow::Result;

/// How to push.
#[derive(Debug, Clone, Default)]
pub struct PushOptions {
    /// How to get at the registry.
    pub access: Access,
    /// `--format`: `oci` or `v2s2`; `None`: as it was pulled, else OCI.
    pub format: Option<Format>,
    /// `--compression-format`; `None`: as known at the registry, else gzip.
    pub compression: Option<Compression>,
    /// `--compression-level`
    pub level: Option<i32>,
    /// `--all-tags`
    pub all_tags: bool,
}

/// The kinds of manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OCI image manifest.
    Oci,
    /// Docker's schema 2.
    Docker,
}

/// How layers are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Compression {
    Gzip,
    Zstd,
    None,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq)]
pub struct Pushed {
    /// The digest of the manifest.
    pub digest: Digest,
    /// Its size.
    pub size: u64,
    /// The tag it has there.
    pub tag: Option<String>,
}

/// Pushes the local image `name` to `destination` (a reference, `docker://` in front allowed; `None`: its own name).
pub fn push(
    _engine: &Engine,
    _name: &str,
    _destination: Option<&str>,
    _options: &PushOptions,
    _progress: &dyn Progress,
) -> Result<Vec<Pushed>> {
    todo!()
}
