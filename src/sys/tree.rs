//! Removing trees that somebody else filled: through directory handles, never following a link, however deep.

use anyhow::{Context, Result};
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Directories deeper than this are lifted to the top first: handles are a limited good.
const DEPTH: usize = 64;

const OPEN_DIR: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Removes a file or a whole tree; nothing there is fine. Goes on after a failure and reports the first.
pub fn remove(path: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let outcome = (|| {
        let parent = match open(parent, OPEN_DIR, Mode::empty()) {
            Err(Errno::ENOENT) => return Ok(()),
            other => other?,
        };
        let name = CString::new(std::os::unix::ffi::OsStrExt::as_bytes(name)).map_err(|_| Errno::EINVAL)?;
        remove_at(&parent, &name)
    })();
    outcome.with_context(|| format!("removing {}", path.display()))
}

/// The bytes of all files beneath a directory; 0 when it is not there.
pub fn size(path: &Path) -> Result<u64> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(0) };
    let outcome = (|| {
        let parent = open(parent, OPEN_DIR, Mode::empty())?;
        let name = CString::new(std::os::unix::ffi::OsStrExt::as_bytes(name)).map_err(|_| Errno::EINVAL)?;
        let mut bytes = 0u64;
        visit(&parent, &name, &mut |dir, name| {
            let stat = fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            bytes += u64::try_from(stat.st_size).unwrap_or(0);
            Ok(())
        })?;
        Ok(bytes)
    })();
    match outcome {
        Err(Errno::ENOENT) => Ok(0),
        other => other.with_context(|| format!("measuring {}", path.display())),
    }
}

struct Level {
    dir: OwnedFd,
    name: CString,
    todo: Vec<CString>,
}

/// As [`remove`], of a name directly in `parent`.
pub fn remove_at(parent: &OwnedFd, name: &CString) -> nix::Result<()> {
    match unlinkat(parent, name.as_c_str(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => return Ok(()),
        Err(Errno::EISDIR | Errno::EPERM) => {}
        Err(error) => return Err(error),
    }
    let mut first = Ok(());
    let mut lifted = 0u64;
    let top = match enter(parent, name.clone(), &mut first) {
        // Somebody else has removed it meanwhile: all that was asked for.
        Err(Errno::ENOENT) => return Ok(()),
        other => other?,
    };
    let mut stack = vec![top];
    while let Some(level) = stack.last_mut() {
        let Some(child) = level.todo.pop() else {
            let done = stack.pop();
            let outer = stack.last().map_or(parent.as_fd(), |level| level.dir.as_fd());
            if let Some(done) = done {
                note(&mut first, unlinkat(outer, done.name.as_c_str(), UnlinkatFlags::RemoveDir));
            }
            continue;
        };
        if stack.len() >= DEPTH {
            lifted += 1;
            let Ok(fresh) = CString::new(format!(".lifted-{lifted}-{}", std::process::id())) else { continue };
            let (Some(level), Some(top)) = (stack.last(), stack.first()) else { continue };
            match renameat(&level.dir, child.as_c_str(), &top.dir, fresh.as_c_str()) {
                Ok(()) => {
                    if let Some(top) = stack.first_mut() {
                        top.todo.push(fresh);
                    }
                }
                error => note(&mut first, error),
            }
            continue;
        }
        let dir = match stack.last() {
            Some(level) => enter(&level.dir, child, &mut first),
            None => break,
        };
        match dir {
            Ok(level) => stack.push(level),
            Err(error) => note(&mut first, Err(error)),
        }
    }
    first
}

/// Calls `each` for everything beneath a directory that is not a directory itself.
pub fn visit(
    parent: &OwnedFd,
    name: &CString,
    each: &mut dyn FnMut(&OwnedFd, &CStr) -> nix::Result<()>,
) -> nix::Result<()> {
    let dir = openat(parent, name.as_c_str(), OPEN_DIR, Mode::empty())?;
    for (child, is_dir) in list(&dir)? {
        if is_dir {
            visit(&dir, &child, each)?;
        } else {
            each(&dir, &child)?;
        }
    }
    Ok(())
}

/// The names in a directory, and whether each is a directory.
pub fn list(dir: &OwnedFd) -> nix::Result<Vec<(CString, bool)>> {
    let mut listing = Dir::from_fd(dir.try_clone().map_err(|_| Errno::EMFILE)?)?;
    let mut names = Vec::new();
    for entry in listing.iter() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let is_dir = match entry.file_type() {
            Some(kind) => kind == Type::Directory,
            None => {
                let mode = fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)?.st_mode;
                SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFDIR
            }
        };
        names.push((name.to_owned(), is_dir));
    }
    Ok(names)
}

/// Opens a directory and removes all in it that is not a directory itself.
fn enter(parent: &OwnedFd, name: CString, first: &mut nix::Result<()>) -> nix::Result<Level> {
    let dir = openat(parent, name.as_c_str(), OPEN_DIR, Mode::empty())?;
    let mut todo = Vec::new();
    for (child, is_dir) in list(&dir)? {
        if is_dir {
            todo.push(child);
        } else {
            note(first, unlinkat(&dir, child.as_c_str(), UnlinkatFlags::NoRemoveDir));
        }
    }
    Ok(Level { dir, name, todo })
}

fn note(first: &mut nix::Result<()>, outcome: nix::Result<()>) {
    if let Err(error) = outcome
        && error != Errno::ENOENT
        && first.is_ok()
    {
        *first = Err(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_go_links_are_not_followed_and_depth_is_no_limit() {
        let dir = tempfile::tempdir().unwrap();
        let canary = dir.path().join("canary");
        std::fs::create_dir(&canary).unwrap();
        std::fs::write(canary.join("file"), "x").unwrap();
        let top = dir.path().join("tree");
        std::fs::create_dir_all(top.join("a/b/c")).unwrap();
        std::os::unix::fs::symlink(&canary, top.join("a/link")).unwrap();
        std::fs::write(top.join("a/b/file"), "x").unwrap();
        let mut at = open(&top, OPEN_DIR, Mode::empty()).unwrap();
        for _ in 0..3000 {
            nix::sys::stat::mkdirat(&at, "deeper", Mode::S_IRWXU).unwrap();
            at = openat(&at, "deeper", OPEN_DIR, Mode::empty()).unwrap();
        }
        remove(&top).unwrap();
        assert!(!top.exists());
        assert!(canary.join("file").exists());
        remove(&top).unwrap();
        std::fs::write(&top, "x").unwrap();
        remove(&top).unwrap();
        assert!(!top.exists());
    }
}
