//! Descriptors: sealed memory files, pipes, socket pairs, passing descriptors, flags.

use nix::fcntl::{FcntlArg, FdFlag, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A memory file that holds `bytes` and can't be changed any more by anyone.
pub fn sealed_memfd(name: &CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    let seals = SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file.into())
}

/// Everything in a sealed memory file; refuses one that somebody could still change.
pub fn read_sealed(fd: OwnedFd) -> io::Result<Vec<u8>> {
    let seals = SealFlag::from_bits_truncate(fcntl(&fd, FcntlArg::F_GET_SEALS)?);
    if !seals.contains(SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the memory file is not sealed"));
    }
    let mut file = File::from(fd);
    let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize);
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A pipe: (read end, write end), both close-on-exec.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC)?)
}

/// Lets more bytes wait in a pipe or stream socket (256 KiB), so that its two ends need to take turns less often. What
/// the kernel grants: an ordinary user's pipes have a common limit, and sockets one each.
pub fn widen(fd: impl AsFd) {
    const BYTES: usize = 256 * 1024;
    if fcntl(&fd, FcntlArg::F_SETPIPE_SZ(BYTES as i32)).is_err() {
        use nix::sys::socket::{setsockopt, sockopt};
        if setsockopt(&fd, sockopt::SndBufForce, &BYTES).is_err() {
            let _ = setsockopt(&fd, sockopt::SndBuf, &BYTES);
        }
    }
}

/// Two connected stream sockets, both close-on-exec.
pub fn socketpair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::sys::socket::socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Two connected sockets that keep messages apart (`SOCK_SEQPACKET`), both close-on-exec.
pub fn seqpacket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::sys::socket::socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Whether reads and writes return `EAGAIN` instead of waiting. It is a property of the open file: everybody who
/// shares it sees it, so never set it on a descriptor that came from outside.
pub fn set_nonblocking(fd: impl AsFd, nonblocking: bool) -> io::Result<()> {
    let mut flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
    flags.set(OFlag::O_NONBLOCK, nonblocking);
    fcntl(&fd, FcntlArg::F_SETFL(flags))?;
    Ok(())
}

/// Whether the descriptor is closed by execve.
pub fn set_close_on_exec(fd: impl AsFd, close: bool) -> io::Result<()> {
    let flags = if close { FdFlag::FD_CLOEXEC } else { FdFlag::empty() };
    fcntl(&fd, FcntlArg::F_SETFD(flags))?;
    Ok(())
}

/// Takes over descriptor `number`, which this process inherited; makes it close-on-exec. Fails when it is not open.
/// Call it once a number, at the start of `main`.
pub fn take_inherited(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: fcntl with F_GETFD takes two integers and touches no memory.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open (just checked) and, as the caller promises, nobody in this young process owns it yet.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    set_close_on_exec(&fd, true)?;
    Ok(fd)
}

/// A copy of descriptor `number` of this process, whoever owns it.
pub fn duplicate(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: fcntl with F_DUPFD_CLOEXEC takes integers and touches no memory.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor and gave it to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// A copy of descriptor `number`, if it came from whoever started us: all that we open ourselves is close-on-exec.
pub fn duplicate_inherited(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: fcntl with F_GETFD takes two integers and touches no memory.
    match unsafe { libc::fcntl(number, libc::F_GETFD) } {
        flags if flags >= 0 && flags & libc::FD_CLOEXEC == 0 => duplicate(number),
        _ => Err(io::Error::from_raw_os_error(libc::EBADF)),
    }
}

/// Makes every descriptor from `first` on close-on-exec.
pub fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: close_range takes three integers and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Closes every descriptor from `first` on. Nobody may own one of them.
pub fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: close_range takes three integers and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Closes every descriptor from `first` on but these. Nobody may own one of the others.
pub fn close_all_but(first: i32, kept: &mut [i32]) -> io::Result<()> {
    kept.sort_unstable();
    let mut from = first;
    for &mut number in kept.iter_mut().filter(|number| **number >= first) {
        if number > from {
            // SAFETY: close_range takes three integers and touches no memory.
            super::path::check(unsafe { libc::syscall(libc::SYS_close_range, from, number - 1, 0) } as i32)?;
        }
        from = number + 1;
    }
    close_from(from as u32)
}

/// Sends `bytes` (at least one) and descriptors in one message.
pub fn send_with_fds(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let raw: Vec<i32> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage] = if raw.is_empty() { &[] } else { &rights };
    let slices = [IoSlice::new(bytes)];
    Ok(nix::sys::socket::sendmsg::<()>(socket.as_fd().as_raw_fd(), &slices, control, MsgFlags::MSG_NOSIGNAL, None)?)
}

