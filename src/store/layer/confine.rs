//! Shutting the unpacker in: whatever a layer's bytes make it do, it can reach that layer's directory and no more.

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{fchdir, pivot_root};
use std::os::fd::{AsRawFd, OwnedFd};

/// Leaves the host: own mount, network and IPC namespaces, `dir` as the root, few capabilities, few system calls.
/// Must be called while there is one thread. Returns a handle on `dir` inside.
pub(super) fn enter(dir: OwnedFd) -> Result<OwnedFd> {
    match unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC) {
        // In somebody's container, without the right to make namespaces: the unpacker writes beneath one directory
        // handle only, confined or not.
        Err(Errno::EPERM) => {
            log::warn!("unpacking without confinement: namespaces can't be made here");
            return Ok(dir);
        }
        other => other.context("making namespaces")?,
    }
    const NONE: Option<&str> = None;
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).context("making mounts private")?;
    // The handle belongs to the mount namespace that was left: its path leads to the same directory in ours.
    let path = std::fs::read_link(format!("/proc/self/fd/{}", dir.as_raw_fd()))?;
    mount(Some(&path), &path, NONE, MsFlags::MS_BIND, NONE).context("binding the layer's directory")?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let top = open(&path, flags, Mode::empty())?;
    let (ours, there) = (fstat(&dir)?, fstat(&top)?);
    ensure!((ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino), "the layer's directory was replaced");
    drop(dir);
    fchdir(&top)?;
    pivot_root(".", ".").context("entering the layer's directory")?;
    umount2(".", MntFlags::MNT_DETACH).context("leaving the host's root")?;
    drop(top);
    nix::unistd::chdir("/")?;
    Ok(open("/", flags, Mode::empty())?)
}
