//! Counting and limiting the processes of a container. Every limit is applied or refused by name.

mod bus;
pub mod cpuset;
mod device;
mod settings;
pub mod systemd;
mod v1;
mod v2;

pub use settings::limits;
pub use systemd::Scope;

use crate::fault::{Fault, Kind};
use anyhow::Result;
use oci_spec::runtime::LinuxResources;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Where hierarchies are mounted.
pub const MOUNT: &str = "/sys/fs/cgroup";

/// Where a container is counted; enough to find its cgroup again from any process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// 1 (hybrid) or 2.
    pub version: u8,
    /// Below the root of each hierarchy, with a leading slash.
    pub path: String,
    /// systemd's, in which it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// What `stats` shows; `None` where nothing counts it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Stats {
    /// Nanoseconds.
    pub cpu_total: Option<u64>,
    pub cpu_user: Option<u64>,
    pub cpu_system: Option<u64>,
    /// Bytes, without the inactive page cache (as docker shows it).
    pub memory: Option<u64>,
    pub memory_limit: Option<u64>,
    pub pids: Option<u64>,
    pub pids_limit: Option<u64>,
    pub block_read: Option<u64>,
    pub block_write: Option<u64>,
}

/// One way to count and limit: v1's several hierarchies, or v2's one.
pub trait CgroupDriver: std::fmt::Debug {
    /// Makes the cgroup with these limits, also in hierarchies without any if it is to be `everywhere`; what can't be
    /// applied is an `Unsupported` fault that names it.
    fn create(&self, resources: &LinuxResources, everywhere: bool) -> Result<()>;
    /// Changes limits of an existing one.
    fn update(&self, resources: &LinuxResources) -> Result<()>;
    /// What a process uses to enter it.
    fn entrances(&self) -> Result<Vec<Entrance>>;
    /// The hierarchies in which it exists, by the names of their controllers; v2's has none.
    fn hierarchies(&self) -> Vec<String>;
    /// Stops all processes until [`CgroupDriver::thaw`]; returns when they stand still.
    fn freeze(&self) -> Result<()>;
    /// Lets them go on.
    fn thaw(&self) -> Result<()>;
    /// Whether they stand still.
    fn frozen(&self) -> Result<bool>;
    /// SIGKILL to every process in it, however fast they fork.
    fn kill(&self) -> Result<()>;
    /// The processes in it, and in cgroups below it.
    fn procs(&self) -> Result<Vec<i32>>;
    /// What it used.
    fn stats(&self) -> Result<Stats>;
    /// How often the kernel killed something in it for want of memory.
    fn oom_kills(&self) -> Result<u64>;
    /// Removes it, with the (empty) cgroups below it. A missing one is fine.
    fn remove(&self) -> Result<()>;
}

/// A way into a cgroup.
#[derive(Debug)]
pub struct Entrance {
    /// v1: the `tasks` file. v2: the directory.
    pub fd: OwnedFd,
    /// It is a directory of the v2 hierarchy, which a process can be born in.
    pub is_directory: bool,
    /// For messages.
    pub name: String,
}

impl Entrance {
    /// The file to write "0" into.
    pub fn tasks(self) -> Result<(OwnedFd, String)> {
        if !self.is_directory {
            return Ok((self.fd, self.name));
        }
        use nix::fcntl::{OFlag, openat};
        let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        Ok((openat(&self.fd, "cgroup.procs", flags, nix::sys::stat::Mode::empty())?, self.name))
    }
}

/// The cgroup at `place`.
pub fn open(place: &Place) -> Result<Box<dyn CgroupDriver>> {
    let path = Path::new(&place.path);
    if !path.is_absolute() || path.components().any(|part| part == std::path::Component::ParentDir) {
        return Err(Fault::invalid(format!("cgroup path {}: not absolute, or with `..`", place.path)).into());
    }
    Ok(match place.version {
        2 => Box::new(v2::V2::at(&place.path)),
        1 => Box::new(v1::V1::at(&place.path)?),
        version => return Err(Fault::new(Kind::Invalid, format!("cgroup version {version}")).into()),
    })
}

/// Where one more process of a container goes: a container that makes cgroups of its own (systemd, another engine) has
/// moved its first process down, and the kernel takes no process into a cgroup that gives controllers to others.
pub fn beside(place: &Place, pid: i32) -> Place {
    let inside = |path: &str| path.strip_prefix(&place.path).is_some_and(|rest| rest.starts_with('/'));
    let path = (place.version == 2).then(|| v2::cgroup_of(pid).ok()).flatten().filter(|path| inside(path));
    Place { path: path.unwrap_or_else(|| place.path.clone()), ..place.clone() }
}

/// The place for a container whose bundle says `path` (relative ones lie below what we may write to).
pub fn place(host: &Host, path: &str) -> Result<Place> {
    if path.contains(':') {
        let what = format!("cgroup {path}: this is a name for systemd, which was not asked to make cgroups");
        return Err(Fault::invalid(what).into());
    }
    let path = path.trim_matches('/');
    let path = if host.base.is_empty() { format!("/{path}") } else { format!("{}/{path}", host.base) };
    Ok(Place { version: host.version, path, scope: None })
}

/// What this host's cgroups can do, for `info` and for refusing limits early.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// 1 (also hybrid), 2, or 0 for none.
    pub version: u8,
    /// The controllers that we may use: all as root, the delegated ones otherwise.
    pub controllers: Vec<String>,
    /// Whether we may make cgroups at all.
    pub writable: bool,
    /// v2: the cgroup that was delegated to us, below which ours go; empty: the root.
    pub base: String,
}

/// Looks at this host.
pub fn host() -> Result<Host> {
    const TMPFS: i64 = 0x0102_1994;
    const CGROUP2: i64 = 0x6367_7270;
    use nix::fcntl::{OFlag, open};
    use std::os::fd::AsFd;
    let Ok(mount) = open(MOUNT, OFlag::O_PATH | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty()) else {
        return Ok(Host::default());
    };
    match crate::sys::path::file_system(mount.as_fd())? {
        CGROUP2 => v2::host(),
        TMPFS => v1::host(),
        _ => Ok(Host::default()),
    }
}
