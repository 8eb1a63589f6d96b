//! Who holds which container name: one symbolic link per name, made atomically, so that two can't have it.

use super::{Store, lock};
use crate::fault::Fault;
use crate::model::id::ContainerId;
use crate::model::name::Name;
use anyhow::{Context, Result};
use nix::fcntl::FlockArg;
use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;

/// The id that holds the name.
pub(super) fn lookup(store: &Store, name: &Name) -> Result<Option<ContainerId>> {
    let path = store.layout().name(name);
    match std::fs::read_link(&path) {
        Ok(target) => Ok(target.to_str().and_then(|text| text.parse().ok())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Takes a name for `id`, whose directory must exist already: a name without one is a crash's and is given away.
pub(super) fn reserve(store: &Store, name: &Name, id: &ContainerId) -> Result<()> {
    let path = store.layout().name(name);
    loop {
        match symlink(id.as_str(), &path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("reserving the name {name}")),
        }
        // Only one at a time decides that a name is nobody's, so that nobody takes away the next one's.
        let _lock = lock::lock(File::open(store.layout().names())?, FlockArg::LockExclusive)?;
        match lookup(store, name)? {
            Some(holder) if holder == *id => return Ok(()),
            Some(holder) if holds(store, &holder, name)? => {
                return Err(Fault::conflict(format!(
                    "the container name \"{name}\" is already in use by {holder}. You have to remove that container \
                     to be able to reuse that name: that name is already in use"
                ))
                .hint(format!("`barge rm {name}` removes it; with --replace the new container takes its place"))
                .into());
            }
            _ => remove(&path)?,
        }
    }
}

/// Gives a name back, if `id` holds it.
pub(super) fn release(store: &Store, name: &Name, id: &OsStr) -> Result<()> {
    let path = store.layout().name(name);
    match std::fs::read_link(&path) {
        Ok(target) if target.as_os_str() == id => remove(&path),
        _ => Ok(()),
    }
}

/// Whether a container is there that has this name, or is on its way to it.
pub(super) fn holds(store: &Store, id: &ContainerId, name: &Name) -> Result<bool> {
    if !store.layout().container(id).is_dir() || store.heal_container(id)? {
        return Ok(false);
    }
    // Renamed away by somebody who died before he gave the old name back?
    match store.try_lock_container(id) {
        Ok(Some(container)) => Ok(container.name == *name),
        Ok(None) => Ok(true),
        Err(_) => Ok(store.layout().container(id).is_dir()),
    }
}

fn remove(path: &std::path::Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
