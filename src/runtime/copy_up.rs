//! Filling a fresh tmpfs with what the directory below it holds (`tmpcopyup`).

use crate::sys::path::{self, Root};
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;

/// Copies everything in `from` into `to`: directories, files, links; never through a link, never out of either.
pub fn copy(from: &Root, to: &Root) -> io::Result<()> {
    owner_and_mode(&path::stat_at(from.as_fd(), c"")?, to)?;
    for name in from.names(".")? {
        entry(from, to, &name)?;
    }
    Ok(())
}

fn entry(from: &Root, to: &Root, name: &OsStr) -> io::Result<()> {
    let stat = from.lstat(name)?;
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFDIR => {
            path::mkdirat(to.as_fd(), &crate::sys::spawn::c_string(name)?, 0o700)?;
            copy(&from.open_real_dir(name)?, &to.open_real_dir(name)?)
        }
        libc::S_IFLNK => {
            to.symlink(from.readlink(name)?, name)?;
            to.chown(name, Some(stat.st_uid), Some(stat.st_gid))
        }
        libc::S_IFREG => {
            let mut source = std::fs::File::from(from.open_with(name, libc::O_RDONLY | libc::O_NOFOLLOW, 0)?);
            let mut target = to.create_exclusive(name, 0o600)?;
            io::copy(&mut source, &mut target)?;
            path::chown_fd(target.as_fd(), Some(stat.st_uid), Some(stat.st_gid))?;
            path::chmod_fd(target.as_fd(), stat.st_mode & 0o7777)
        }
        // Devices, sockets and FIFOs mean nothing in a copy.
        _ => Ok(()),
    }
}

fn owner_and_mode(stat: &libc::stat, to: &Root) -> io::Result<()> {
    let fd = to.open_with(".", libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
    path::chown_fd(fd.as_fd(), Some(stat.st_uid), Some(stat.st_gid))?;
    path::chmod_fd(fd.as_fd(), stat.st_mode & 0o7777)
}
