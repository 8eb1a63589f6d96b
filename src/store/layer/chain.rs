//! One stack of layers: what no layer can know of itself is settled here, in a thin layer on top of them.
//!
//! A tar may name `etc/x` without `etc/`: the directory that had to be made for it must not hide the mode, owner and
//! attributes that a layer below gives `etc`. And a hard link's target may lie in a layer below. Both depend on the
//! stack, not on the layer, and layers are shared: so the right directories and links are put on top of the stack.

use super::extract::{Bytes, clean, is_whiteout, kind, split};
use super::whiteout::attribute_is_allowed;
use super::{LayerRecord, id_map};
use crate::model::digest::Digest;
use crate::store::{Store, record};
use crate::sys::xattr;
use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, futimens, mkdirat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown, linkat};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// What is known of a stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::store) struct Chain {
    /// Its directory.
    #[serde(skip)]
    pub dir: PathBuf,
    /// `diff/` must lie on top of the layers.
    pub fixes: bool,
    /// Mode, uid and gid of the root directory.
    pub root: (u32, u32, u32),
    /// Its layers, for whoever sweeps.
    pub layers: Vec<Digest>,
}

pub(in crate::store) const RECORD: &str = "chain.json";

const OPEN_DIR: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// The stack's settlement, made unless it is there.
pub(in crate::store) fn settle(store: &Store, layers: &[Digest]) -> Result<Chain> {
    let mut key = id_map(store.layout())?;
    for diff_id in layers {
        key.push(' ');
        key.push_str(diff_id.hex());
    }
    let dir = store.layout().chains().join(Digest::of(key.as_bytes()).hex());
    match record::read::<Chain>(&dir.join(RECORD)) {
        Ok(Some(chain)) => return Ok(Chain { dir, ..chain }),
        Ok(None) => {}
        // Without fixes it is not synced: a power cut may leave an empty file.
        Err(error) => {
            log::debug!("{error:#}");
            store.discard(&dir)?;
        }
    }
    let stack = Stack::open(store, layers)?;
    let (made, _lock) = store.staging_dir()?;
    let outcome = (|| {
        let target = open(&made.join("diff"), OPEN_DIR, Mode::empty())?;
        let fixes = stack.fix(&target).context("settling implicit directories and hard links")?;
        let root = match stack.effective(b"")? {
            Some((stat, _)) => (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid),
            None => (0o755, 0, 0),
        };
        let chain = Chain { dir: dir.clone(), fixes: fixes || layers.is_empty(), root, layers: layers.to_vec() };
        if fixes {
            nix::unistd::syncfs(&target)?;
        }
        let sync = if fixes { record::Sync::Durable } else { record::Sync::Unsynced };
        record::write(&made.join(RECORD), &chain, sync)?;
        Ok(chain)
    })();
    if outcome.is_ok() {
        match std::fs::rename(&made, &dir) {
            // Somebody else has settled the same meanwhile.
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {}
            other => return other.context("naming a chain").and(outcome),
        }
    }
    store.discard(&made)?;
    outcome
}

/// The layers of a stack, bottom first.
struct Stack {
    layers: Vec<Opened>,
}

struct Opened {
    diff_id: Digest,
    root: OwnedFd,
    record: LayerRecord,
    implicit: BTreeSet<Vec<u8>>,
}

/// What one layer has at a path.
enum Look {
    /// Nothing; whether it hides what is below all the same.
    Nothing {
        hides: bool,
    },
    Directory {
        stat: FileStat,
        dir: OwnedFd,
        explicit: bool,
        opaque: bool,
    },
    /// Something else; the directory and name it is at.
    Other {
        dir: OwnedFd,
    },
}

