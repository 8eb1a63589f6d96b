//! Layers for a container with a user namespace of its own: unpacked and kept with the engine's owners, shown with the
//! container's: every layer is an id-mapped copy of its mount, so no file of an image is ever chowned or copied.

use super::open_host;
use super::rootfs::{Layers, Overlay};
use crate::fault::{Fault, Kind};
use crate::runtime::Bundle;
use crate::sys::mount;
use crate::sys::path::{chown_fd, stat_at};
use anyhow::{Context, Result};
use oci_spec::runtime::LinuxIdMapping;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// The layers' mounts with the ids of `user_namespace`; what is written lies on the disk with the ids that those are
/// outside, because whoever makes the overlay, our root, has no id in such a mount to make its work directory with.
pub fn layers(overlay: &Overlay, user_namespace: BorrowedFd<'_>, bundle: &Bundle) -> Result<Layers> {
    let lower = overlay.lower.iter().map(|path| copy(path, user_namespace)).collect::<Result<Vec<_>>>()?;
    let (upper, work) = (open_host(overlay.upper, "layer directory")?, open_host(overlay.work, "layer directory")?);
    let linux = bundle.spec.linux().as_ref();
    let maps = linux.map(|linux| (linux.uid_mappings().as_deref(), linux.gid_mappings().as_deref()));
    let (uids, gids) = maps.unwrap_or_default();
    let stat = stat_at(upper.as_fd(), c"")?;
    let uid = outside(uids.unwrap_or_default(), stat.st_uid);
    let gid = outside(gids.unwrap_or_default(), stat.st_gid);
    if (uid, gid) != (stat.st_uid, stat.st_gid) {
        chown_fd(upper.as_fd(), Some(uid), Some(gid)).with_context(|| format!("chown {}", overlay.upper.display()))?;
    }
    Ok(Layers { lower, upper, work })
}

/// What an id is outside; one that is an outside one already (of an earlier start) stays.
fn outside(map: &[LinuxIdMapping], id: u32) -> u32 {
    let within = |first: u32, count: u32| id >= first && id - first < count;
    if map.iter().any(|line| within(line.host_id(), line.size())) {
        return id;
    }
    let line = map.iter().find(|line| within(line.container_id(), line.size()));
    line.map_or(id, |line| line.host_id() + (id - line.container_id()))
}

/// A detached copy of the mount from `path` on, showing the ids of `user_namespace`.
pub fn copy(path: &Path, user_namespace: BorrowedFd<'_>) -> Result<OwnedFd> {
    let handle = open_host(path, "directory")?;
    let tree = mount::clone_tree(handle.as_fd(), c"", false).with_context(|| format!("binding {}", path.display()))?;
    map(&tree, path, user_namespace)?;
    Ok(tree)
}

/// Makes a detached mount show the ids of `user_namespace`.
pub fn map(tree: &OwnedFd, path: &Path, user_namespace: BorrowedFd<'_>) -> Result<()> {
    mount::map_ids(tree.as_fd(), user_namespace, false).map_err(|error| {
        let what = format!("showing {} with other owners: {error}", path.display());
        let hint = match error.raw_os_error() {
            Some(libc::EPERM) => "only root of the machine may map the ids of a mount",
            _ => "the file system that it is on must support id-mapped mounts (ext4, xfs, btrfs …)",
        };
        anyhow::Error::new(Fault::new(Kind::Unsupported, what).hint(hint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::LinuxIdMappingBuilder;

    #[test]
    fn ids_are_moved_once() {
        let line =
            LinuxIdMappingBuilder::default().container_id(0u32).host_id(100_000u32).size(1000u32).build().unwrap();
        for (id, wanted) in [(0, 100_000), (5, 100_005), (100_005, 100_005), (5000, 5000)] {
            assert_eq!(outside(&[line], id), wanted, "{id}");
        }
    }
}
