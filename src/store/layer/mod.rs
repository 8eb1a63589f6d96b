//! Layers: one directory of files per diff id, unpacked independently of what lies below.

#[cfg(test)]
pub(super) mod artefact;
pub(super) mod chain;
mod confine;
#[cfg(test)]
mod differential_tests;
mod extract;
mod headers;
mod incoming;
pub(super) mod moved;
mod outgoing;
mod tarball;
#[cfg(test)]
mod tests;
mod vfs;
mod whiteout;
mod worker;

use moved::Original;

pub use incoming::{LayerWriter, StagedLayer};
pub use outgoing::LayerReader;
pub use worker::main as unpack_role;

use super::{ContainerDirs, Layout, Roots, Store, record};
use crate::fault::{Fault, Kind};
use crate::model::container::IdMap;
use crate::model::digest::Digest;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
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

impl Driver {
    /// `overlay` or `vfs`.
    pub fn name(self) -> &'static str {
        match self {
            Driver::Overlay => "overlay",
            Driver::Vfs => "vfs",
        }
    }
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
    /// The id map it was unpacked under, as [`id_map`] writes it.
    #[serde(default)]
    pub map: String,
    /// All owners became ours, for want of ids.
    #[serde(default)]
    pub squashed: bool,
    /// What the tree can't say of itself.
    #[serde(default)]
    remarks: extract::Remarks,
}

/// A layer that is whole.
#[derive(Debug, Clone)]
pub struct Layer {
    /// What is known of it.
    pub record: LayerRecord,
    /// Its directory.
    pub(super) dir: PathBuf,
}

const RECORD: &str = "layer.json";

impl Store {
    /// A layer, if it is whole and was unpacked for the ids that we have. It may be staged still: then
    /// [`super::LockedImages::save`] makes it durable together with the image that has it.
    pub fn layer(&self, diff_id: &Digest) -> Result<Option<Layer>> {
        for dir in [self.layout.layer(diff_id), self.staged_dir(diff_id)] {
            if let Some(record) = record::read::<LayerRecord>(&dir.join(RECORD))?
                && record.map == id_map(&self.layout)?
            {
                return Ok(Some(Layer { record, dir }));
            }
        }
        Ok(None)
    }

