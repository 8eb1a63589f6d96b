//! eBPF: the device filter of a v2 cgroup.

use super::path::check;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// One instruction, as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// What it does.
    pub code: u8,
    /// Destination in the low half, source in the high one.
    pub registers: u8,
    /// Of a jump or a load.
    pub off: i16,
    /// Its operand.
    pub imm: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct LoadAttributes {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
    kernel_version: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct AttachAttributes {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
    replaced: u32,
}

fn bpf<T>(command: u32, attributes: &T) -> io::Result<i64> {
    // SAFETY: the attributes have the size that is given, and what they point to lives through the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes as *const T, size_of::<T>()) };
    check(result as i32)?;
    Ok(result)
}

/// Makes `program` decide which devices the processes of a v2 cgroup may use.
pub fn attach_device_filter(cgroup: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
    const PROG_LOAD: u32 = 5;
    const PROG_ATTACH: u32 = 8;
    const CGROUP_DEVICE_PROGRAM: u32 = 15;
    const CGROUP_DEVICE_ATTACH: u32 = 6;
    const ALLOW_MULTI: u32 = 2;
    // SAFETY: plain integers, for which zeros are valid.
    let mut load: LoadAttributes = unsafe { MaybeUninit::zeroed().assume_init() };
    load.kind = CGROUP_DEVICE_PROGRAM;
    load.count = program.len() as u32;
    load.instructions = program.as_ptr() as u64;
    load.license = c"Apache-2.0".as_ptr() as u64;
    let fd = bpf(PROG_LOAD, &load)?;
    // SAFETY: the kernel has just made this descriptor and gave it to nobody else.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    // SAFETY: plain integers, for which zeros are valid.
    let mut attach: AttachAttributes = unsafe { MaybeUninit::zeroed().assume_init() };
    attach.target = cgroup.as_raw_fd() as u32;
    attach.program = fd.as_raw_fd() as u32;
    attach.kind = CGROUP_DEVICE_ATTACH;
    attach.flags = ALLOW_MULTI;
    bpf(PROG_ATTACH, &attach).map(drop)
}
