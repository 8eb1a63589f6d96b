//! Layers: one directory of files per diff id, unpacked independently of what lies below.

use super::{ContainerDirs, Layout, Roots, Store};
use crate::model::digest::Digest;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::PathBuf;

/// How layers are put on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// The kernel's overlay.
    Overlay,
    /// A whole copy per container, for file systems that can't carry an overlay.
    Vfs,
}

/// How to mount a container's root; a plain value that the runtime's child carries out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RootMount {
    /// An overlay.
    Overlay {
        /// Read-only directories, top first.
        lower: Vec<PathBuf>,
        /// Where changes go.
        upper: PathBuf,
        /// The overlay's scratch directory.
        work: PathBuf,
        /// Never sync: for containers that a power cut may take.
        volatile: bool,
        /// `user.overlay.*` attributes: in a user namespace.
        userxattr: bool,
    },
    /// A plain directory.
    Directory(PathBuf),
}

/// What is known of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The digest of its tar.
    pub diff_id: Digest,
    /// The length of its tar.
    pub size: u64,
    /// How many entries the tar has.
    #[serde(default)]
    pub entries: u64,
}

/// A layer that is whole.
#[derive(Debug, Clone)]
pub struct Layer {
    /// What is known of it.
    pub record: LayerRecord,
    /// Its directory.
    pub(super) dir: PathBuf,
}

/// A layer on its way in: write its tar (plain, gzip or zstd: told by the first bytes), then finish.
#[derive(Debug)]
pub struct LayerWriter {}

/// A layer that is unpacked but not yet durable. Dropped without a commit, it goes.
#[derive(Debug)]
pub struct StagedLayer {
    /// What is known of it.
    pub record: LayerRecord,
}

/// The exact tar of a layer; the last read fails when its digest is not the diff id.
#[derive(Debug)]
pub struct LayerReader {}

impl Store {
    /// A layer, if it is whole and was unpacked for the ids that we have.
    pub fn layer(&self, diff_id: &Digest) -> Result<Option<Layer>> {
        let _ = diff_id;
        todo!()
    }

    /// Starts to unpack a layer, in a process of its own that can do nothing else. Several at once are fine.
    pub fn unpack(&self, expected: Option<&Digest>) -> Result<LayerWriter> {
        let _ = expected;
        todo!()
    }

    /// Makes layers durable, all with one sync, and gives them their names.
    pub fn commit_layers(&self, staged: Vec<StagedLayer>) -> Result<()> {
        let _ = staged;
        todo!()
    }

    /// The exact tar of a layer.
    pub fn layer_tar(&self, diff_id: &Digest) -> Result<LayerReader> {
        let _ = diff_id;
        todo!()
    }

    /// How to mount a container's root file system on its layers (diff ids, bottom first). With the vfs driver this
    /// makes the copy, unless it is there.
    pub fn root_mount(&self, layers: &[Digest], dirs: &ContainerDirs, volatile: bool) -> Result<RootMount> {
        let _ = (layers, dirs, volatile);
        todo!()
    }

    /// The bytes that a container added or changed.
    pub fn upper_size(&self, dirs: &ContainerDirs) -> Result<u64> {
        let _ = dirs;
        todo!()
    }
}

impl Write for LayerWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = bytes;
        todo!()
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl LayerWriter {
    /// The tar is at its end: waits for the unpacking, compares the digest.
    pub fn finish(self) -> Result<StagedLayer> {
        todo!()
    }
}

impl Read for LayerReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let _ = buffer;
        todo!()
    }
}

/// The role `@unpack`: unpacks one layer from its standard input; returns the exit code.
pub fn unpack_role(arguments: &[std::ffi::OsString]) -> u8 {
    let _ = arguments;
    todo!()
}

/// Overlay where it can be mounted, else vfs; settled at the first use of a store.
pub(super) fn choose_driver(layout: &Layout, roots: &Roots) -> Result<Driver> {
    let _ = layout;
    Ok(roots.driver.unwrap_or(Driver::Overlay))
}
