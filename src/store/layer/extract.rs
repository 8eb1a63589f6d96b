//! Writing a layer's entries, never outside one directory handle.
//!
//! Paths are cleaned as text, then resolved with openat2 beneath the handle; what an entry makes is made in its
//! parent by one name, exclusively, never through a link. What is in the way is moved aside: its content is still
//! needed to give the exact tar back.

use super::headers;
use super::tarball::{Entry, Kind, Reader, Record};
use super::whiteout::{Meaning, attribute_is_allowed, meaning};
use crate::fault::{Fault, Kind as FaultKind};
use crate::store::tree;
use crate::sys::path::{Resolve, openat2};
use crate::sys::{writeback, xattr};
use crate::trip;
use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmod, fchmodat, fstat, fstatat, futimens, mkdirat, mknodat,
    utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, linkat, mkfifoat, symlinkat, unlinkat};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::ffi::{CString, OsStr};
use std::io::BufRead;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::rc::Rc;

/// How to write a layer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Options {
    /// What is gone goes into the record instead of the tree: for file systems that can't hold overlay's marks.
    pub plain_marks: bool,
    /// All owners become ours.
    pub squash: bool,
}

/// What the tree can't say of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Remarks {
    /// Directories that were named only by what is in them.
    pub implicit: Vec<Bytes>,
    /// Hard links (path, target) whose target is not in this layer.
    pub dangling: Vec<(Bytes, Bytes)>,
    /// With plain marks: what of the layers below is gone.
    pub gone: Vec<Bytes>,
    /// Directories that hide those below.
    pub opaque: Vec<Bytes>,
    /// Which contents of the header stream lie in `kept/` instead of at their path.
    pub kept: Vec<u32>,
}

/// A path: text where it can be, for people who read records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Bytes {
    Text(String),
    Bytes(Vec<u8>),
}

impl Bytes {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Bytes::Text(text) => text.as_bytes(),
            Bytes::Bytes(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).map_or_else(|_| Bytes::Bytes(bytes.to_vec()), |text| Bytes::Text(text.into()))
    }
}

/// What a directory is to become when all else is done: its times and mode change with its content, or hinder it.
struct Finish {
    mode: u32,
    owner: (u32, u32),
    mtime: (i64, u32),
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Finish {
    fn size(&self) -> usize {
        self.xattrs.iter().map(|(name, value)| name.len() + value.len() + EACH / 2).sum()
    }
}

const OPEN_DIR: i32 = libc::O_RDONLY | libc::O_DIRECTORY;

/// How many directory handles are kept open.
const CACHE: usize = 200;

/// Files from this size on are on their way to the disk at once.
const WRITE_EARLY: u64 = 256 << 10;

/// How many bytes may have to be remembered until a layer's end, or for ever: 200,000 directories, or so.
const REMEMBERED: usize = 48 << 20;

/// What remembering takes besides the bytes themselves.
const EACH: usize = 160;

/// How often the room that is left is looked at: after so many entries, or so many bytes.
const LOOK_ENTRIES: u64 = 256;
const LOOK_BYTES: u64 = 16 << 20;

/// Writes entries beneath one directory.
pub(super) struct Extractor {
    root: Rc<OwnedFd>,
    kept_dir: OwnedFd,
    options: Options,
    stream: headers::Writer,
    parents: HashMap<Vec<u8>, Parent>,
    last: Option<(Vec<u8>, Parent)>,
    finish: HashMap<Vec<u8>, Finish>,
    implicit: BTreeSet<Vec<u8>>,
    dangling: Vec<(Vec<u8>, Vec<u8>)>,
    gone: BTreeSet<Vec<u8>>,
    opaque: BTreeSet<Vec<u8>>,
    /// Inode → number in the header stream.
    contents: HashMap<u64, u32>,
    kept: Vec<u32>,
    entries: u64,
    since_look: (u64, u64),
    moved: u32,
    remembered: usize,
}

/// An open directory, and whether a symbolic link led there.
#[derive(Clone)]
struct Parent {
    dir: Rc<OwnedFd>,
    through_link: bool,
}

impl Extractor {
    /// `root`: the empty directory of the files; `kept_dir`: for contents that the tree doesn't show.
    pub(super) fn new(root: OwnedFd, kept_dir: OwnedFd, stream: headers::Writer, options: Options) -> Self {
        Extractor {
            root: Rc::new(root),
            kept_dir,
            options,
            stream,
            parents: HashMap::new(),
            last: None,
            finish: HashMap::new(),
            implicit: BTreeSet::from([Vec::new()]),
            dangling: Vec::new(),
            gone: BTreeSet::new(),
            opaque: BTreeSet::new(),
            contents: HashMap::new(),
            kept: Vec::new(),
            entries: 0,
            since_look: (0, 0),
            moved: 0,
            remembered: 0,
        }
    }