impl Stack {
    fn open(store: &Store, layers: &[Digest]) -> Result<Stack> {
        let mut opened = Vec::new();
        for (at, diff_id) in layers.iter().enumerate() {
            // One that comes twice counts where it is highest.
            if layers[at + 1..].contains(diff_id) {
                continue;
            }
            let layer = store.layer(diff_id)?;
            ensure!(layer.is_some(), "layer {diff_id}: it is not in the store, or was unpacked for other user ids");
            let Some(layer) = layer else { continue };
            let root = open(&layer.dir.join("diff"), OPEN_DIR, Mode::empty())?;
            let implicit = layer.record.remarks.implicit.iter().map(|path| path.as_bytes().to_vec()).collect();
            opened.push(Opened { diff_id: diff_id.clone(), root, record: layer.record, implicit });
        }
        Ok(Stack { layers: opened })
    }

    /// Puts on `target` what must lie on top; says whether there is anything.
    fn fix(&self, target: &OwnedFd) -> Result<bool> {
        let mut any = false;
        let paths: BTreeSet<&[u8]> =
            self.layers.iter().flat_map(|layer| layer.implicit.iter().map(Vec::as_slice)).collect();
        for path in paths {
            // The root's own attributes are those of the container's directory.
            if !path.is_empty() && self.is_misrepresented(path)? {
                self.make_dir(target, path)?;
                any = true;
            }
        }
        for (at, layer) in self.layers.iter().enumerate() {
            for (path, link_target) in &layer.record.remarks.dangling {
                any |= self.link(target, at, path, link_target).with_context(|| {
                    format!("layer {}: {:?}", layer.diff_id, String::from_utf8_lossy(path.as_bytes()))
                })?;
            }
        }
        Ok(any)
    }

    /// Whether the topmost directory of this path is an implicit one above an explicit one.
    fn is_misrepresented(&self, path: &[u8]) -> Result<bool> {
        let mut implicit = false;
        for layer in self.layers.iter().rev() {
            match layer.look(path)? {
                Look::Nothing { hides: false } => {}
                Look::Nothing { hides: true } | Look::Other { .. } => return Ok(false),
                Look::Directory { explicit: true, .. } => return Ok(implicit),
                Look::Directory { opaque: true, .. } => return Ok(false),
                Look::Directory { .. } => implicit = true,
            }
        }
        Ok(false)
    }

    /// The directory whose attributes count at this path: the topmost explicit one, else the topmost.
    fn effective(&self, path: &[u8]) -> Result<Option<(FileStat, OwnedFd)>> {
        let mut best = None;
        for layer in self.layers.iter().rev() {
            match layer.look(path)? {
                Look::Nothing { hides: false } => {}
                Look::Nothing { hides: true } | Look::Other { .. } => break,
                Look::Directory { stat, dir, explicit: true, .. } => return Ok(Some((stat, dir))),
                Look::Directory { stat, dir, opaque, .. } => {
                    best = best.or(Some((stat, dir)));
                    if opaque {
                        break;
                    }
                }
            }
        }
        Ok(best)
    }

    /// Makes a directory and those above it, with the attributes that count.
    fn make_dir(&self, target: &OwnedFd, path: &[u8]) -> Result<OwnedFd> {
        let mut dir = target.try_clone()?;
        if path.is_empty() {
            return Ok(dir);
        }
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let (_, name) = split(&path[..end]);
            let made = match mkdirat(&dir, name, Mode::S_IRWXU) {
                Ok(()) => true,
                Err(Errno::EEXIST) => false,
                Err(error) => return Err(error.into()),
            };
            dir = openat(&dir, name, OPEN_DIR, Mode::empty())?;
            if let (true, Some((stat, like))) = (made, self.effective(&path[..end])?) {
                copy_attributes(&like, &stat, &dir)?;
            }
        }
        Ok(dir)
    }

    /// A hard link of layer `at` whose target lies below it.
    fn link(&self, target: &OwnedFd, at: usize, path: &Bytes, link_target: &Bytes) -> Result<bool> {
        let path = clean(path.as_bytes())?;
        for above in &self.layers[at + 1..] {
            // Replaced or taken away again.
            if !matches!(above.look(&path)?, Look::Nothing { hides: false }) {
                return Ok(false);
            }
        }
        let wanted = clean(link_target.as_bytes())?;
        let (_, wanted_name) = split(&wanted);
        for below in self.layers[..at].iter().rev() {
            match below.look(&wanted)? {
                Look::Nothing { hides: false } => {}
                Look::Other { dir } => {
                    let (above, name) = split(&path);
                    let parent = self.make_dir(target, above)?;
                    match linkat(&dir, wanted_name, &parent, name, AtFlags::empty()) {
                        Err(Errno::EEXIST) => return Ok(true),
                        other => other?,
                    }
                    return Ok(true);
                }
                Look::Nothing { hides: true } | Look::Directory { .. } => break,
            }
        }
        log::warn!("a hard link in layer {} leads nowhere", self.layers[at].diff_id);
        Ok(false)
    }
}

