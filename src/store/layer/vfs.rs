//! Layers without an overlay: each container gets a whole copy, with shared blocks where the file system can.
//!
//! What a layer takes away from those below stands in its record, not in its tree: these are file systems that can't
//! hold an overlay's marks.

use super::chain::copy_attributes;
use super::extract::{Bytes, clean, is_whiteout, kind, split};
use super::moved::{Move, copy_mark};
use super::{Layer, LayerRecord};
use crate::fault::Fault;
use crate::model::container::IdMap;
use crate::model::digest::Digest;
use crate::store::{ContainerDirs, Store, tree};
use crate::sys::path::{Resolve, openat2};
use crate::trip;
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, copy_file_range, open, openat, readlinkat};
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmodat, fstatat, mkdirat, mknodat, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchownat, linkat, symlinkat};
use std::collections::{BTreeSet, HashMap};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

const OPEN_DIR: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Where a container's copy lies.
pub(super) fn root_dir(dirs: &ContainerDirs) -> PathBuf {
    dirs.disk.join("root")
}

/// The copy, made unless it is there.
pub(super) fn root(
    store: &Store,
    layers: &[Digest],
    dirs: &ContainerDirs,
    volatile: bool,
    owners: Option<&IdMap>,
) -> Result<PathBuf> {
    let root = root_dir(dirs);
    if root.is_dir() {
        return Ok(root);
    }
    let making = dirs.disk.join("root.making");
    tree::remove(&making)?;
    crate::store::root::make_dir(&making)?;
    let target = open(&making, OPEN_DIR, Mode::empty())?;
    nix::sys::stat::fchmod(&target, Mode::from_bits_truncate(0o755))?;
    let moves = owners.map(Move::for_us).transpose()?;
    if let Some(moves) = &moves {
        // As long as no layer says whose it is.
        let (uid, gid) = moves.owner(0, 0);
        nix::unistd::fchown(&target, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    for diff_id in layers {
        let missing =
            || Fault::not_found(format!("layer {diff_id}: it is not in the store")).hint("pull the image again");
        let layer = store.layer(diff_id)?.ok_or_else(missing)?;
        apply(&layer, &target, moves.as_ref()).with_context(|| format!("copying layer {diff_id}"))?;
    }
    if !volatile {
        nix::unistd::syncfs(&target)?;
    }
    trip!("store.vfs.copied");
    std::fs::rename(&making, &root).with_context(|| format!("naming {}", root.display()))?;
    Ok(root)
}

/// Puts a layer on what is there.
fn apply(layer: &Layer, target: &OwnedFd, moves: Option<&Move>) -> Result<()> {
    let LayerRecord { remarks, .. } = &layer.record;
    for (paths, keep) in [(&remarks.gone, false), (&remarks.opaque, true)] {
        for path in paths {
            take_away(target, path, keep)?;
        }
    }
    let source = open(&layer.dir.join("diff"), OPEN_DIR, Mode::empty())?;
    let implicit = remarks.implicit.iter().map(|path| path.as_bytes().to_vec()).collect();
    let mut copy = Copy { implicit, links: HashMap::new(), root: target.try_clone()?, moves, marks: false };
    copy.directory(&source, target, &mut Vec::new())?;
    for (path, link) in &remarks.dangling {
        let (path, link) = (clean(path.as_bytes())?, clean(link.as_bytes())?);
        let (Some((from, name)), Some((to, new))) = (parent(target, &link)?, parent(target, &path)?) else { continue };
        match linkat(&from, name.as_c_str(), &to, new.as_c_str(), AtFlags::empty()) {
            Err(Errno::ENOENT) => log::warn!("a hard link in layer {} leads nowhere", layer.record.diff_id),
            Err(Errno::EEXIST) => {}
            other => other?,
        }
    }
    Ok(())
}

/// Removes what is at a path, or with `keep` only what is in the directory there.
fn take_away(target: &OwnedFd, path: &Bytes, keep: bool) -> Result<()> {
    let path = path.as_bytes();
    if keep {
        let dir = if path.is_empty() { Some(target.try_clone()?) } else { open_dir(target, path)? };
        if let Some(dir) = dir {
            for (name, _) in tree::list(&dir)? {
                tree::remove_at(&dir, &name)?;
            }
        }
        return Ok(());
    }
    if let Some((dir, name)) = parent(target, path)? {
        tree::remove_at(&dir, &name)?;
    }
    Ok(())
}

/// A directory of the copy; none when it is not there, or something else.
fn open_dir(target: &OwnedFd, path: &[u8]) -> Result<Option<OwnedFd>> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY;
    match openat2(target.as_fd(), &CString::new(path)?, flags, 0, Resolve::NoSymlinks) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP)) => Ok(None),
        other => Ok(Some(other?)),
    }
}

fn parent(target: &OwnedFd, path: &[u8]) -> Result<Option<(OwnedFd, CString)>> {
    let (above, name) = split(path);
    let dir = if above.is_empty() { Some(target.try_clone()?) } else { open_dir(target, above)? };
    Ok(dir.zip(Some(CString::new(name)?)))
}

