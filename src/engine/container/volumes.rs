//! An image's VOLUMEs: directories of the container, filled with what the image has there.
//!
//! The source is only ever the image's own content, found without following a link out of it (CVE-2022-23648).

use super::ids::outside;
use super::lower::{Entry, Tree};
use crate::engine::Engine;
use crate::engine::bundle::Volume;
use crate::store::{Container, Place};
use crate::sys::path::{Root, chmod_fd, chown_fd, mkdirat};
use crate::sys::spawn::c_string;
use crate::sys::xattr;
use anyhow::{Context, Result};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Makes the directories of `volumes`, each with a copy of the image's content at its target. Durable when it returns,
/// if the container is.
pub(super) fn fill(engine: &Engine, container: &Container, volumes: &[Volume]) -> Result<()> {
    let dirs = container.dirs();
    let top = dirs.disk.join("volumes");
    let (volatile, owners) = (container.place == Place::Run, container.owners.as_ref());
    let tree = Tree::open(&engine.store.root_mount(&container.layers, dirs, volatile, owners)?)?;
    let root = owners.map(|owners| (outside(&owners.uids, 0), outside(&owners.gids, 0)));
    for volume in volumes {
        let dir = top.join(&volume.directory);
        std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        let to = Root::open(&dir)?;
        if let Some((uid, gid)) = root {
            chown_fd(to.as_fd(), uid, gid)?;
        }
        chmod_fd(to.as_fd(), 0o755)?;
        if let Some((path, entry)) = tree.find(&volume.target)?
            && entry.kind() == libc::S_IFDIR
        {
            copy_directory(&tree, &path, &entry, &to)
                .with_context(|| format!("copying what the image has at {}", volume.target))?;
        }
    }
    if container.place == Place::Disk {
        nix::unistd::syncfs(File::open(&top)?).context("writing the volumes to the disk")?;
    }
    Ok(())
}

fn copy_directory(tree: &Tree, path: &Path, entry: &Entry, to: &Root) -> Result<()> {
    for (name, child) in tree.children(path)? {
        let from = path.join(&name);
        match child.kind() {
            libc::S_IFDIR => {
                mkdirat(to.as_fd(), &c_string(&name)?, 0o700)?;
                copy_directory(tree, &from, &child, &to.open_real_dir(&name)?)?;
            }
            libc::S_IFLNK => {
                to.symlink(nix::fcntl::readlinkat(&child.handle, "")?, &name)?;
                to.chown(&name, Some(child.stat.st_uid), Some(child.stat.st_gid))?;
            }
            libc::S_IFREG => {
                let mut source = tree.open_file(&from, &child)?;
                let mut target = to.create_exclusive(&name, 0o600)?;
                io::copy(&mut source, &mut target)?;
                finish(&child, &source, &target)?;
            }
            // Devices, sockets and FIFOs mean nothing in a copy.
            _ => {}
        }
    }
    let here = to.open_with(".", libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
    chown_fd(here.as_fd(), Some(entry.stat.st_uid), Some(entry.stat.st_gid))?;
    Ok(chmod_fd(here.as_fd(), entry.stat.st_mode & 0o7777)?)
}

/// Owner, mode, attributes and time of a file. The owner first: a change of owner takes set-uid bits away.
fn finish(entry: &Entry, source: &File, target: &File) -> Result<()> {
    chown_fd(target.as_fd(), Some(entry.stat.st_uid), Some(entry.stat.st_gid))?;
    chmod_fd(target.as_fd(), entry.stat.st_mode & 0o7777)?;
    for name in xattr::list(source)? {
        let bytes = name.to_bytes();
        if bytes.starts_with(b"user.overlay.") || !(bytes.starts_with(b"user.") || bytes == b"security.capability") {
            continue;
        }
        if let Some(value) = xattr::get(source, &name)? {
            xattr::set(target, &name, &value)?;
        }
    }
    target.set_modified(source.metadata()?.modified()?)?;
    Ok(())
}
