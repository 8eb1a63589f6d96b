//! A container's root, read without mounting it.
//!
//! A container's root exists only in the mount namespace of its processes. To know who `-u web` is, two files must be
//! read before that; a mount for it would cost more than the rest of a start, and an ordinary user's command may not
//! mount at all. So the layers are asked, top first, by the overlay's own rules: whiteouts and opaque directories hide
//! what lies below.

use crate::store::RootMount;
use crate::sys::path::{Resolve, Root, openat2, stat_at};
use anyhow::Result;
use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The merged tree of a container's layers.
pub(super) struct Tree {
    /// Top first.
    layers: Vec<Root>,
}

/// One name in the merged tree, in the layer that shows it.
pub(super) struct Entry {
    /// An `O_PATH` handle on it.
    pub handle: OwnedFd,
    /// What it is.
    pub stat: libc::stat,
    /// In which layer, from the top.
    layer: usize,
}

impl Entry {
    /// `S_IFREG`, `S_IFDIR` …
    pub(super) fn kind(&self) -> u32 {
        self.stat.st_mode & libc::S_IFMT
    }
}

impl Tree {
    pub(super) fn open(root: &RootMount) -> Result<Tree> {
        let dirs: Vec<&Path> = match root {
            RootMount::Directory(dir) => vec![dir],
            RootMount::Overlay { lower, upper, .. } => {
                std::iter::once(upper).chain(lower).map(PathBuf::as_path).collect()
            }
        };
        Tree::of(&dirs)
    }

    /// Of directories, top first.
    pub(super) fn of(dirs: &[impl AsRef<Path>]) -> Result<Tree> {
        Ok(Tree { layers: dirs.iter().map(|dir| Root::open(dir.as_ref())).collect::<io::Result<_>>()? })
    }

    /// The regular file at `path`, links followed within the tree, when it has at most `limit` bytes.
    pub(super) fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some((path, entry)) = self.find(path)? else { return Ok(None) };
        if entry.kind() != libc::S_IFREG || entry.stat.st_size as u64 > limit {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(entry.stat.st_size as usize);
        self.open_file(&path, &entry)?.take(limit).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// What `path` leads to, with links followed within the tree; and its path without links.
    pub(super) fn find(&self, path: &str) -> Result<Option<(PathBuf, Entry)>> {
        let mut todo: Vec<OsString> = parts(Path::new(path));
        let mut done = PathBuf::new();
        let mut last = None;
        let mut links = 0;
        while let Some(name) = todo.pop() {
            last = None;
            if name == ".." {
                done.pop();
                continue;
            }
            let here = done.join(&name);
            let Some(entry) = self.look(&here)? else { return Ok(None) };
            match entry.kind() {
                libc::S_IFLNK => {
                    links += 1;
                    if links > 40 {
                        return Ok(None);
                    }
                    let target = PathBuf::from(nix::fcntl::readlinkat(&entry.handle, "")?);
                    if target.is_absolute() {
                        done = PathBuf::new();
                    }
                    todo.extend(parts(&target));
                }
                libc::S_IFDIR => {
                    done = here;
                    last = Some(entry);
                }
                _ if todo.is_empty() => return Ok(Some((here, entry))),
                _ => return Ok(None),
            }
        }
        match last {
            Some(entry) => Ok(Some((done, entry))),
            // The path ended in `..`, or is the root itself.
            None => Ok(self.look(&done)?.map(|entry| (done, entry))),
        }
    }

    /// Opens a regular file that [`Tree::find`] or [`Tree::children`] has found.
    pub(super) fn open_file(&self, path: &Path, entry: &Entry) -> Result<File> {
        let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOFOLLOW;
        Ok(openat2(self.layers[entry.layer].as_fd(), &c_path(path)?, flags, 0, Resolve::NoSymlinks)?.into())
    }

    /// What is in the directory `path`, which has no links in it.
    pub(super) fn children(&self, path: &Path) -> Result<BTreeMap<OsString, Entry>> {
        let mut hidden = std::collections::BTreeSet::new();
        let mut found = BTreeMap::new();
        let name = c_path(path)?;
        for (number, layer) in self.layers.iter().enumerate() {
            let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
            let dir = match openat2(layer.as_fd(), &name, flags, 0, Resolve::NoSymlinks) {
                Ok(dir) => dir,
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) && !hides_below(layer, path) => continue,
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP)) => break,
                Err(error) => return Err(error.into()),
            };
            let opaque = is_opaque(&dir);
            let root = Root::from_fd(dir);
            for name in root.names(".")? {
                if hidden.contains(&name) {
                    continue;
                }
                let flags = libc::O_PATH | libc::O_NOFOLLOW;
                let handle = openat2(root.as_fd(), &c_path(Path::new(&name))?, flags, 0, Resolve::NoSymlinks)?;
                let stat = stat_at(handle.as_fd(), c"")?;
                hidden.insert(name.clone());
                if !is_whiteout(&stat) {
                    found.insert(name, Entry { handle, stat, layer: number });
                }
            }
            if opaque {
                break;
            }
        }
        Ok(found)
    }

    /// One name whose parents are known to be directories.
    fn look(&self, path: &Path) -> Result<Option<Entry>> {
        let name = c_path(path)?;
        for (number, layer) in self.layers.iter().enumerate() {
            // O_PATH opens anything without touching it; no link is followed anywhere.
            let handle = match openat2(layer.as_fd(), &name, libc::O_PATH | libc::O_NOFOLLOW, 0, Resolve::NoSymlinks) {
                Ok(handle) => handle,
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) && !hides_below(layer, path) => continue,
                // A whiteout, a file or a link stands where upper layers have a directory: nothing below shows.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP)) => {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            };
            let stat = stat_at(handle.as_fd(), c"")?;
            return Ok((!is_whiteout(&stat)).then_some(Entry { handle, stat, layer: number }));
        }
        Ok(None)
    }
}