/// One layer alone, an overlay's marks included, with the owners of `moves`.
pub(super) fn copy_moved(source: &OwnedFd, target: &OwnedFd, moves: &Move) -> Result<()> {
    let root = target.try_clone()?;
    let mut copy = Copy { implicit: BTreeSet::new(), links: HashMap::new(), root, moves: Some(moves), marks: true };
    copy.directory(source, target, &mut Vec::new())
}

struct Copy<'a> {
    implicit: BTreeSet<Vec<u8>>,
    /// Inode → where its first name was copied to.
    links: HashMap<u64, CString>,
    root: OwnedFd,
    /// Which owners the copy gets; none: the same.
    moves: Option<&'a Move>,
    /// An overlay will lie on it: its marks are copied, too.
    marks: bool,
}

impl Copy<'_> {
    fn directory(&mut self, source: &OwnedFd, target: &OwnedFd, path: &mut Vec<u8>) -> Result<()> {
        for (name, is_dir) in tree::list(source)? {
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(name.to_bytes());
            let stat = self.moved(fstatat(source, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?);
            if is_dir {
                let fresh = self.make_dir(target, &name)?;
                let from = openat(source, name.as_c_str(), OPEN_DIR, Mode::empty())?;
                let to = openat(target, name.as_c_str(), OPEN_DIR, Mode::empty())?;
                self.directory(&from, &to, path)?;
                if fresh || !self.implicit.contains(path.as_slice()) {
                    copy_attributes(&from, &stat, &to)?;
                }
                if self.marks {
                    copy_mark(&from, &to)?;
                }
            } else {
                tree::remove_at(target, &name)?;
                self.other(source, target, &name, &stat, path)
                    .with_context(|| String::from_utf8_lossy(path).into_owned())?;
            }
            path.truncate(length);
        }
        if path.is_empty() && !self.implicit.contains(&Vec::new()) {
            copy_attributes(source, &self.moved(nix::sys::stat::fstat(source)?), target)?;
        }
        if path.is_empty() && self.marks {
            copy_mark(source, target)?;
        }
        Ok(())
    }

    /// With the owner that the copy gets.
    fn moved(&self, mut stat: FileStat) -> FileStat {
        if let Some(moves) = self.moves {
            moves.apply(&mut stat);
        }
        stat
    }

    /// Whether it had to be made.
    fn make_dir(&self, target: &OwnedFd, name: &CStr) -> Result<bool> {
        match mkdirat(target, name, Mode::S_IRWXU) {
            Err(Errno::EEXIST) => {}
            other => return Ok(other.map(|()| true)?),
        }
        if kind(&fstatat(target, name, AtFlags::AT_SYMLINK_NOFOLLOW)?) == SFlag::S_IFDIR {
            return Ok(false);
        }
        tree::remove_at(target, &name.to_owned())?;
        mkdirat(target, name, Mode::S_IRWXU)?;
        Ok(true)
    }

    fn other(&mut self, source: &OwnedFd, target: &OwnedFd, name: &CStr, stat: &FileStat, path: &[u8]) -> Result<()> {
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&stat.st_ino) {
                // Its first name is one of this layer's, copied a moment ago; the last part is never followed.
                return Ok(linkat(&self.root, first.as_c_str(), target, name, AtFlags::empty())?);
            }
            self.links.insert(stat.st_ino, CString::new(path)?);
        }
        let mode = Mode::from_bits_truncate(stat.st_mode & 0o7777);
        match kind(stat) {
            SFlag::S_IFREG => {
                let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let from = openat(source, name, flags | OFlag::O_RDONLY, Mode::empty())?;
                let create = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
                let to = openat(target, name, flags | create, Mode::S_IRUSR | Mode::S_IWUSR)?;
                copy_content(&from, &to)?;
                return copy_attributes(&from, stat, &to);
            }
            SFlag::S_IFLNK => symlinkat(readlinkat(source, name)?.as_os_str(), target, name)?,
            format => mknodat(target, name, format, mode, stat.st_rdev)?,
        }
        if is_whiteout(stat) {
            return Ok(());
        }
        let owner = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
        fchownat(target, name, owner.0, owner.1, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if kind(stat) != SFlag::S_IFLNK {
            fchmodat(target, name, mode, FchmodatFlags::FollowSymlink)?;
        }
        let mtime = TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec);
        Ok(utimensat(target, name, &mtime, &mtime, UtimensatFlags::NoFollowSymlink)?)
    }
}

/// Shares blocks where the file system can (`copy_file_range` does), else copies.
fn copy_content(from: &OwnedFd, to: &OwnedFd) -> Result<()> {
    loop {
        match copy_file_range(from, None, to, None, 1 << 30) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EXDEV | Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EINVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    std::io::copy(&mut File::from(from.try_clone()?), &mut File::from(to.try_clone()?))?;
    Ok(())
}
