//! Loading a system call filter.

use super::path::check;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
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

/// The filters of another process, the first loaded first, read back from the kernel; it is stopped for that moment.
/// Needs `CAP_SYS_ADMIN` on the host, and no filter of our own.
pub fn filters_of(pid: i32) -> io::Result<Vec<Vec<Instruction>>> {
    let pid = Pid::from_raw(pid);
    ptrace::seize(pid, ptrace::Options::empty())?;
    let outcome = stopped_filters(pid);
    ptrace::detach(pid, None)?;
    outcome
}

fn stopped_filters(pid: Pid) -> io::Result<Vec<Vec<Instruction>>> {
    ptrace::interrupt(pid)?;
    // Something else may stop it first: that will do as well.
    match waitpid(pid, Some(WaitPidFlag::__WALL))? {
        WaitStatus::PtraceEvent(..) | WaitStatus::Stopped(..) => {}
        status => return Err(io::Error::other(format!("the traced process is {status:?}"))),
    }
    let mut filters = Vec::new();
    while let Some(filter) = filter_of(pid, filters.len())? {
        filters.push(filter);
    }
    // The kernel counts from the last.
    filters.reverse();
    Ok(filters)
}

/// `None`: there are not so many.
fn filter_of(pid: Pid, index: usize) -> io::Result<Option<Vec<Instruction>>> {
    const SECCOMP_GET_FILTER: libc::c_uint = 0x420c;
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: with a null pointer only the number of instructions is returned.
    let length = unsafe { libc::ptrace(SECCOMP_GET_FILTER, pid.as_raw(), index, nothing) };
    if length < 0 {
        let error = io::Error::last_os_error();
        // EINVAL: it has no filters at all.
        return match error.raw_os_error() {
            Some(libc::ENOENT | libc::EINVAL) => Ok(None),
            _ => Err(error),
        };
    }
    let mut filter = vec![Instruction { code: 0, jt: 0, jf: 0, k: 0 }; length as usize];
    // SAFETY: there is room for as many instructions as the kernel has just said; a filter never changes.
    check(unsafe { libc::ptrace(SECCOMP_GET_FILTER, pid.as_raw(), index, filter.as_mut_ptr()) } as i32)?;
    Ok(Some(filter))
}
