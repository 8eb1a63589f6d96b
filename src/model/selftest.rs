//! What `selftest` sees in a container, and what it says of it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that the probe sees from inside; a plain value that comes out as JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// /proc/self/status: ids, capabilities, no-new-privileges.
    pub status: String,
    /// `PR_GET_SECUREBITS`
    pub secure_bits: i32,
    /// Open descriptors, by number: where they lead.
    pub descriptors: BTreeMap<u32, String>,
    /// /proc/self/uid_map
    pub uid_map: String,
    /// By kind: which namespace it is.
    pub namespaces: BTreeMap<String, String>,
    /// /proc/self/mountinfo
    pub mounts: String,
    /// /proc/self/attr/current: the security module's label.
    pub label: String,
    /// The keyring of the session, as the kernel describes it; `None`: it can't be asked.
    pub keyring: Option<String>,
    /// Files below /proc and /sys that may be written to, but for those of processes.
    pub writable: Vec<String>,
    /// How many files of the kernel were looked at.
    pub looked_at: usize,
    /// Paths that are to be hidden, and are not.
    pub visible: Vec<String>,
    /// Nodes below /dev.
    pub devices: Vec<Device>,
    /// Whether a device node can be made; the error if not.
    pub makes_nodes: Option<i32>,
    /// Devices that were opened by nodes of our own making.
    pub opened: Vec<String>,
    /// Standard streams and the controlling terminal, if they are terminals: name → what came of pushing a key.
    pub terminals: BTreeMap<String, i32>,
    /// Sockets in the network namespace that have abstract names.
    pub abstract_sockets: Vec<String>,
    /// Sockets in the file system.
    pub sockets: Vec<String>,
    /// Processes in sight that are not the probe's own: pid → name.
    pub processes: BTreeMap<i32, String>,
    /// Calls that were made, in the order of the list: name and error.
    pub attempts: Vec<(String, i32)>,
}

/// A device node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Where.
    pub path: String,
    /// A block device.
    pub block: bool,
    /// Number.
    pub major: u64,
    /// Number.
    pub minor: u64,
    /// Whether it could be opened; `None`: to open it could do something.
    pub opens: Option<bool>,
}

/// How well something is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Closed.
    Ok,
    /// As engines have it by default, and could be closed further.
    Note,
    /// More than a default container has.
    Weak,
    /// A way out, or what comes close to one.
    Open,
}

impl Grade {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Grade::Ok => "ok",
            Grade::Note => "note",
            Grade::Weak => "weak",
            Grade::Open => "open",
        }
    }
}

/// One line of the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Check {
    /// How well.
    pub grade: Grade,
    /// What was looked at.
    pub name: String,
    /// What was seen, and what it means.
    pub what: String,
    /// How to close it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<String>,
}

/// The whole verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Verdict {
    /// The worst grade.
    pub grade: Grade,
    /// One for each thing that was looked at.
    pub checks: Vec<Check>,
}

/// Docker 29's list of paths that containers don't see, podman's beyond it.
pub const HIDDEN: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/dev/block",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
];
