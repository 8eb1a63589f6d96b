//! A directory handle beneath which paths of other people are resolved: `openat2(2)` with `RESOLVE_IN_ROOT`.
//!
//! Nothing inside an image, container, context or volume tree is ever reached by a host path: absolute symbolic links
//! and `..` end at the handle, magic links are refused. Absolute paths are taken relative to the root.

use super::spawn::c_string;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

/// Everything read whole from a container's tree is at most this long.
pub const SMALL: u64 = 4 << 20;

/// How a path is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolve {
    /// Symbolic links and `..` end at the root.
    InRoot,
    /// No symbolic link at all, nowhere in the path, and nothing above the handle.
    NoSymlinks,
    /// As `NoSymlinks`, and no mount point is crossed: for procfs and sysfs.
    NoCrossing,
}

impl Resolve {
    fn bits(self) -> u64 {
        if !crate::trip::guard("sys.path.resolve") {
            return 0;
        }
        match self {
            Resolve::InRoot => libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS,
            Resolve::NoSymlinks => libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS,
            Resolve::NoCrossing => libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_XDEV,
        }
    }
}

/// `openat2(2)`. Close-on-exec always; `mode` only with `O_CREAT`. Allocates nothing.
pub fn openat2(dir: BorrowedFd<'_>, path: &CStr, flags: i32, mode: u32, resolve: Resolve) -> io::Result<OwnedFd> {
    // SAFETY: `open_how` is plain integers, for which zeros are valid.
    let mut how: libc::open_how = unsafe { MaybeUninit::zeroed().assume_init() };
    how.flags = (flags | libc::O_CLOEXEC) as u64;
    how.mode = if flags & (libc::O_CREAT | libc::O_TMPFILE) != 0 { u64::from(mode) } else { 0 };
    how.resolve = resolve.bits();
    // `RESOLVE_BENEATH` refuses absolute paths, `RESOLVE_IN_ROOT` takes them as relative.
    let in_root = resolve == Resolve::InRoot && how.resolve != 0;
    let path = if in_root { path } else { without_leading_slashes(path) };
    loop {
        // SAFETY: the path is NUL-terminated, `how` has the size that is given; both live through the call.
        let fd = unsafe {
            libc::syscall(libc::SYS_openat2, dir.as_raw_fd(), path.as_ptr(), &how, size_of::<libc::open_how>())
        };
        if fd >= 0 {
            // SAFETY: the kernel has just made this descriptor and gave it to nobody else.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) });
        }
        let error = io::Error::last_os_error();
        // EAGAIN: something was renamed while `..` was resolved, so that the kernel can't be sure; ask again.
        if !matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) {
            return Err(error);
        }
    }
}

fn without_leading_slashes(path: &CStr) -> &CStr {
    let bytes = path.to_bytes_with_nul();
    let start = bytes.iter().position(|&byte| byte != b'/').unwrap_or(0);
    let rest = CStr::from_bytes_with_nul(&bytes[start..]).unwrap_or(c".");
    if rest.is_empty() { c"." } else { rest }
}

/// `mkdirat(2)` of one name directly in `dir`. Allocates nothing.
pub fn mkdirat(dir: BorrowedFd<'_>, name: &CStr, mode: u32) -> io::Result<()> {
    // SAFETY: the name is NUL-terminated and only read.
    check(unsafe { libc::mkdirat(dir.as_raw_fd(), name.as_ptr(), mode) })
}

/// `mknodat(2)` of one name directly in `dir`. Allocates nothing.
pub fn mknodat(dir: BorrowedFd<'_>, name: &CStr, mode: u32, device: u64) -> io::Result<()> {
    // SAFETY: the name is NUL-terminated and only read.
    check(unsafe { libc::mknodat(dir.as_raw_fd(), name.as_ptr(), mode, device) })
}

/// `symlinkat(2)` of one name directly in `dir`. Allocates nothing.
pub fn symlinkat(target: &CStr, dir: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // SAFETY: both strings are NUL-terminated and only read.
    check(unsafe { libc::symlinkat(target.as_ptr(), dir.as_raw_fd(), name.as_ptr()) })
}

/// `fstatat(2)` of what `fd` is, or of one name directly in it, never following a link. Allocates nothing.
pub fn stat_at(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<libc::stat> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    let flags = libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: the name is NUL-terminated, `stat` has room for the answer.
    check(unsafe { libc::fstatat(dir.as_raw_fd(), name.as_ptr(), stat.as_mut_ptr(), flags) })?;
    // SAFETY: the call has succeeded, so it has filled it.
    Ok(unsafe { stat.assume_init() })
}

