//! Capabilities: their names, and the sets of this process.

use super::path::check;
use std::io;

/// All names, by number.
pub const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// A set of capabilities, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Set(pub u64);

impl Set {
    /// The capability with this name (`CAP_…`) alone.
    pub fn named(name: &str) -> Option<Set> {
        NAMES.iter().position(|known| *known == name).map(|number| Set(1 << number))
    }

    /// Whether all of `other` are in it.
    pub fn has(self, other: Set) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those in both.
    pub fn and(self, other: Set) -> Set {
        Set(self.0 & other.0)
    }

    /// Those in either.
    pub fn or(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }

    /// The names of those in it.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(number, _)| self.0 >> number & 1 == 1).map(|(_, name)| *name)
    }
}

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const VERSION_3: u32 = 0x2008_0522;

/// (effective, permitted) of this process.
pub fn current() -> io::Result<(Set, Set)> {
    let header = Header { version: VERSION_3, pid: 0 };
    let mut halves = [Half::default(); 2];
    // SAFETY: version 3 has two halves, which is what there is room for.
    check(unsafe { libc::syscall(libc::SYS_capget, &header, halves.as_mut_ptr()) } as i32)?;
    let join = |low: u32, high: u32| Set(u64::from(high) << 32 | u64::from(low));
    Ok((join(halves[0].effective, halves[1].effective), join(halves[0].permitted, halves[1].permitted)))
}

/// Those in the bounding set of this process.
pub fn bounding() -> Set {
    let mut set = 0;
    for number in 0..NAMES.len() {
        // SAFETY: integers only.
        if unsafe { libc::prctl(libc::PR_CAPBSET_READ, number, 0, 0, 0) } == 1 {
            set |= 1 << number;
        }
    }
    Set(set)
}

/// Sets these three; what is not both permitted and inheritable leaves the ambient set.
pub fn set(effective: Set, permitted: Set, inheritable: Set) -> io::Result<()> {
    let header = Header { version: VERSION_3, pid: 0 };
    let half = |shift: u32| Half {
        effective: (effective.0 >> shift) as u32,
        permitted: (permitted.0 >> shift) as u32,
        inheritable: (inheritable.0 >> shift) as u32,
    };
    let halves = [half(0), half(32)];
    // SAFETY: version 3 has two halves, which the kernel only reads.
    check(unsafe { libc::syscall(libc::SYS_capset, &header, halves.as_ptr()) } as i32)
}

/// Drops everything but `keep` from the bounding set; needs `CAP_SETPCAP`.
pub fn limit_bounding(keep: Set) -> io::Result<()> {
    for number in 0..64 {
        if keep.0 >> number & 1 == 1 {
            continue;
        }
        // SAFETY: integers only.
        match check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) }) {
            // Beyond the last capability that this kernel knows.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => return Ok(()),
            result => result?,
        }
    }
    Ok(())
}

/// Whether the permitted set survives a change from user 0 to another; cleared by execve.
pub fn keep_over_user_change(keep: bool) -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, u64::from(keep), 0, 0, 0) })
}

/// Adds these to the ambient set; they must be permitted and inheritable.
pub fn raise_ambient(wanted: Set) -> io::Result<()> {
    for number in (0..NAMES.len()).filter(|number| wanted.0 >> number & 1 == 1) {
        // SAFETY: integers only.
        check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, number, 0, 0) })?;
    }
    Ok(())
}

/// Empties the ambient set.
pub fn clear_ambient() -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) })
}
