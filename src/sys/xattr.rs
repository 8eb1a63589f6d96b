//! Extended attributes of open files (`xattr(7)`).

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Sets an attribute.
pub fn set(fd: impl AsFd, name: &CStr, value: &[u8]) -> io::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the name is NUL-terminated, the value has the length that is given; the kernel only reads them.
    let outcome = unsafe { libc::fsetxattr(fd, name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// An attribute's value; `None` when there is none of this name.
pub fn get(fd: impl AsFd, name: &CStr) -> io::Result<Option<Vec<u8>>> {
    let fd = fd.as_fd().as_raw_fd();
    let value = sized(|buffer| {
        // SAFETY: the kernel writes at most as many bytes as the buffer has.
        unsafe { libc::fgetxattr(fd, name.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) }
    });
    match value {
        Err(error) if error.raw_os_error() == Some(libc::ENODATA) => Ok(None),
        other => other.map(Some),
    }
}

/// The names of all attributes.
pub fn list(fd: impl AsFd) -> io::Result<Vec<CString>> {
    let fd = fd.as_fd().as_raw_fd();
    let names = sized(|buffer| {
        // SAFETY: the kernel writes at most as many bytes as the buffer has.
        unsafe { libc::flistxattr(fd, buffer.as_mut_ptr().cast(), buffer.len()) }
    })?;
    Ok(names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .filter_map(|name| CString::new(name).ok())
        .collect())
}

/// Calls with a small buffer, and with larger ones as long as it is too small. 64 KB is the kernel's limit.
fn sized(mut call: impl FnMut(&mut [u8]) -> isize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        if let Ok(length) = usize::try_from(call(&mut buffer)) {
            buffer.truncate(length);
            return Ok(buffer);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ERANGE) || buffer.len() > 64 << 10 {
            return Err(error);
        }
        buffer = vec![0; buffer.len() * 8];
    }
}
