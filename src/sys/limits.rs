//! Resource limits of processes.

use super::path::check;
use std::io;
use std::mem::MaybeUninit;

/// All names (without `RLIMIT_`, lower case) and numbers.
pub const NAMES: [(&str, u32); 16] = [
    ("as", libc::RLIMIT_AS),
    ("core", libc::RLIMIT_CORE),
    ("cpu", libc::RLIMIT_CPU),
    ("data", libc::RLIMIT_DATA),
    ("fsize", libc::RLIMIT_FSIZE),
    ("locks", libc::RLIMIT_LOCKS),
    ("memlock", libc::RLIMIT_MEMLOCK),
    ("msgqueue", libc::RLIMIT_MSGQUEUE),
    ("nice", libc::RLIMIT_NICE),
    ("nofile", libc::RLIMIT_NOFILE),
    ("nproc", libc::RLIMIT_NPROC),
    ("rss", libc::RLIMIT_RSS),
    ("rtprio", libc::RLIMIT_RTPRIO),
    ("rttime", libc::RLIMIT_RTTIME),
    ("sigpending", libc::RLIMIT_SIGPENDING),
    ("stack", libc::RLIMIT_STACK),
];

/// One limit: soft and hard, `u64::MAX` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Limit {
    pub soft: u64,
    pub hard: u64,
}

/// The limit of this process.
pub fn get(resource: u32) -> io::Result<Limit> {
    let mut limit = MaybeUninit::<libc::rlimit64>::uninit();
    // SAFETY: `limit` has room for the answer; no new limit is given.
    check(unsafe { libc::prlimit64(0, resource, std::ptr::null(), limit.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, so it has filled it.
    let limit = unsafe { limit.assume_init() };
    Ok(Limit { soft: limit.rlim_cur, hard: limit.rlim_max })
}

/// Sets the limit of this process.
pub fn set(resource: u32, limit: Limit) -> io::Result<()> {
    let limit = libc::rlimit64 { rlim_cur: limit.soft, rlim_max: limit.hard };
    // SAFETY: the limit is only read; the old one is not asked for.
    check(unsafe { libc::prlimit64(0, resource, &limit, std::ptr::null_mut()) })
}
