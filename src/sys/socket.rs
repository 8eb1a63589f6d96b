//! Unix sockets with a name: listening, accepting, connecting. A socket's name may have 107 bytes only, so every name is
//! looked up below a directory's descriptor.

use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, UnixAddr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

/// The kind of conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    Stream,
    /// Messages.
    Messages,
}

impl Kind {
    fn socket(self) -> io::Result<OwnedFd> {
        let kind = match self {
            Kind::Stream => SockType::Stream,
            Kind::Messages => SockType::SeqPacket,
        };
        Ok(socket::socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC, None)?)
    }
}

fn address(path: &Path) -> io::Result<(UnixAddr, OwnedFd)> {
    use nix::fcntl::{OFlag, open};
    let name = path.file_name().ok_or_else(|| io::Error::from_raw_os_error(libc::EISDIR))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let dir = open(parent, flags, nix::sys::stat::Mode::empty())?;
    let short = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name);
    Ok((UnixAddr::new(&short)?, dir))
}

/// A new socket at `path` that waits for callers; only our own user may call.
pub fn listen(path: &Path, kind: Kind) -> io::Result<OwnedFd> {
    let (address, _dir) = address(path)?;
    let listener = kind.socket()?;
    let old = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o177));
    let bound = socket::bind(listener.as_raw_fd(), &address);
    nix::sys::stat::umask(old);
    bound?;
    socket::listen(&listener, Backlog::new(8)?)?;
    Ok(listener)
}

/// Waits for the next caller.
pub fn accept(listener: impl AsFd) -> io::Result<OwnedFd> {
    super::fd::take_inherited(socket::accept4(listener.as_fd().as_raw_fd(), SockFlag::SOCK_CLOEXEC)?)
}

/// Calls whoever listens at `path`.
pub fn connect(path: &Path, kind: Kind) -> io::Result<OwnedFd> {
    let (address, _dir) = address(path)?;
    let caller = kind.socket()?;
    socket::connect(caller.as_raw_fd(), &address)?;
    Ok(caller)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let path = deep.join("s");
        let listener = listen(&path, Kind::Messages).unwrap();
        let caller = connect(&path, Kind::Messages).unwrap();
        let answerer = accept(&listener).unwrap();
        nix::unistd::write(&caller, b"word").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(nix::unistd::read(&answerer, &mut buffer).unwrap(), 4);
        assert!(connect(&deep.join("t"), Kind::Stream).is_err());
    }
}
