//! `flock(2)`: locks that the kernel releases with the process, however it ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A lock on a file, held until dropped. The file may be renamed or unlinked while it is locked; see
/// [`FileLock::exclusive`].
#[derive(Debug)]
pub struct FileLock {
    file: File,
}

#[derive(Clone, Copy)]
enum Mode {
    Shared,
    Exclusive,
}

impl FileLock {
    /// Waits until nobody else holds the lock file `path`, which is made (0600) where it is missing.
    ///
    /// A lock file may be removed by its holder: who waited for it then locks a file that no longer has a name, so
    /// the name is looked up again afterwards, and the wait starts anew when it means another file by now.
    pub fn exclusive(path: &Path) -> io::Result<FileLock> {
        loop {
            if let Some(lock) = lock(path, Mode::Exclusive, true)? {
                return Ok(lock);
            }
        }
    }

    /// Waits until nobody holds the lock exclusively.
    pub fn shared(path: &Path) -> io::Result<FileLock> {
        loop {
            if let Some(lock) = lock(path, Mode::Shared, true)? {
                return Ok(lock);
            }
        }
    }

    /// `None` when somebody else holds it.
    pub fn try_exclusive(path: &Path) -> io::Result<Option<FileLock>> {
        lock(path, Mode::Exclusive, false)
    }

    /// `None` when somebody else holds it exclusively.
    pub fn try_shared(path: &Path) -> io::Result<Option<FileLock>> {
        lock(path, Mode::Shared, false)
    }

    /// Waits for an exclusive lock on an open file or directory, which the caller knows to be the right one.
    pub fn exclusive_on(file: File) -> io::Result<FileLock> {
        flock(&file, Mode::Exclusive, true)?;
        Ok(FileLock { file })
    }

    /// The locked file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Lets go of the lock also in processes that were cloned meanwhile and have it, too.
    pub fn release(self) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        // SAFETY: flock takes two integers and touches no memory of ours.
        super::path::check(unsafe { libc::flock(self.file.as_raw_fd(), libc::LOCK_UN) })
    }

    /// The descriptor that holds the lock: a process that inherits it holds the lock too.
    pub fn into_fd(self) -> OwnedFd {
        self.file.into()
    }
}

impl AsFd for FileLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// One try; `None` when it is taken (only if not waiting) or the name went away meanwhile (only if waiting).
fn lock(path: &Path, mode: Mode, wait: bool) -> io::Result<Option<FileLock>> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(path)?;
    if !flock(&file, mode, wait)? {
        return Ok(None);
    }
    let locked = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) if named.ino() == locked.ino() && named.dev() == locked.dev() => Ok(Some(FileLock { file })),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn flock(file: &File, mode: Mode, wait: bool) -> io::Result<bool> {
    use std::os::fd::AsRawFd;
    let mut operation = match mode {
        Mode::Shared => libc::LOCK_SH,
        Mode::Exclusive => libc::LOCK_EX,
    };
    if !wait {
        operation |= libc::LOCK_NB;
    }
    loop {
        // SAFETY: flock takes two integers and touches no memory of ours.
        if unsafe { libc::flock(file.as_raw_fd(), operation) } == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EWOULDBLOCK) => return Ok(false),
            _ => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excludes_and_survives_removal_of_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = FileLock::exclusive(&path).unwrap();
        assert!(FileLock::try_exclusive(&path).unwrap().is_none());
        assert!(FileLock::try_shared(&path).unwrap().is_none());
        std::fs::remove_file(&path).unwrap();
        let other = FileLock::exclusive(&path).unwrap();
        drop(held);
        assert!(FileLock::try_exclusive(&path).unwrap().is_none());
        drop(other);
        let _first = FileLock::shared(&path).unwrap();
        let _second = FileLock::shared(&path).unwrap();
        assert!(FileLock::try_exclusive(&path).unwrap().is_none());
    }
}