impl Opened {
    fn look(&self, path: &[u8]) -> Result<Look> {
        let remarks = &self.record.remarks;
        let marked = |list: &[Bytes], path: &[u8]| list.iter().any(|one| one.as_bytes() == path);
        let mut dir = self.root.try_clone()?;
        let mut opaque = is_opaque(&dir)? || marked(&remarks.opaque, b"");
        if path.is_empty() {
            let explicit = !self.implicit.contains(path);
            return Ok(Look::Directory { stat: fstat(&dir)?, dir, explicit, opaque });
        }
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let here = &path[..end];
            let (_, name) = split(here);
            let stat = match fstatat(&dir, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::ENOENT) => return Ok(Look::Nothing { hides: opaque || marked(&remarks.gone, here) }),
                Err(error) => return Err(error.into()),
            };
            if is_whiteout(&stat) {
                return Ok(Look::Nothing { hides: true });
            }
            if kind(&stat) != SFlag::S_IFDIR {
                if end < path.len() {
                    return Ok(Look::Nothing { hides: true });
                }
                return Ok(Look::Other { dir });
            }
            dir = openat(&dir, name, OPEN_DIR, Mode::empty())?;
            opaque |= is_opaque(&dir)? || marked(&remarks.opaque, here);
            if end == path.len() {
                return Ok(Look::Directory { stat, dir, explicit: !self.implicit.contains(path), opaque });
            }
        }
        Ok(Look::Nothing { hides: false })
    }
}

fn is_opaque(dir: &OwnedFd) -> Result<bool> {
    for name in [c"trusted.overlay.opaque", c"user.overlay.opaque"] {
        match xattr::get(dir, name) {
            Ok(Some(value)) if value == b"y" => return Ok(true),
            Ok(_) => {}
            Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EPERM)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// Owner, mode, times and attributes of one directory for another.
pub(super) fn copy_attributes(from: &OwnedFd, stat: &FileStat, to: &OwnedFd) -> Result<()> {
    fchown(to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    fchmod(to, Mode::from_bits_truncate(stat.st_mode & 0o7777))?;
    copy_xattrs(from, to)?;
    let mtime = TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec);
    Ok(futimens(to, &mtime, &mtime)?)
}

/// The extended attributes that images may have.
pub(super) fn copy_xattrs(from: &OwnedFd, to: &OwnedFd) -> Result<()> {
    let names = match xattr::list(from) {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(()),
        other => other?,
    };
    for name in names {
        if attribute_is_allowed(name.to_bytes())
            && let Some(value) = xattr::get(from, &name)?
        {
            match xattr::set(to, &name, &value) {
                Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EPERM)) => {}
                other => other?,
            }
        }
    }
    Ok(())
}

/// Gives a container's writable directory the attributes of the stack's root.
pub(in crate::store) fn dress_root(chain: &Chain, upper: &Path) -> Result<()> {
    let dir = open(upper, OPEN_DIR, Mode::empty())?;
    let (mode, uid, gid) = chain.root;
    if (uid, gid) != (0, 0) {
        fchown(&dir, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    Ok(fchmod(&dir, Mode::from_bits_truncate(mode))?)
}
