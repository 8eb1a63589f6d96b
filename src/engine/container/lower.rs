//! Small files of a container's root, read without mounting it.
//!
//! A container's root exists only in the mount namespace of its processes. To know who `-u web` is, two files must be
//! read before that; a mount for it would cost more than the rest of a start. So the layers are asked, top first, by
//! the overlay's own rules: whiteouts and opaque directories hide what lies below.

use crate::store::RootMount;
use crate::sys::path::{Resolve, openat2, stat_at};
use anyhow::Result;
use std::ffi::CString;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// What a name in the merged tree is.
enum Found {
    File(Vec<u8>),
    Directory,
    Link(PathBuf),
    /// Something that is never read: a device, a FIFO, a huge file.
    Strange,
}

/// The file at `path` of the merged tree, when it is a regular one of at most `limit` bytes.
pub(super) fn read(root: &RootMount, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
    let layers: Vec<&Path> = match root {
        RootMount::Directory(dir) => vec![dir],
        RootMount::Overlay { lower, upper, .. } => std::iter::once(upper).chain(lower).map(PathBuf::as_path).collect(),
    };
    let handles = layers.iter().map(|dir| crate::sys::path::Root::open(dir)).collect::<io::Result<Vec<_>>>()?;
    let mut todo: Vec<String> = parts(path);
    let mut done = String::new();
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == ".." {
            done.truncate(done.rfind('/').unwrap_or(0));
            continue;
        }
        let here = if done.is_empty() { name } else { format!("{done}/{name}") };
        match look(&handles, &here, limit)? {
            None | Some(Found::Strange) => return Ok(None),
            Some(Found::Directory) => done = here,
            Some(Found::File(bytes)) => return Ok(todo.is_empty().then_some(bytes)),
            Some(Found::Link(target)) => {
                links += 1;
                if links > 40 {
                    return Ok(None);
                }
                if target.is_absolute() {
                    done.clear();
                }
                todo.extend(parts(&target.to_string_lossy()));
            }
        }
    }
    Ok(None)
}

/// The names in a path, last first.
fn parts(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_string).rev().collect()
}

/// One name whose parents are known to be directories.
fn look(layers: &[crate::sys::path::Root], path: &str, limit: u64) -> Result<Option<Found>> {
    let name = CString::new(path)?;
    for layer in layers {
        // O_PATH opens anything without touching it; no link is followed anywhere.
        let handle = match openat2(layer.as_fd(), &name, libc::O_PATH | libc::O_NOFOLLOW, 0, Resolve::NoSymlinks) {
            Ok(handle) => handle,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                if hides_below(layer, path) {
                    return Ok(None);
                }
                continue;
            }
            // A whiteout, a file or a link stands where the upper layers have a directory: nothing below shows.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTDIR | libc::ELOOP)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stat = stat_at(handle.as_fd(), c"")?;
        return Ok(match stat.st_mode & libc::S_IFMT {
            libc::S_IFDIR => Some(Found::Directory),
            libc::S_IFLNK => Some(Found::Link(nix::fcntl::readlinkat(&handle, "")?.into())),
            libc::S_IFREG if stat.st_size as u64 <= limit => {
                let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOFOLLOW;
                let file = std::fs::File::from(openat2(layer.as_fd(), &name, flags, 0, Resolve::NoSymlinks)?);
                let mut bytes = Vec::with_capacity(stat.st_size as usize);
                file.take(limit).read_to_end(&mut bytes)?;
                Some(Found::File(bytes))
            }
            // A whiteout: 0:0.
            libc::S_IFCHR if stat.st_rdev == 0 => None,
            _ => Some(Found::Strange),
        });
    }
    Ok(None)
}

/// Whether one of `path`'s parents in this layer is opaque, so that the layers below don't show there.
fn hides_below(layer: &crate::sys::path::Root, path: &str) -> bool {
    let mut end = path.rfind('/');
    while let Some(at) = end {
        let parent = &path[..at];
        if let Ok(name) = CString::new(parent) {
            let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
            if let Ok(dir) = openat2(layer.as_fd(), &name, flags, 0, Resolve::NoSymlinks) {
                if is_opaque(&dir) {
                    return true;
                }
            }
        }
        end = parent.rfind('/');
    }
    false
}

fn is_opaque(dir: &std::os::fd::OwnedFd) -> bool {
    [c"trusted.overlay.opaque", c"user.overlay.opaque"]
        .iter()
        .any(|name| crate::sys::xattr::get(dir, name).is_ok_and(|value| value.as_deref() == Some(&b"y"[..])))
}
