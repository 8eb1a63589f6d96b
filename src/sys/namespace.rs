//! Namespaces: joining, leaving, naming.

use super::path::check;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Moves this process into the namespace that `fd` is, which must be of `kind` (`CLONE_NEW…`), or into those kinds of
/// namespaces of the process that `fd` is (a pidfd).
pub fn join(fd: BorrowedFd<'_>, kinds: i32) -> io::Result<()> {
    // SAFETY: two integers.
    check(unsafe { libc::setns(fd.as_raw_fd(), kinds) })
}

/// New namespaces for this process.
pub fn unshare(kinds: i32) -> io::Result<()> {
    // SAFETY: one integer.
    check(unsafe { libc::unshare(kinds) })
}

/// The host name of this UTS namespace.
pub fn set_hostname(name: &[u8]) -> io::Result<()> {
    // SAFETY: the name has the length that is given.
    check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) })
}

/// The NIS domain name of this UTS namespace.
pub fn set_domainname(name: &[u8]) -> io::Result<()> {
    // SAFETY: the name has the length that is given.
    check(unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) })
}