/// The names in a path, last first.
fn parts(path: &Path) -> Vec<OsString> {
    use std::path::Component;
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    names.collect::<Vec<_>>().into_iter().rev().collect()
}

fn c_path(path: &Path) -> Result<CString> {
    let bytes = path.as_os_str().as_bytes();
    Ok(CString::new(if bytes.is_empty() { b"." } else { bytes })?)
}

fn is_whiteout(stat: &libc::stat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFCHR && stat.st_rdev == 0
}

/// Whether one of `path`'s parents in this layer is opaque, so that the layers below don't show there.
fn hides_below(layer: &Root, path: &Path) -> bool {
    path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()).any(|parent| {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let name = c_path(parent);
        name.is_ok_and(|name| {
            openat2(layer.as_fd(), &name, flags, 0, Resolve::NoSymlinks).is_ok_and(|dir| is_opaque(&dir))
        })
    })
}

fn is_opaque(dir: &OwnedFd) -> bool {
    [c"trusted.overlay.opaque", c"user.overlay.opaque"]
        .iter()
        .any(|name| crate::sys::xattr::get(dir, name).is_ok_and(|value| value.as_deref() == Some(&b"y"[..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree(dir: &Path) -> Tree {
        let root = RootMount::Overlay {
            lower: vec![dir.join("middle"), dir.join("bottom")],
            upper: dir.join("top"),
            work: dir.join("work"),
            volatile: false,
            userxattr: false,
        };
        Tree::open(&root).unwrap()
    }

    fn file(dir: &Path, path: &str, text: &str) {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn upper_layers_are_seen_first_and_links_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        for (path, text) in [
            ("top/etc/x", ""),
            ("middle/etc/passwd", "middle"),
            ("bottom/etc/passwd", "bottom"),
            ("bottom/etc/group", "bottom"),
            ("bottom/real/file", "real"),
            ("bottom/etc/file", "x"),
        ] {
            file(dir, path, text);
        }
        file(dir, "secret", "secret");
        symlink("/real", dir.join("middle/link")).unwrap();
        symlink("../../../secret", dir.join("middle/leak")).unwrap();
        symlink("loop", dir.join("middle/loop")).unwrap();
        symlink("/etc/group", dir.join("top/etc/file")).unwrap();
        let tree = tree(dir);
        for (path, text) in [
            ("/etc/passwd", Some("middle")),
            ("etc/group", Some("bottom")),
            ("/link/file", Some("real")),
            ("/etc/file", Some("bottom")),
            ("/etc/../etc/passwd", Some("middle")),
            ("/../etc/passwd", Some("middle")),
            ("/leak", None),
            ("/loop", None),
            ("/etc", None),
            ("/nothing/here", None),
            ("/etc/passwd/x", None),
        ] {
            assert_eq!(tree.read(path, 100).unwrap().as_deref(), text.map(str::as_bytes), "{path}");
        }
        assert_eq!(tree.read("/etc/passwd", 3).unwrap(), None);
        let names: Vec<_> = tree.children(Path::new("etc")).unwrap().into_keys().collect();
        assert_eq!(names, ["file", "group", "passwd", "x"]);
    }
}
