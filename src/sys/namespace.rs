//! Namespaces: joining, leaving, naming.

use super::path::check;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

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

/// A network namespace with nothing but loopback, which is up. This process, which must have one thread, is in it
/// meanwhile; an error means that it may still be.
pub fn new_network() -> io::Result<OwnedFd> {
    let home = own_network()?;
    unshare(libc::CLONE_NEWNET)?;
    super::netlink::loopback_up()?;
    let new = own_network()?;
    join(home.as_fd(), libc::CLONE_NEWNET)?;
    Ok(new)
}

/// A time namespace of its own for this process, whose clocks are off by `offsets` (lines of
/// `/proc/self/timens_offsets`). Needs the host's `/proc`.
pub fn unshare_time(offsets: &[u8]) -> io::Result<()> {
    unshare(libc::CLONE_NEWTIME)?;
    if !offsets.is_empty() {
        std::fs::write("/proc/self/timens_offsets", offsets)?;
    }
    // Until now it would hold for children only.
    let namespace = std::fs::File::open("/proc/self/ns/time_for_children")?;
    join(std::os::fd::AsFd::as_fd(&namespace), libc::CLONE_NEWTIME)
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

/// The network namespace of this thread.
pub fn own_network() -> io::Result<OwnedFd> {
    Ok(std::fs::File::open("/proc/thread-self/ns/net")?.into())
}

/// Does `work` in a thread of its own that has joined the network namespace `fd`. Sockets made there belong to it for
/// ever, wherever they are used.
pub fn in_network<T: Send>(fd: BorrowedFd<'_>, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    in_thread(|| join(fd, libc::CLONE_NEWNET).map(|()| work()))
}

/// Does `work` in a thread of its own in a new network namespace, which lives as long as the descriptor of it, a
/// process or a socket in it.
pub fn in_new_network<T: Send>(work: impl FnOnce(OwnedFd) -> T + Send) -> io::Result<T> {
    in_thread(|| {
        unshare(libc::CLONE_NEWNET)?;
        Ok(work(own_network()?))
    })
}

fn in_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, work)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread of ours died")))
    })
}
