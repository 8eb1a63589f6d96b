//! Device nodes and links in `/dev`.

use super::{Builder, open_host, text};
use crate::fault::Fault;
use crate::runtime::step::{Make, Node, Source, Step, Target};
use crate::sys::mount;
use crate::sys::path;
use anyhow::{Context, Result};
use oci_spec::runtime::{LinuxDevice, LinuxDeviceType};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Every container has these.
const DEFAULT: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// One device to be.
struct Wanted {
    path: PathBuf,
    mode: u32,
    major: u32,
    minor: u32,
    uid: u32,
    gid: u32,
}

impl Builder<'_> {
    /// Makes nodes and links in the tmpfs that will be `/dev`, before it is anywhere.
    pub(super) fn devices(&mut self) -> Result<()> {
        let Some(dev) = self.dev else { return Ok(()) };
        if !self.in_user_namespace() {
            for wanted in self.wanted() {
                if wanted.path.parent() == Some(Path::new("/dev")) {
                    let step = node(&wanted, Some(dev))?;
                    self.push(step);
                }
            }
        }
        for (target, name) in LINKS {
            self.push(Step::Symlink { slot: dev, target: text(target)?, name: text(name)? });
        }
        Ok(())
    }

    /// Those that lie elsewhere, and, where nodes can't be made, copies of the host's.
    pub(super) fn device_nodes(&mut self) -> Result<()> {
        let bind = self.in_user_namespace();
        let in_ours = self.dev.is_some();
        for wanted in self.wanted() {
            if bind {
                let source = Source::Given(host_device(&wanted)?);
                let target = Target { path: text(&wanted.path)?, make: Make::File, real: false };
                self.push(Step::Attach { source, target });
            } else if !in_ours || wanted.path.parent() != Some(Path::new("/dev")) {
                let step = node(&wanted, None)?;
                self.push(step);
            }
        }
        Ok(())
    }

    /// The spec's devices, and the default ones that it does not name.
    fn wanted(&self) -> Vec<Wanted> {
        let linux = self.bundle.spec.linux().as_ref();
        let named = linux.and_then(|linux| linux.devices().as_deref()).unwrap_or_default();
        let mut wanted: Vec<Wanted> = named.iter().map(of_spec).collect();
        for (name, major, minor) in DEFAULT {
            let path = Path::new("/dev").join(name);
            if !wanted.iter().any(|wanted| wanted.path == path) {
                wanted.push(Wanted { path, mode: libc::S_IFCHR | 0o666, major, minor, uid: 0, gid: 0 });
            }
        }
        wanted
    }
}

fn of_spec(device: &LinuxDevice) -> Wanted {
    let kind = match device.typ() {
        LinuxDeviceType::B => libc::S_IFBLK,
        LinuxDeviceType::P => libc::S_IFIFO,
        _ => libc::S_IFCHR,
    };
    Wanted {
        path: super::mounts::clean(device.path()),
        mode: kind | device.file_mode().unwrap_or(0o666) & 0o7777,
        major: device.major() as u32,
        minor: device.minor() as u32,
        uid: device.uid().unwrap_or(0),
        gid: device.gid().unwrap_or(0),
    }
}

fn node(wanted: &Wanted, slot: Option<usize>) -> Result<Step> {
    let parent = wanted.path.parent().unwrap_or(Path::new("/"));
    let name = wanted.path.file_name().ok_or_else(|| Fault::invalid("a device needs a name"))?;
    Ok(Step::Node(Node {
        slot,
        parent: text(parent)?,
        name: text(name)?,
        mode: wanted.mode,
        device: libc::makedev(wanted.major, wanted.minor),
        uid: wanted.uid,
        gid: wanted.gid,
    }))
}

/// The host's node of the same device, as a mount that is nowhere yet.
fn host_device(wanted: &Wanted) -> Result<OwnedFd> {
    let device = libc::makedev(wanted.major, wanted.minor);
    let matches = |fd: &OwnedFd| {
        path::stat_at(fd.as_fd(), c"")
            .is_ok_and(|stat| stat.st_rdev == device && stat.st_mode & libc::S_IFMT == wanted.mode & libc::S_IFMT)
    };
    let mut found = open_host(&wanted.path, "device").ok().filter(matches);
    if found.is_none() {
        // It goes by another name here; sysfs knows which.
        let sort = if wanted.mode & libc::S_IFMT == libc::S_IFBLK { "block" } else { "char" };
        let path = format!("/sys/dev/{sort}/{}:{}/uevent", wanted.major, wanted.minor);
        let uevent = std::fs::read_to_string(path).unwrap_or_default();
        let name = uevent.lines().find_map(|line| line.strip_prefix("DEVNAME="));
        found = name.and_then(|name| open_host(&Path::new("/dev").join(name), "device").ok()).filter(matches);
    }
    let found = found
        .ok_or_else(|| Fault::not_found(format!("device {}: the host has no such device", wanted.path.display())))?;
    let tree = mount::clone_tree(found.as_fd(), c"", false)
        .with_context(|| format!("binding device {}", wanted.path.display()))?;
    super::rootfs::private(tree.as_fd())?;
    Ok(tree)
}

/// The host's null device, verified to be one, as a mount that is nowhere yet.
pub fn null() -> Result<OwnedFd> {
    host_device(&Wanted { path: "/dev/null".into(), mode: libc::S_IFCHR, major: 1, minor: 3, uid: 0, gid: 0 })
}