    /// Writes a whole tar; returns the remarks and how many entries there were.
    pub(super) fn run<R: BufRead>(mut self, tar: &mut Reader<R>) -> Result<(Remarks, u64)> {
        self.look()?;
        while let Some(entry) = tar.next(&mut self.stream)? {
            self.entries += 1;
            self.since_look.0 += 1;
            if self.since_look.0 > LOOK_ENTRIES || self.since_look.1 > LOOK_BYTES {
                self.look()?;
            }
            self.entry(&entry, tar)
                .with_context(|| format!("layer entry {:?}", String::from_utf8_lossy(&entry.path)))
                .map_err(|error| self.explain(error))?;
        }
        self.finish_directories()?;
        let bytes = |set: BTreeSet<Vec<u8>>| set.iter().map(|path| Bytes::from(path.as_slice())).collect();
        self.stream.finish()?;
        let dangling = self.dangling.iter().map(|(path, to)| (path.as_slice().into(), to.as_slice().into())).collect();
        let remarks = Remarks {
            implicit: bytes(self.implicit),
            dangling,
            gone: bytes(self.gone),
            opaque: bytes(self.opaque),
            kept: self.kept,
        };
        Ok((remarks, self.entries))
    }

    fn entry<R: BufRead>(&mut self, entry: &Entry, tar: &mut Reader<R>) -> Result<()> {
        let path = clean(&entry.path)?;
        let (above, name) = split(&path);
        if name.is_empty() {
            ensure!(entry.kind == Kind::Directory, invalid("the root of a layer must be a directory"));
            return self.directory(&path, entry);
        }
        match meaning(name)? {
            Meaning::Plain => {}
            // Whatever content these have stays in the header stream.
            Meaning::Ignored => return Ok(()),
            Meaning::Opaque => return self.hide_all(above),
            Meaning::Gone(gone) => return self.hide(above, gone),
        }
        let parent = self.parent(above)?;
        let c_name = c_name(name)?;
        match entry.kind {
            Kind::Directory => self.directory(&path, entry),
            Kind::File => self.file(&path, &parent, &c_name, entry, tar),
            Kind::HardLink => self.hard_link(&path, &parent, &c_name, entry),
            Kind::Symlink | Kind::Fifo | Kind::Char | Kind::Block => self.special(&path, &parent, &c_name, entry),
        }
    }

