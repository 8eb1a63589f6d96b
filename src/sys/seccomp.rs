//! Loading a system call filter.

use super::path::check;
use std::io;

/// One instruction of a classic BPF program, as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// How many to skip when true.
    pub jt: u8,
    /// How many to skip when false.
    pub jf: u8,
    /// Its operand.
    pub k: u32,
}

#[repr(C)]
struct Program {
    length: u16,
    filter: *const Instruction,
}

/// Adds `filter` to those of this process, for ever. Needs no-new-privileges or `CAP_SYS_ADMIN`. `flags` are
/// `SECCOMP_FILTER_FLAG_…`. Allocates nothing.
pub fn load(filter: &[Instruction], flags: u64) -> io::Result<()> {
    let length = u16::try_from(filter.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
    let program = Program { length, filter: filter.as_ptr() };
    let operation = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the program points to as many instructions as it says; the kernel copies them.
    check(unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, &program) } as i32)
}
