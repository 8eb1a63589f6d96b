//! Who holds which container name: one symbolic link per name, made atomically, so that two can't have it.
//!
//! It leads to the id, packed into 43 characters: a file system keeps links of less than 60 in the inode, while the 64 digits
//! would take a block, which to make and to give back takes longer than all the rest of it.

use super::{Store, lock};
use crate::fault::Fault;
use crate::model::id::ContainerId;
use crate::model::name::Name;
use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nix::fcntl::FlockArg;
use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;

/// The id that holds the name.
pub(super) fn lookup(store: &Store, name: &Name) -> Result<Option<ContainerId>> {
    let path = store.layout().name(name);
    match std::fs::read_link(&path) {
        Ok(target) => Ok(target.to_str().and_then(unpacked)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Takes a name for `id`, whose directory must exist already: a name without one is a crash's and is given away.
pub(super) fn reserve(store: &Store, name: &Name, id: &ContainerId) -> Result<()> {
    let path = store.layout().name(name);
    loop {
        match symlink(packed(id), &path) {
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
    match lookup(store, name) {
        Ok(Some(holder)) if OsStr::new(holder.as_str()) == id => remove(&store.layout().name(name)),
        _ => Ok(()),
    }
}

fn packed(id: &ContainerId) -> String {
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or(0) as u8;
    let bytes: Vec<u8> = id.as_str().as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Also of the 64 digits, as they were kept once.
fn unpacked(text: &str) -> Option<ContainerId> {
    let bytes = || <[u8; 32]>::try_from(URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    text.parse().ok().or_else(|| bytes().map(ContainerId::from_bytes))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_packed_and_found_in_both_forms() {
        for id in [[0; 32], [0xff; 32], std::array::from_fn(|at| at as u8 * 7)].map(ContainerId::from_bytes) {
            assert_eq!(packed(&id).len(), 43);
            assert_eq!(unpacked(&packed(&id)).as_ref(), Some(&id));
            assert_eq!(unpacked(id.as_str()).as_ref(), Some(&id));
        }
        for text in ["", "abc", "../../etc/passwd", &"A".repeat(44), &"g".repeat(64)] {
            assert_eq!(unpacked(text), None, "{text}");
        }
    }
}
