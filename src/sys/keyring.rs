//! The kernel's key rings.

use super::path::check;
use std::ffi::CStr;
use std::io;

/// A new session keyring with this name for this process, so that the caller's keys are out of reach. `EDQUOT`: the
/// user has as many as `/proc/sys/kernel/keys/maxkeys` allows.
pub fn new_session_keyring(name: &CStr) -> io::Result<()> {
    const JOIN_SESSION_KEYRING: i32 = 1;
    // SAFETY: the name is NUL-terminated and only read.
    check(unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, name.as_ptr()) } as i32)
}
