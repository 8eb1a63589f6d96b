//! Asking the kernel to begin writing to the disk early.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Starts to write what is dirty of a file, without waiting: `sync_file_range(2)`. Promises nothing.
pub fn begin(file: impl AsFd) -> io::Result<()> {
    // SAFETY: four integers; no memory is touched.
    let outcome = unsafe { libc::sync_file_range(file.as_fd().as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