    /// Whether all layers are here, unpacked for the ids that we have. If not, the image must be pulled again.
    pub fn has_layers(&self, diff_ids: &[Digest]) -> Result<bool> {
        for diff_id in diff_ids {
            // As root of the host there is one map only: the directory says it all.
            let there = if self.layout.rootless() {
                self.layer(diff_id)?.is_some()
            } else {
                self.layout.layer(diff_id).is_dir()
            };
            if !there {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How to mount a container's root file system on its layers (diff ids, bottom first). With the vfs driver this
    /// makes the copy, unless it is there. `owners`: the layers are to be copies with the owners of a container's own
    /// user namespace.
    pub fn root_mount(
        &self,
        layers: &[Digest],
        dirs: &ContainerDirs,
        volatile: bool,
        owners: Option<&IdMap>,
    ) -> Result<RootMount> {
        if self.driver == Driver::Vfs {
            return Ok(RootMount::Directory(vfs::root(self, layers, dirs, volatile, owners)?));
        }
        let lower = match owners {
            None => self.layer_dirs(layers)?,
            Some(owners) => {
                let chain = chain::settle(self, layers)?;
                let mut originals: Vec<Original> = chain.fixes.then(|| Original::chain(&chain)).into_iter().collect();
                for diff_id in layers.iter().rev() {
                    let missing = || Fault::not_found(format!("layer {diff_id}: it is not in the store"));
                    originals.push(Original::layer(&self.layer(diff_id)?.ok_or_else(missing)?));
                }
                let mut dirs: Vec<PathBuf> = Vec::with_capacity(originals.len());
                for dir in moved::copies(self, &originals, owners)? {
                    if !dirs.contains(&dir) {
                        dirs.push(dir);
                    }
                }
                dirs
            }
        };
        let userxattr = self.layout.rootless();
        Ok(RootMount::Overlay { lower, upper: dirs.upper(), work: dirs.work(), volatile, userxattr })
    }

    /// The directories of a stack of layers (diff ids, bottom first), top first.
    pub fn layer_dirs(&self, layers: &[Digest]) -> Result<Vec<PathBuf>> {
        let chain = chain::settle(self, layers)?;
        let mut lower = Vec::with_capacity(layers.len() + 1);
        lower.extend(chain.fixes.then(|| chain.dir.join("diff")));
        for diff_id in layers.iter().rev() {
            let dir = self.layout.layer(diff_id).join("diff");
            // The kernel takes no directory twice; what is on top hides the other one anyway.
            if !lower.contains(&dir) {
                lower.push(dir);
            }
        }
        Ok(lower)
    }

    /// The bytes that a container added or changed.
    pub fn upper_size(&self, dirs: &ContainerDirs) -> Result<u64> {
        let dir = match self.driver {
            Driver::Overlay => dirs.upper(),
            Driver::Vfs => vfs::root_dir(dirs),
        };
        super::tree::size(&dir)
    }

    fn staged_dir(&self, diff_id: &Digest) -> PathBuf {
        self.layout.staging().join(format!("{}.{}", diff_id.hex(), self.boot_id))
    }
}

/// The id map that we have, in one line: `uids 0 1000 1 gids 0 1000 1`. As root of the host it is empty.
pub(super) fn id_map(layout: &Layout) -> Result<String> {
    if !layout.rootless() {
        return Ok(String::new());
    }
    let mut text = String::new();
    for (word, path) in [("uids", "/proc/self/uid_map"), ("gids", "/proc/self/gid_map")] {
        let map = std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
        text = [text.as_str(), word].into_iter().chain(map.split_whitespace()).collect::<Vec<_>>().join(" ");
    }
    Ok(text.trim().to_string())
}

/// Whether a map has one id only, so that owners can't be told apart.
fn map_squashes(map: &str) -> bool {
    map.split(" gids ").any(|part| part.trim_start_matches("uids ").split(' ').count() == 3 && part.ends_with(" 1"))
}

/// Overlay where it can be mounted, else vfs; settled at the first use of a store.
pub(super) fn choose_driver(layout: &Layout, roots: &Roots) -> Result<Driver> {
    let path = layout.root().join("driver");
    let settled = match std::fs::read_to_string(&path) {
        Ok(text) if text.trim() == "overlay" => Some(Driver::Overlay),
        Ok(text) if text.trim() == "vfs" => Some(Driver::Vfs),
        Ok(_) => None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let driver = match (settled, roots.driver) {
        (Some(settled), Some(wanted)) if settled != wanted => {
            let what = format!("the store in {} was made with the {} driver", layout.root().display(), settled.name());
            return Err(Fault::new(Kind::Conflict, what)
                .hint("use that one, another --root, or `barge system reset` to begin anew")
                .into());
        }
        (Some(settled), _) => return Ok(settled),
        (None, Some(wanted)) => wanted,
        (None, None) => probe(layout)?,
    };
    record::write_bytes(&path, format!("{}\n", driver.name()).as_bytes(), record::Sync::Durable)?;
    Ok(driver)
}

/// What the file system can: a process of ours tries.
fn probe(layout: &Layout) -> Result<Driver> {
    let dir = layout.root().join(format!("probe.{}.tmp", std::process::id()));
    for name in ["lower", "upper", "work"] {
        super::root::make_dir(&dir.join(name))?;
    }
    let outcome = incoming::probe(&dir, layout.rootless());
    super::tree::remove(&dir)?;
    match outcome {
        Ok(()) => Ok(Driver::Overlay),
        Err(error) => {
            log::warn!(
                "{} can't carry an overlay ({error:#}): containers get whole copies of their images (the vfs driver)",
                layout.root().display()
            );
            Ok(Driver::Vfs)
        }
    }
}

/// For fuzzers: reads a tar to its end. Every byte must be either content or kept, and every path clean or refused.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_tar(bytes: &[u8]) {
    struct Kept(Vec<u8>);
    impl tarball::Record for Kept {
        fn raw(&mut self, bytes: &[u8]) -> Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }
    let mut reader = tarball::Reader::new(bytes);
    let mut kept = Kept(Vec::new());
    loop {
        match reader.next(&mut kept) {
            Ok(Some(entry)) => {
                let _ = extract::clean(&entry.link);
                if let Ok(path) = extract::clean(&entry.path) {
                    assert!(path.split(|byte| *byte == b'/').all(|part| !matches!(part, b"." | b"..")));
                    let _ = whiteout::meaning(extract::split(&path).1);
                }
                for (name, _) in &entry.xattrs {
                    let _ = whiteout::attribute_is_allowed(name);
                }
                while let Ok(content) = reader.content() {
                    let length = content.len();
                    if length == 0 {
                        break;
                    }
                    let content = content.to_vec();
                    kept.0.extend_from_slice(&content);
                    reader.took(length);
                }
            }
            Ok(None) => return assert_eq!(kept.0, bytes, "the exact tar can't be given back"),
            Err(_) => return assert!(bytes.starts_with(&kept.0)),
        }
    }
}

/// For fuzzers: what a compressed layer holds, as far as a few MB.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_compressed(bytes: &[u8]) {
    use std::io::Read;
    let mut input = std::io::BufReader::new(bytes);
    if let Ok(plain) = worker::decompressor(&mut input) {
        let _ = std::io::copy(&mut plain.take(4 << 20), &mut std::io::sink());
    }
}

/// For fuzzers: the records that the store reads back.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_records(bytes: &[u8]) {
    let _ = serde_json::from_slice::<LayerRecord>(bytes);
    let _ = serde_json::from_slice::<chain::Chain>(bytes);
}