    fn file<R: BufRead>(
        &mut self,
        path: &[u8],
        parent: &Parent,
        name: &CString,
        entry: &Entry,
        tar: &mut Reader<R>,
    ) -> Result<()> {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(entry.mode & 0o777);
        let file = match openat(&parent.dir, name.as_c_str(), flags, mode) {
            Err(Errno::EEXIST) => {
                self.make_way(path, parent, name)?;
                openat(&parent.dir, name.as_c_str(), flags, mode)?
            }
            other => other?,
        };
        if entry.size > 0 {
            // Through a link the path may lead elsewhere later: then the content is kept with the headers.
            if parent.through_link {
                loop {
                    let bytes = tar.content()?;
                    if bytes.is_empty() {
                        break;
                    }
                    write_all(&file, bytes)?;
                    self.stream.raw(bytes)?;
                    let length = bytes.len();
                    tar.took(length);
                }
            } else {
                let number = self.stream.file(path, entry.size)?;
                self.contents.insert(fstat(&file)?.st_ino, number);
                self.write_content(&file, entry.size, tar)?;
            }
            self.since_look.1 += entry.size;
        }
        let (uid, gid) = self.owner(entry)?;
        if (uid, gid) != (0, 0) {
            fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        set_attributes(&file, &entry.xattrs)?;
        if entry.mode & 0o7000 != 0 {
            fchmod(&file, Mode::from_bits_truncate(entry.mode))?;
        }
        let mtime = time(entry.mtime);
        futimens(&file, &mtime, &mtime)?;
        if entry.size >= WRITE_EARLY {
            // The sync at the end then finds little to do. Where it can't be had, that one does all.
            let _ = writeback::begin(&file);
        }
        Ok(())
    }

    fn write_content<R: BufRead>(&mut self, file: &OwnedFd, size: u64, tar: &mut Reader<R>) -> Result<()> {
        let mut written = 0;
        loop {
            let bytes = tar.content()?;
            if bytes.is_empty() {
                return Ok(());
            }
            write_all(file, bytes)?;
            let length = bytes.len();
            written += length as u64;
            tar.took(length);
            // A huge file must not fill the disk before anybody looks.
            if size > LOOK_BYTES && written > LOOK_BYTES {
                self.look()?;
                written = 0;
            }
        }
    }

    fn directory(&mut self, path: &[u8], entry: &Entry) -> Result<()> {
        let (above, name) = split(path);
        if !name.is_empty() {
            let parent = self.parent(above)?;
            let name = c_name(name)?;
            loop {
                match mkdirat(&parent.dir, name.as_c_str(), Mode::from_bits_truncate(0o755)) {
                    Ok(()) => break,
                    Err(Errno::EEXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                let there = fstatat(&parent.dir, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
                if kind(&there) == SFlag::S_IFDIR {
                    break;
                }
                let hidden = is_whiteout(&there);
                self.make_way(path, &parent, &name)?;
                if hidden {
                    // Gone and made anew in one layer: nothing of the old one shows through.
                    mkdirat(&parent.dir, name.as_c_str(), Mode::from_bits_truncate(0o755))?;
                    self.hide_all(path)?;
                    break;
                }
            }
            if self.options.plain_marks && self.gone.remove(path) {
                self.opaque.insert(path.to_vec());
            }
        }
        self.implicit.remove(path);
        let finish =
            Finish { mode: entry.mode, owner: self.owner(entry)?, mtime: entry.mtime, xattrs: entry.xattrs.clone() };
        self.remember(path.len() + finish.size())?;
        if let Some(before) = self.finish.insert(path.to_vec(), finish) {
            self.remembered = self.remembered.saturating_sub(path.len() + before.size() + EACH);
        }
        Ok(())
    }

    /// Counts what stays in memory: a few MB of archive can name more than that holds.
    fn remember(&mut self, bytes: usize) -> Result<()> {
        self.remembered += bytes + EACH;
        ensure!(self.remembered <= REMEMBERED, invalid("it has too many directories, attributes or links to remember"));
        Ok(())
    }

    fn hard_link(&mut self, path: &[u8], parent: &Parent, name: &CString, entry: &Entry) -> Result<()> {
        let target = clean(&entry.link)?;
        ensure!(target != path, invalid("a hard link to itself"));
        let (above, last) = split(&target);
        ensure!(!last.is_empty(), invalid("a hard link to the root"));
        let source = match self.open_dir(above) {
            Ok(source) => source,
            Err(Errno::ENOENT | Errno::ENOTDIR) => {
                return self.dangle(path, target);
            }
            Err(error) => return Err(error.into()),
        };
        let last = c_name(last)?;
        match fstatat(&source.dir, last.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(there) => {
                ensure!(!is_whiteout(&there), invalid("a hard link to what is gone"));
                ensure!(kind(&there) != SFlag::S_IFDIR, invalid("a hard link to a directory"));
                if let Ok(ours) = fstatat(&parent.dir, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)
                    && ours.st_ino == there.st_ino
                {
                    return Ok(());
                }
            }
            Err(Errno::ENOENT) => {
                return self.dangle(path, target);
            }
            Err(error) => return Err(error.into()),
        }
        match linkat(&source.dir, last.as_c_str(), &parent.dir, name.as_c_str(), AtFlags::empty()) {
            Err(Errno::EEXIST) => {
                self.make_way(path, parent, name)?;
                linkat(&source.dir, last.as_c_str(), &parent.dir, name.as_c_str(), AtFlags::empty())?;
            }
            other => other?,
        }
        Ok(())
    }

    fn dangle(&mut self, path: &[u8], target: Vec<u8>) -> Result<()> {
        self.remember(path.len() + target.len())?;
        self.dangling.push((path.to_vec(), target));
        Ok(())
    }

    fn special(&mut self, path: &[u8], parent: &Parent, name: &CString, entry: &Entry) -> Result<()> {
        let mode = Mode::from_bits_truncate(entry.mode & 0o777);
        let (major, minor) = entry.device;
        let device = libc::makedev(major, minor);
        ensure!(entry.kind != Kind::Char || device != 0, invalid("the device 0:0 would be a whiteout"));
        let make = || match entry.kind {
            Kind::Symlink => symlinkat(OsStr::from_bytes(&entry.link), &parent.dir, name.as_c_str()),
            Kind::Fifo => mkfifoat(&parent.dir, name.as_c_str(), mode),
            Kind::Char => mknodat(&parent.dir, name.as_c_str(), SFlag::S_IFCHR, mode, device),
            _ => mknodat(&parent.dir, name.as_c_str(), SFlag::S_IFBLK, mode, device),
        };
        let made = match make() {
            Err(Errno::EEXIST) => {
                self.make_way(path, parent, name)?;
                make()
            }
            other => other,
        };
        match made {
            // No devices in a user namespace: it stays in the header stream only, as with the peers.
            Err(Errno::EPERM) if matches!(entry.kind, Kind::Char | Kind::Block) => return Ok(()),
            other => other?,
        }
        let (uid, gid) = self.owner(entry)?;
        if (uid, gid) != (0, 0) {
            let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            fchownat(&parent.dir, name.as_c_str(), uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        }
        if entry.kind != Kind::Symlink && entry.mode & 0o7000 != 0 {
            // Made by us a moment ago in a directory that nobody else writes: not a link.
            let mode = Mode::from_bits_truncate(entry.mode);
            fchmodat(&parent.dir, name.as_c_str(), mode, FchmodatFlags::FollowSymlink)?;
        }
        let mtime = time(entry.mtime);
        utimensat(&parent.dir, name.as_c_str(), &mtime, &mtime, UtimensatFlags::NoFollowSymlink)?;
        Ok(())
    }

    /// A name of the layers below is gone.
    fn hide(&mut self, above: &[u8], name: &[u8]) -> Result<()> {
        let path = join(above, name);
        let parent = self.parent(above)?;
        let name = c_name(name)?;
        let there = fstatat(&parent.dir, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW);
        match there {
            // This layer's own entries stay; a directory of ours must not show what is gone.
            Ok(there) if kind(&there) == SFlag::S_IFDIR => return self.hide_all(&path),
            Ok(_) => return Ok(()),
            Err(Errno::ENOENT) => {}
            Err(error) => return Err(error.into()),
        }
        if self.options.plain_marks {
            self.remember(path.len())?;
            self.gone.insert(path);
            return Ok(());
        }
        mknodat(&parent.dir, name.as_c_str(), SFlag::S_IFCHR, Mode::empty(), 0)?;
        Ok(())
    }

    /// All that the layers below have in a directory is gone. Whoever started us marks it: that takes more rights.
    fn hide_all(&mut self, path: &[u8]) -> Result<()> {
        self.parent(path)?;
        self.remember(path.len())?;
        self.opaque.insert(path.to_vec());
        Ok(())
    }

    /// Moves away what an entry replaces. Contents that the header stream refers to are kept.
    fn make_way(&mut self, path: &[u8], parent: &Parent, name: &CString) -> Result<()> {
        let there = fstatat(&parent.dir, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
        self.last = None;
        self.parents.clear();
        if kind(&there) != SFlag::S_IFDIR {
            return match self.contents.remove(&there.st_ino) {
                Some(number) => {
                    let to = c_name(number.to_string().as_bytes())?;
                    renameat(&parent.dir, name.as_c_str(), &self.kept_dir, to.as_c_str())?;
                    self.kept.push(number);
                    Ok(())
                }
                None => Ok(unlinkat(&parent.dir, name.as_c_str(), UnlinkatFlags::NoRemoveDir)?),
            };
        }
        self.moved += 1;
        let aside = c_name(format!("tree{}", self.moved).as_bytes())?;
        renameat(&parent.dir, name.as_c_str(), &self.kept_dir, aside.as_c_str())?;
        let beneath = join(path, b"");
        self.finish.retain(|other, _| other != path && !other.starts_with(&beneath));
        self.implicit.retain(|other| other != path && !other.starts_with(&beneath));
        self.gone.retain(|other| !other.starts_with(&beneath));
        self.opaque.retain(|other| other != path && !other.starts_with(&beneath));
        self.dangling.retain(|(other, _)| !other.starts_with(&beneath));
        let (contents, kept, kept_dir) = (&mut self.contents, &mut self.kept, &self.kept_dir);
        tree::visit(&self.kept_dir, &aside, &mut |dir, name| {
            let there = fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            if let Some(number) = contents.remove(&there.st_ino) {
                let to = CString::new(number.to_string()).map_err(|_| Errno::EINVAL)?;
                renameat(dir, name, kept_dir, to.as_c_str())?;
                kept.push(number);
            }
            Ok(())
        })?;
        tree::remove_at(&self.kept_dir, &aside)?;
        Ok(())
    }

    /// The directory of this (clean) path, made if need be.
    fn parent(&mut self, path: &[u8]) -> Result<Parent> {
        if let Some((last, parent)) = &self.last
            && last == path
        {
            return Ok(parent.clone());
        }
        let parent = match self.parents.get(path) {
            Some(parent) => parent.clone(),
            None => {
                let parent = self.open_or_make(path, 0)?;
                if self.parents.len() >= CACHE {
                    self.parents.clear();
                }
                self.parents.insert(path.to_vec(), parent.clone());
                parent
            }
        };
        self.last = Some((path.to_vec(), parent.clone()));
        Ok(parent)
    }

    fn open_or_make(&mut self, path: &[u8], links: u32) -> Result<Parent> {
        match self.open_dir(path) {
            Ok(parent) => return Ok(parent),
            Err(Errno::ENOENT) => {}
            Err(Errno::ENOTDIR) => bail!(invalid("what should be a directory above it is not")),
            Err(error) => return Err(error.into()),
        }
        ensure!(links < 40, invalid("too many symbolic links above it"));
        let (above, name) = split(path);
        let parent = self.open_or_make(above, links)?;
        let name = c_name(name)?;
        match mkdirat(&parent.dir, name.as_c_str(), Mode::from_bits_truncate(0o755)) {
            Ok(()) => {
                self.remember(path.len())?;
                self.implicit.insert(path.to_vec());
                Ok(self.open_dir(path)?)
            }
            Err(Errno::EEXIST) => {
                // A link to what only the layers below have, or what is gone.
                let there = fstatat(&parent.dir, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
                ensure!(kind(&there) == SFlag::S_IFLNK, invalid("what should be a directory above it is not"));
                let target = readlinkat(&parent.dir, name.as_c_str())?.into_vec();
                let target = if target.starts_with(b"/") { target } else { join(above, &target) };
                self.open_or_make(&resolve_text(&target), links + 1)?;
                Ok(self.open_dir(path)?)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn open_dir(&self, path: &[u8]) -> std::result::Result<Parent, Errno> {
        if path.is_empty() {
            return Ok(Parent { dir: self.root.clone(), through_link: false });
        }
        let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
        let open = |resolve| openat2((*self.root).as_fd(), &path, OPEN_DIR, 0, resolve).map_err(|error| errno(&error));
        match open(Resolve::NoSymlinks) {
            Err(Errno::ELOOP) => open(Resolve::InRoot).map(|dir| Parent { dir: Rc::new(dir), through_link: true }),
            other => other.map(|dir| Parent { dir: Rc::new(dir), through_link: false }),
        }
    }

    fn finish_directories(&mut self) -> Result<()> {
        self.last = None;
        self.parents.clear();
        // Those that nobody described: what the peers make, until the layers below are known.
        for path in &self.implicit {
            let finish = Finish { mode: 0o755, owner: (0, 0), mtime: (0, 0), xattrs: Vec::new() };
            self.finish.entry(path.clone()).or_insert(finish);
        }
        let mut all: Vec<_> = std::mem::take(&mut self.finish).into_iter().collect();
        // Deepest first: a directory without permissions must not hinder those beneath it.
        all.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        for (path, finish) in all {
            let Ok(parent) = self.open_dir(&path) else { continue };
            let outcome = (|| -> Result<()> {
                if finish.owner != (0, 0) {
                    let (uid, gid) = finish.owner;
                    fchown(&*parent.dir, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
                }
                if finish.mode != 0o755 {
                    fchmod(&*parent.dir, Mode::from_bits_truncate(finish.mode))?;
                }
                set_attributes(&*parent.dir, &finish.xattrs)?;
                let mtime = time(finish.mtime);
                futimens(&*parent.dir, &mtime, &mtime)?;
                Ok(())
            })();
            outcome.with_context(|| format!("layer entry {:?}", String::from_utf8_lossy(&path)))?;
        }
        Ok(())
    }

    fn owner(&self, entry: &Entry) -> Result<(u32, u32)> {
        if self.options.squash {
            return Ok((0, 0));
        }
        let id = |value: u64| u32::try_from(value).ok().filter(|id| *id != u32::MAX);
        let (Some(uid), Some(gid)) = (id(entry.uid), id(entry.gid)) else {
            bail!(invalid("an owner is out of range"));
        };
        Ok((uid, gid))
    }

    /// In plain words when the disk is full after all: others write to it too.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        if !is_no_room(&error) || Fault::of(&error).is_some() {
            return error;
        }
        match nix::sys::statvfs::fstatvfs(&*self.root) {
            Ok(room) if room.files() > 0 && room.files_available() == 0 => no_room("no inodes left on device"),
            _ => no_room("no space left on device"),
        }
    }

    /// Stops before the disk is full: others live on it too.
    fn look(&mut self) -> Result<()> {
        self.since_look = (0, 0);
        if !trip::guard("store.layer.room") {
            return Ok(());
        }
        let room = nix::sys::statvfs::fstatvfs(&*self.root)?;
        let unit = room.fragment_size();
        let reserve = (room.blocks() * unit / 20).min(1 << 30);
        ensure!(room.blocks_available() * unit >= reserve, no_room("no space left on device"));
        let reserve = (room.files() / 20).min(10_000);
        // File systems without a table of inodes say 0.
        ensure!(room.files() == 0 || room.files_available() >= reserve, no_room("no inodes left on device"));
        Ok(())
    }
}

/// Whether an error says that the disk is full.
pub(super) fn is_no_room(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let errno = cause.downcast_ref::<Errno>().copied();
        let errno = errno.or_else(|| cause.downcast_ref::<std::io::Error>().map(errno_of));
        matches!(errno, Some(Errno::ENOSPC | Errno::EDQUOT))
            || cause.downcast_ref::<Fault>().is_some_and(|fault| fault.kind == FaultKind::Unavailable)
    })
}

fn errno_of(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

pub(super) fn no_room(why: &str) -> anyhow::Error {
    let fault = Fault::new(FaultKind::Unavailable, format!("unpacking the layer: {why}"));
    fault.hint("`barge image prune` and `barge rm` give space back").into()
}

fn invalid(why: &str) -> anyhow::Error {
    Fault::invalid(why).into()
}

fn errno(error: &std::io::Error) -> Errno {
    errno_of(error)
}

pub(super) fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

pub(super) fn is_whiteout(stat: &FileStat) -> bool {
    kind(stat) == SFlag::S_IFCHR && stat.st_rdev == 0
}

fn time((seconds, nanos): (i64, u32)) -> TimeSpec {
    TimeSpec::new(seconds, i64::from(nanos))
}

fn write_all(file: &OwnedFd, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match nix::unistd::write(file, bytes) {
            Ok(0) => bail!(Errno::EIO),
            Ok(length) => bytes = &bytes[length..],
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn set_attributes(fd: impl AsFd, xattrs: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
    let fd: BorrowedFd<'_> = fd.as_fd();
    for (name, value) in xattrs {
        if !attribute_is_allowed(name) {
            continue;
        }
        match xattr::set(fd, &c_name(name)?, value) {
            // The file system can't hold it, or a user namespace may not set it: the header stream has it.
            Err(error) if matches!(errno(&error), Errno::EOPNOTSUPP | Errno::EPERM) => {}
            outcome => outcome.with_context(|| format!("setting {}", String::from_utf8_lossy(name)))?,
        }
    }
    Ok(())
}

fn c_name(name: &[u8]) -> Result<CString> {
    CString::new(name).map_err(|_| invalid("a name has a zero byte"))
}

/// A path as text without empty parts, `.` and `..`; one that leaves the root is refused.
pub(super) fn clean(path: &[u8]) -> Result<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if !trip::guard("store.layer.clean") => parts.push(part),
            b".." => ensure!(parts.pop().is_some(), invalid("its path leads out of the layer")),
            part => parts.push(part),
        }
    }
    Ok(parts.join(&b'/'))
}

/// As [`clean`], for the targets of links: `..` stops at the root.
fn resolve_text(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// The directory part and the last part.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

fn join(above: &[u8], name: &[u8]) -> Vec<u8> {
    if above.is_empty() { name.to_vec() } else { [above, b"/", name].concat() }
}
