//! The kernel's key rings.

use std::ffi::{CStr, CString};
use std::io;

const GET_KEYRING_ID: i32 = 0;
const JOIN_SESSION_KEYRING: i32 = 1;
const SETPERM: i32 = 5;
const DESCRIBE: i32 = 6;

/// What `KEYCTL_JOIN_SESSION_KEYRING` gives, and that processes of the same user may find it by its name.
const PERMISSIONS: u32 = 0x3f1b_0000;

fn number(result: libc::c_long) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}

/// The session keyring with this name for this process, so that the caller's keys are out of reach: that of an earlier
/// process of the same container, else a new one. `EDQUOT`: the user has as many as `/proc/sys/kernel/keys/maxkeys` allows.
pub fn join_session_keyring(name: &CStr) -> io::Result<()> {
    // SAFETY: the name is NUL-terminated and only read.
    let ring = number(unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, name.as_ptr()) })?;
    // Refused for one that another process has made: it has them already.
    // SAFETY: integers only.
    unsafe { libc::syscall(libc::SYS_keyctl, SETPERM, ring, PERMISSIONS) };
    Ok(())
}

/// What the kernel says of this process's session keyring: `keyring;UID;GID;PERMISSIONS;NAME`.
pub fn describe_session() -> io::Result<String> {
    const SESSION: i32 = -3;
    // SAFETY: integers only; 0: make none.
    let ring = number(unsafe { libc::syscall(libc::SYS_keyctl, GET_KEYRING_ID, SESSION, 0) })?;
    let mut text = vec![0u8; 4096];
    // SAFETY: the buffer has the length that is given.
    let length = number(unsafe { libc::syscall(libc::SYS_keyctl, DESCRIBE, ring, text.as_mut_ptr(), text.len()) })?;
    text.truncate((length as usize).min(text.len()));
    Ok(CString::from_vec_with_nul(text).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default())
}
