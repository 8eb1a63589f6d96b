//! How the kernel runs this process: scheduling, I/O priority, CPUs, memory nodes, personality. Allocates nothing.

use super::path::check;
use std::io;

/// What `sched_setattr(2)` takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Attributes {
    /// Of this structure.
    pub size: u32,
    /// `SCHED_…`
    pub policy: u32,
    /// `SCHED_FLAG_…`
    pub flags: u64,
    /// For ordinary policies.
    pub nice: i32,
    /// For real-time policies.
    pub priority: u32,
    /// Nanoseconds, for deadlines.
    pub runtime: u64,
    /// Nanoseconds, for deadlines.
    pub deadline: u64,
    /// Nanoseconds, for deadlines.
    pub period: u64,
}

/// Sets how this process is scheduled.
pub fn set(attributes: Attributes) -> io::Result<()> {
    let attributes = Attributes { size: size_of::<Attributes>() as u32, ..attributes };
    // SAFETY: the structure has the size that it says, and is only read (the kernel writes its size on failure).
    check(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &attributes, 0) } as i32)
}

/// The class (1: real time, 2: best effort, 3: idle) and priority (0 is highest) of this process's I/O.
pub fn set_io_priority(class: u32, priority: u32) -> io::Result<()> {
    const PROCESS: i32 = 1;
    // SAFETY: integers only.
    check(unsafe { libc::syscall(libc::SYS_ioprio_set, PROCESS, 0, class << 13 | priority) } as i32)
}

/// The CPUs that this process may run on, one bit each.
pub fn set_cpus(mask: &[u64]) -> io::Result<()> {
    // SAFETY: the mask has the length that is given.
    check(unsafe { libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(mask), mask.as_ptr()) } as i32)
}

/// Where this process's memory comes from: `MPOL_…` with its flags, and nodes, one bit each.
pub fn set_memory_policy(mode: i32, nodes: &[u64]) -> io::Result<()> {
    let (pointer, bits) = if nodes.is_empty() { (std::ptr::null(), 0) } else { (nodes.as_ptr(), nodes.len() * 64 + 1) };
    // SAFETY: the mask has the length that is given (the kernel counts one bit less), or is null.
    check(unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, pointer, bits) } as i32)
}

/// What the kernel pretends to be: `PER_…` and flags.
pub fn set_personality(persona: u64) -> io::Result<()> {
    // SAFETY: one integer.
    if unsafe { libc::personality(persona) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