/// Receives bytes and at most eight descriptors (close-on-exec).
pub fn receive_with_fds(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    Ok(receive_message(socket.as_fd(), buffer, nix::cmsg_space!([i32; 8]), MsgFlags::empty())?)
}

/// Receives bytes and as many descriptors (close-on-exec) as one message may have.
pub fn receive_with_many_fds(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    Ok(receive_message(socket.as_fd(), buffer, nix::cmsg_space!([i32; 253]), MsgFlags::empty())?)
}

/// As [`receive_with_fds`], without waiting. `None`: nothing there now; no bytes: the end.
pub fn receive_now(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<(usize, Vec<OwnedFd>)>> {
    loop {
        match receive_message(socket.as_fd(), buffer, nix::cmsg_space!([i32; 8]), MsgFlags::MSG_DONTWAIT) {
            Ok(received) => return Ok(Some(received)),
            Err(nix::Error::EAGAIN) => return Ok(None),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn receive_message(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    mut space: Vec<u8>,
    flags: MsgFlags,
) -> Result<(usize, Vec<OwnedFd>), nix::Error> {
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = flags | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = nix::sys::socket::recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut space), flags)?;
    let mut fds = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            // SAFETY: the kernel has just installed these descriptors for us and gave them to nobody else.
            fds.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
        }
    }
    Ok((message.bytes, fds))
}

/// Sends as much of the parts as the socket takes now, also if that is nothing.
pub fn send_now(socket: impl AsFd, parts: &[&[u8]]) -> io::Result<usize> {
    let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    loop {
        match nix::sys::socket::sendmsg::<()>(socket.as_fd().as_raw_fd(), &slices, &[], flags, None) {
            Ok(count) => return Ok(count),
            Err(nix::Error::EAGAIN) => return Ok(0),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Who is at the other end of a connected Unix socket: (pid, uid, gid) when it connected, as seen from our namespaces.
pub fn peer(socket: impl AsFd) -> io::Result<(i32, u32, u32)> {
    let credentials = nix::sys::socket::getsockopt(&socket, nix::sys::socket::sockopt::PeerCredentials)?;
    Ok((credentials.pid(), credentials.uid(), credentials.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_memfd_keeps_its_bytes() {
        let fd = sealed_memfd(c"test", b"hello").unwrap();
        assert!(File::from(fd.try_clone().unwrap()).write_all(b"x").is_err());
        assert_eq!(read_sealed(fd).unwrap(), b"hello");
    }

    #[test]
    fn an_unsealed_memfd_is_refused() {
        let fd = memfd_create(c"test", MFdFlags::MFD_CLOEXEC).unwrap();
        assert!(read_sealed(fd).is_err());
    }

    #[test]
    fn descriptors_travel() {
        let (left, right) = socketpair().unwrap();
        let (reader, writer) = pipe().unwrap();
        send_with_fds(&left, b"p", &[writer.as_fd()]).unwrap();
        drop(writer);
        let mut buffer = [0; 8];
        let (count, mut fds) = receive_with_fds(&right, &mut buffer).unwrap();
        assert_eq!((count, fds.len()), (1, 1));
        File::from(fds.remove(0)).write_all(b"through").unwrap();
        let mut text = String::new();
        File::from(reader).read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }
}
