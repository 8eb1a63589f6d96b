//! User namespaces and their id maps: unshare, join, write, ask.

use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd};
use std::os::unix::fs::MetadataExt;

/// One line of an id map: `inside outside count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Line {
    pub inside: u32,
    pub outside: u32,
    pub count: u32,
}

/// A user namespace: its inode is its name.
#[derive(Debug)]
pub struct UserNamespace(File);

impl UserNamespace {
    /// The one a process lives in; `self` is a pid too.
    pub fn of(pid: &str) -> io::Result<Self> {
        File::open(format!("/proc/{pid}/ns/user")).map(UserNamespace)
    }

    /// Its inode number: unique as long as the namespace lives.
    pub fn inode(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.ino())
    }

    /// The uid (as we see it) that made it.
    pub fn owner(&self) -> io::Result<u32> {
        let mut uid: libc::uid_t = 0;
        // SAFETY: NS_GET_OWNER_UID writes one uid_t to the address given, which is that of a live local.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), NS_GET_OWNER_UID, &raw mut uid) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(uid) }
    }

    /// The one it was made in; EPERM when that is beyond our own.
    pub fn parent(&self) -> io::Result<Self> {
        // SAFETY: NS_GET_PARENT takes no argument and returns a new descriptor.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), NS_GET_PARENT) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor and gave it to nobody else.
        Ok(UserNamespace(unsafe { File::from_raw_fd(result) }))
    }
}

/// linux/nsfs.h
const NS_GET_PARENT: libc::Ioctl = 0xb702;
const NS_GET_OWNER_UID: libc::Ioctl = 0xb704;

/// Puts this process, which must have one thread, into a new user namespace without maps.
pub fn unshare_user() -> io::Result<()> {
    Ok(unshare(CloneFlags::CLONE_NEWUSER)?)
}

/// Whether we have privilege in our user namespace: a UTS namespace of its own hurts nobody and needs CAP_SYS_ADMIN.
pub fn probe_privilege() -> io::Result<()> {
    Ok(unshare(CloneFlags::CLONE_NEWUTS)?)
}

/// Puts this process, which must have one thread, into the user namespace of another one.
pub fn join_user(pidfd: impl AsFd) -> io::Result<()> {
    Ok(setns(pidfd, CloneFlags::CLONE_NEWUSER)?)
}

/// Writes the map that needs no privilege: our only id becomes root. For the process itself, right after
/// [`unshare_user`]; `uid` and `gid` are what it had before. The kernel wants setgroups forbidden first.
pub fn write_single_map(uid: u32, gid: u32) -> io::Result<()> {
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Lets other processes of the user join us (a process is not dumpable after some changes of its credentials).
pub fn set_dumpable() -> io::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(true)?)
}

/// The lines of a `/proc/PID/uid_map`.
pub fn parse_map(text: &str) -> Vec<Line> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().map(|field| field.parse::<u32>());
            let mut next = || fields.next()?.ok();
            Some(Line { inside: next()?, outside: next()?, count: next()? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read() {
        let lines = parse_map("         0       1000          1\n         1     100000      65536\nx\n");
        let lines: Vec<_> = lines.iter().map(|line| (line.inside, line.outside, line.count)).collect();
        assert_eq!(lines, [(0, 1000, 1), (1, 100000, 65536)]);
    }

    #[test]
    fn a_process_has_a_user_namespace() {
        let own = UserNamespace::of("self").and_then(|namespace| namespace.inode());
        let same = UserNamespace::of(&std::process::id().to_string()).and_then(|namespace| namespace.inode());
        assert!(own.is_ok());
        assert_eq!(own.ok(), same.ok());
    }
}
