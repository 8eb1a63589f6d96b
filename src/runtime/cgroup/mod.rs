//! Counting and limiting the processes of a container. Every limit is applied or refused by name.

use anyhow::Result;
use oci_spec::runtime::LinuxResources;
use serde::{Deserialize, Serialize};

/// Where a container is counted; enough to find its cgroup again from any process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// 1 (hybrid) or 2.
    pub version: u8,
    /// Below the root of each hierarchy, with a leading slash.
    pub path: String,
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
pub trait CgroupDriver {
    /// Makes the cgroup with these limits; what can't be applied is an `Unsupported` fault that names it.
    fn create(&self, resources: &LinuxResources) -> Result<()>;
    /// Changes limits of an existing one.
    fn update(&self, resources: &LinuxResources) -> Result<()>;
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

/// The cgroup at `place`.
pub fn open(place: &Place) -> Result<Box<dyn CgroupDriver>> {
    let _ = place;
    todo!()
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
}

/// Looks at this host.
pub fn host() -> Result<Host> {
    todo!()
}