/// The type of the file system that `fd` is on: `f_type` of `fstatfs(2)`.
pub fn file_system(fd: BorrowedFd<'_>) -> io::Result<i64> {
    let mut stat = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: `stat` has room for the answer.
    check(unsafe { libc::fstatfs(fd.as_raw_fd(), stat.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, so it has filled it.
    Ok(unsafe { stat.assume_init() }.f_type)
}

/// `fchmod` of an open directory or file that may be `O_PATH`.
pub fn chmod_fd(fd: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    // SAFETY: fchmod takes two integers.
    match check(unsafe { libc::fchmod(fd.as_raw_fd(), mode) }) {
        // O_PATH descriptors: our own /proc names the very same file.
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => {
            let name = own_name(fd)?;
            // SAFETY: the name is NUL-terminated and only read.
            check(unsafe { libc::chmod(name.as_ptr(), mode) })
        }
        result => result,
    }
}

/// `fchown` of an open directory or file that may be `O_PATH`.
pub fn chown_fd(fd: BorrowedFd<'_>, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    let (uid, gid) = (uid.unwrap_or(u32::MAX), gid.unwrap_or(u32::MAX));
    // SAFETY: the empty string is NUL-terminated; the rest are integers.
    check(unsafe { libc::fchownat(fd.as_raw_fd(), c"".as_ptr(), uid, gid, libc::AT_EMPTY_PATH) })
}

/// `/proc/self/fd/N`: a name for what `fd` is, for calls that take no descriptor.
pub fn own_name(fd: BorrowedFd<'_>) -> io::Result<CString> {
    c_string(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

pub(crate) fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A directory beneath which everything is resolved. Cheap to make: one descriptor.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
}

impl Root {
    /// The directory at a path of our own (never one of somebody else's choosing).
    pub fn open(path: &Path) -> io::Result<Root> {
        use nix::fcntl::{OFlag, open};
        let fd = open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())?;
        Ok(Root { fd })
    }

    /// From a descriptor of a directory.
    pub fn from_fd(fd: OwnedFd) -> Root {
        Root { fd }
    }

    /// Another handle on the same directory.
    pub fn try_clone(&self) -> io::Result<Root> {
        Ok(Root { fd: self.fd.try_clone()? })
    }

    /// The descriptor alone.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Opens `path`, following links within the root. `flags` are `O_…`, `O_CLOEXEC` is always added.
    pub fn open_with(&self, path: impl AsRef<Path>, flags: i32, mode: u32) -> io::Result<OwnedFd> {
        openat2(self.fd.as_fd(), &c_string(path.as_ref())?, flags, mode, Resolve::InRoot)
    }

    /// Opens an existing file for reading. Never blocks on a FIFO; check the type before you read.
    pub fn open_file(&self, path: impl AsRef<Path>) -> io::Result<File> {
        self.open_with(path, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY, 0).map(File::from)
    }

    /// A directory in the root as a root of its own.
    pub fn open_dir(&self, path: impl AsRef<Path>) -> io::Result<Root> {
        self.open_with(path, libc::O_PATH | libc::O_DIRECTORY, 0).map(Root::from_fd)
    }

    /// The same, refusing every symbolic link on the way.
    pub fn open_real_dir(&self, path: impl AsRef<Path>) -> io::Result<Root> {
        let path = c_string(path.as_ref())?;
        let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        openat2(self.fd.as_fd(), &path, flags, 0, Resolve::NoSymlinks).map(Root::from_fd)
    }

    /// A new file, for writing; fails when there is one (or a link) already.
    pub fn create_exclusive(&self, path: impl AsRef<Path>, mode: u32) -> io::Result<File> {
        let (parent, name) = self.parent(path.as_ref())?;
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        openat2(parent.as_fd(), &name, flags, mode, Resolve::NoSymlinks).map(File::from)
    }

    /// The directory `path`, made with all its parents where missing. A link to nothing is followed, within the root,
    /// and its target made, as a program in the container would expect.
    pub fn mkdir_all(&self, path: impl AsRef<Path>, mode: u32) -> io::Result<Root> {
        let path = path.as_ref();
        if let Ok(root) = self.open_dir(path) {
            return Ok(root);
        }
        let mut todo: Vec<OsString> = components(path);
        todo.reverse();
        let mut done = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = todo.pop() {
            let next = done.join(&name);
            match self.open_with(&next, libc::O_PATH | libc::O_DIRECTORY, 0) {
                Ok(_) => {
                    done = next;
                    continue;
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
                Err(error) => return Err(error),
            }
            let parent = self.open_dir(&done)?;
            match mkdirat(parent.as_fd(), &c_string(&name)?, mode) {
                Ok(()) => done = next,
                Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                    let Ok(target) = parent.read_own_link(&name) else {
                        done = next; // somebody else was faster
                        continue;
                    };
                    links += 1;
                    if links > 40 {
                        return Err(io::Error::from_raw_os_error(libc::ELOOP));
                    }
                    if target.is_absolute() {
                        done = PathBuf::from("/");
                    }
                    todo.extend(components(&target).into_iter().rev());
                }
                Err(error) => return Err(error),
            }
        }
        self.open_dir(&done)
    }

    /// A symbolic link at `path`, whose text is `target`.
    pub fn symlink(&self, target: impl AsRef<OsStr>, path: impl AsRef<Path>) -> io::Result<()> {
        let (parent, name) = self.parent(path.as_ref())?;
        symlinkat(&c_string(target)?, parent.as_fd(), &name)
    }

    /// A second name for a file; the old name's last component is not followed.
    pub fn link(&self, old: impl AsRef<Path>, new: impl AsRef<Path>) -> io::Result<()> {
        let (old_parent, old_name) = self.parent(old.as_ref())?;
        let (new_parent, new_name) = self.parent(new.as_ref())?;
        // SAFETY: both names are NUL-terminated and only read.
        check(unsafe {
            libc::linkat(old_parent.fd.as_raw_fd(), old_name.as_ptr(), new_parent.fd.as_raw_fd(), new_name.as_ptr(), 0)
        })
    }

    /// Takes a name that is not a directory away.
    pub fn unlink(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let (parent, name) = self.parent(path.as_ref())?;
        // SAFETY: the name is NUL-terminated and only read.
        check(unsafe { libc::unlinkat(parent.fd.as_raw_fd(), name.as_ptr(), 0) })
    }

    /// Removes an empty directory.
    pub fn rmdir(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let (parent, name) = self.parent(path.as_ref())?;
        // SAFETY: the name is NUL-terminated and only read.
        check(unsafe { libc::unlinkat(parent.fd.as_raw_fd(), name.as_ptr(), libc::AT_REMOVEDIR) })
    }

    /// Renames within the root; with `replace` an existing name is replaced.
    pub fn rename(&self, old: impl AsRef<Path>, new: impl AsRef<Path>, replace: bool) -> io::Result<()> {
        let (old_parent, old_name) = self.parent(old.as_ref())?;
        let (new_parent, new_name) = self.parent(new.as_ref())?;
        let flags = if replace { 0 } else { libc::RENAME_NOREPLACE };
        // SAFETY: both names are NUL-terminated and only read.
        check(unsafe {
            libc::renameat2(
                old_parent.fd.as_raw_fd(),
                old_name.as_ptr(),
                new_parent.fd.as_raw_fd(),
                new_name.as_ptr(),
                flags,
            )
        })
    }

    /// Sets the permission bits of what `path` leads to.
    pub fn chmod(&self, path: impl AsRef<Path>, mode: u32) -> io::Result<()> {
        chmod_fd(self.open_with(path, libc::O_PATH, 0)?.as_fd(), mode)
    }

    /// Sets the owner of `path` itself (a link is not followed); `None` leaves it.
    pub fn chown(&self, path: impl AsRef<Path>, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        chown_fd(self.open_with(path, libc::O_PATH | libc::O_NOFOLLOW, 0)?.as_fd(), uid, gid)
    }

    /// The text of the symbolic link at `path`.
    pub fn readlink(&self, path: impl AsRef<Path>) -> io::Result<PathBuf> {
        let (parent, name) = self.parent(path.as_ref())?;
        parent.read_own_link(OsStr::from_bytes(name.to_bytes()))
    }

    /// What `path` leads to, links followed.
    pub fn stat(&self, path: impl AsRef<Path>) -> io::Result<libc::stat> {
        stat_at(self.open_with(path, libc::O_PATH, 0)?.as_fd(), c"")
    }

    /// What `path` itself is, a link not followed.
    pub fn lstat(&self, path: impl AsRef<Path>) -> io::Result<libc::stat> {
        stat_at(self.open_with(path, libc::O_PATH | libc::O_NOFOLLOW, 0)?.as_fd(), c"")
    }

    /// Whether `path` leads anywhere.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.open_with(path, libc::O_PATH, 0).is_ok()
    }

    /// A regular file of at most `limit` bytes (see [`SMALL`]), whole. `None`: there is none. Anything else at that
    /// path (a FIFO, a device, a directory, something bigger) is an error, and none of it blocks.
    pub fn read_small_file(&self, path: impl AsRef<Path>, limit: u64) -> io::Result<Option<Vec<u8>>> {
        // Look at the type before opening for reading: opening a device may have effects of its own.
        let handle = match self.open_with(&path, libc::O_PATH, 0) {
            Ok(handle) => handle,
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let stat = stat_at(handle.as_fd(), c"")?;
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"));
        }
        if stat.st_size as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("larger than {limit} bytes")));
        }
        let file = self.open_file(&path)?;
        let again = stat_at(file.as_fd(), c"")?;
        if (again.st_dev, again.st_ino) != (stat.st_dev, stat.st_ino) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it was replaced while it was opened"));
        }
        let mut bytes = Vec::with_capacity(stat.st_size as usize);
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("larger than {limit} bytes")));
        }
        Ok(Some(bytes))
    }

    /// The names in the directory `path`, sorted, without `.` and `..`.
    pub fn names(&self, path: impl AsRef<Path>) -> io::Result<Vec<OsString>> {
        let fd = self.open_with(path, libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
        let mut dir = nix::dir::Dir::from_fd(fd)?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// The directory that holds `path`'s last component, and that component.
    pub fn parent(&self, path: &Path) -> io::Result<(Root, CString)> {
        let name = path.file_name().ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok((self.open_dir(parent)?, c_string(name)?))
    }

    fn read_own_link(&self, name: &OsStr) -> io::Result<PathBuf> {
        Ok(PathBuf::from(nix::fcntl::readlinkat(&self.fd, name)?))
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The names in a path; `..` is kept, `.` and the root are not.
fn components(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("root/etc")).unwrap();
        std::fs::write(dir.path().join("secret"), "outside").unwrap();
        std::fs::write(dir.path().join("root/etc/passwd"), "inside").unwrap();
        let root = Root::open(&dir.path().join("root")).unwrap();
        (dir, root)
    }

    #[test]
    fn links_end_at_the_root() {
        let (dir, root) = tree();
        symlink("/etc", dir.path().join("root/absolute")).unwrap();
        symlink("../../../../etc", dir.path().join("root/etc/up")).unwrap();
        symlink(dir.path().join("secret"), dir.path().join("root/leak")).unwrap();
        for path in ["etc/passwd", "/etc/passwd", "absolute/passwd", "etc/up/passwd", "/../../etc/passwd"] {
            assert_eq!(root.read_small_file(path, SMALL).unwrap().unwrap(), b"inside", "{path}");
        }
        for path in ["leak", "../secret", "/nothing"] {
            assert_eq!(root.read_small_file(path, SMALL).unwrap(), None, "{path}");
        }
    }

    #[test]
    fn directories_are_made_within_the_root() {
        let (dir, root) = tree();
        symlink("/a/b", dir.path().join("root/dangling")).unwrap();
        symlink(dir.path(), dir.path().join("root/host")).unwrap();
        root.mkdir_all("x/y/z", 0o755).unwrap();
        root.mkdir_all("/dangling/c", 0o755).unwrap();
        root.mkdir_all("host/made", 0o755).unwrap();
        root.mkdir_all("n/../m", 0o755).unwrap();
        assert!(dir.path().join("root/x/y/z").is_dir());
        assert!(dir.path().join("root/a/b/c").is_dir());
        assert!(dir.path().join("root/m").is_dir());
        assert!(!dir.path().join("made").exists());
    }

    #[test]
    fn only_small_regular_files_are_read() {
        let (dir, root) = tree();
        nix::unistd::mkfifo(&dir.path().join("root/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::File::create(dir.path().join("root/big")).unwrap().set_len(SMALL + 1).unwrap();
        for path in ["fifo", "big", "etc"] {
            assert!(root.read_small_file(path, SMALL).is_err(), "{path}");
        }
    }

    #[test]
    fn a_new_file_follows_no_link() {
        let (dir, root) = tree();
        symlink("/etc/new", dir.path().join("root/etc/link")).unwrap();
        assert!(root.create_exclusive("etc/link", 0o600).is_err());
        assert!(root.create_exclusive("etc/passwd", 0o600).is_err());
        root.create_exclusive("etc/fresh", 0o600).unwrap();
        root.rename("etc/fresh", "etc/passwd", true).unwrap();
        assert_eq!(root.names("etc").unwrap(), ["link", "passwd"]);
    }
}
