//! Mounts: the descriptor-based calls (`fsopen`, `open_tree`, `move_mount` …) and the two old ones still needed.
//!
//! Everything here allocates nothing unless said, so that a child between clone and execve may use it.

use super::path::check;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Attributes of one mount (not of the file system in it), as `mount_setattr(2)` has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `MOUNT_ATTR_…` to set.
    pub set: u64,
    /// `MOUNT_ATTR_…` to clear.
    pub clear: u64,
    /// `MS_SHARED`, `MS_SLAVE`, `MS_PRIVATE`, `MS_UNBINDABLE` or 0.
    pub propagation: u64,
}

impl Attributes {
    /// Nothing to change.
    pub fn is_empty(&self) -> bool {
        *self == Attributes::default()
    }
}

fn new_fd(result: libc::c_long) -> io::Result<OwnedFd> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor and gave it to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(result as i32) })
}

/// A file system being configured: `fsopen(2)`.
#[derive(Debug)]
pub struct Context(OwnedFd);

impl Context {
    /// Begins one of this type.
    pub fn open(kind: &CStr) -> io::Result<Context> {
        // SAFETY: the type's name is NUL-terminated and only read.
        new_fd(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), libc::FSOPEN_CLOEXEC) }).map(Context)
    }

    /// `key=value`. The kernel takes values of at most 255 bytes.
    pub fn string(&self, key: &CStr, value: &CStr) -> io::Result<()> {
        self.config(libc::FSCONFIG_SET_STRING, Some(key), Some(value))
    }

    /// `key`
    pub fn flag(&self, key: &CStr) -> io::Result<()> {
        self.config(libc::FSCONFIG_SET_FLAG, Some(key), None)
    }

    /// Makes the file system, and a mount of it that is nowhere yet.
    pub fn mount(self, attributes: u64) -> io::Result<OwnedFd> {
        self.config(libc::FSCONFIG_CMD_CREATE, None, None)?;
        // SAFETY: three integers.
        new_fd(unsafe { libc::syscall(libc::SYS_fsmount, self.0.as_raw_fd(), libc::FSMOUNT_CLOEXEC, attributes) })
    }

    /// The same, keeping the context for [`Context::message`].
    pub fn try_mount(&self, attributes: u64) -> io::Result<OwnedFd> {
        self.config(libc::FSCONFIG_CMD_CREATE, None, None)?;
        // SAFETY: three integers.
        new_fd(unsafe { libc::syscall(libc::SYS_fsmount, self.0.as_raw_fd(), libc::FSMOUNT_CLOEXEC, attributes) })
    }

    /// What the kernel has to say about the last failure. Allocates.
    pub fn message(&self) -> Option<String> {
        let mut buffer = [0u8; 1024];
        let mut last = None;
        loop {
            // SAFETY: the buffer has the length that is given.
            let count = unsafe { libc::read(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
            if count <= 0 {
                return last;
            }
            let text = String::from_utf8_lossy(&buffer[..count as usize]).trim().to_string();
            last = Some(text.trim_start_matches(['e', 'w', 'i']).trim_start().to_string());
        }
    }

    fn config(&self, command: u32, key: Option<&CStr>, value: Option<&CStr>) -> io::Result<()> {
        let key = key.map_or(std::ptr::null(), CStr::as_ptr);
        let value = value.map_or(std::ptr::null(), CStr::as_ptr);
        // SAFETY: both are null or NUL-terminated strings that the kernel only reads.
        check(unsafe { libc::syscall(libc::SYS_fsconfig, self.0.as_raw_fd(), command, key, value, 0) } as i32)
    }
}

/// A detached copy of the mount that `path` is on, from `path` down: `open_tree(2)` with `OPEN_TREE_CLONE`.
/// `dir` alone is meant when `path` is empty.
pub fn clone_tree(dir: BorrowedFd<'_>, path: &CStr, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_EMPTY_PATH as u32;
    if recursive {
        flags |= libc::AT_RECURSIVE as u32;
    }
    // SAFETY: the path is NUL-terminated and only read.
    new_fd(unsafe { libc::syscall(libc::SYS_open_tree, dir.as_raw_fd(), path.as_ptr(), flags) })
}

/// Puts a detached mount onto `at`: `move_mount(2)`.
pub fn attach(mount: BorrowedFd<'_>, at: BorrowedFd<'_>) -> io::Result<()> {
    move_mount(mount, at, c"", libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH)
}

/// Puts a detached mount onto this process's `/`, where only `..` reaches it: the first half of [`enter_root`].
pub fn attach_to_root(mount: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the paths are NUL-terminated and only read.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            c"/".as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    } as i32)
}

fn move_mount(mount: BorrowedFd<'_>, at: BorrowedFd<'_>, path: &CStr, flags: u32) -> io::Result<()> {
    // SAFETY: the paths are NUL-terminated and only read.
    check(unsafe {
        libc::syscall(libc::SYS_move_mount, mount.as_raw_fd(), c"".as_ptr(), at.as_raw_fd(), path.as_ptr(), flags)
    } as i32)
}

/// Changes a mount, with `recursive` also all below it: `mount_setattr(2)`.
pub fn set_attributes(mount: BorrowedFd<'_>, attributes: Attributes, recursive: bool) -> io::Result<()> {
    setattr(mount, attributes, 0, recursive)
}

/// Makes a detached mount show other owners: ids of `user_namespace` become ids of ours.
pub fn map_ids(mount: BorrowedFd<'_>, user_namespace: BorrowedFd<'_>, recursive: bool) -> io::Result<()> {
    let attributes = Attributes { set: libc::MOUNT_ATTR_IDMAP, ..Attributes::default() };
    setattr(mount, attributes, user_namespace.as_raw_fd() as u64, recursive)
}

fn setattr(mount: BorrowedFd<'_>, attributes: Attributes, userns_fd: u64, recursive: bool) -> io::Result<()> {
    let attr = libc::mount_attr {
        attr_set: attributes.set,
        attr_clr: attributes.clear,
        propagation: attributes.propagation,
        userns_fd,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is NUL-terminated, `attr` has the size that is given; both are only read.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &attr,
            size_of::<libc::mount_attr>(),
        )
    } as i32)
}

/// Changes how mounts and unmounts spread for everything below `/`: `MS_PRIVATE`, `MS_SLAVE` or `MS_SHARED`.
pub fn set_root_propagation(propagation: u64) -> io::Result<()> {
    let flags = libc::MS_REC | propagation;
    // SAFETY: the path is NUL-terminated and only read; source, type and data may be null here.
    check(unsafe { libc::mount(std::ptr::null(), c"/".as_ptr(), std::ptr::null(), flags, std::ptr::null()) })
}

/// `mount(2)` of an overlay on a directory of ours, for kernels whose `fsconfig` can't name its layers.
pub fn mount_overlay(target: &CStr, options: &CStr) -> io::Result<()> {
    let name = c"overlay".as_ptr();
    // SAFETY: all strings are NUL-terminated and only read.
    check(unsafe { libc::mount(name, target.as_ptr(), name, 0, options.as_ptr().cast()) })
}

/// Makes the mount that [`attach_to_root`] put onto `/` this process's root, and lets go of the old one with all that
/// is mounted below it.
pub fn enter_root(mount: impl AsFd) -> io::Result<()> {
    // SAFETY: one integer.
    check(unsafe { libc::fchdir(mount.as_fd().as_raw_fd()) })?;
    // SAFETY: both paths are NUL-terminated and only read.
    check(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) } as i32)?;
    // With both names the same, the old root lies on top of the new one, and that is what `.` means to umount2.
    // SAFETY: the path is NUL-terminated and only read.
    check(unsafe { libc::umount2(c".".as_ptr(), libc::MNT_DETACH) })?;
    // SAFETY: the path is NUL-terminated and only read.
    check(unsafe { libc::chdir(c"/".as_ptr()) })
}

/// Takes away what is mounted on a path of ours, with all below, as soon as nobody uses it.
pub fn let_go(path: &std::path::Path) -> io::Result<()> {
    let path = super::spawn::c_string(path)?;
    // SAFETY: the path is NUL-terminated and only read.
    check(unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH | libc::UMOUNT_NOFOLLOW) })
}

/// The same where `pivot_root` can't be had: the old root stays beneath the new one, out of sight.
pub fn enter_root_without_pivot(mount: impl AsFd) -> io::Result<()> {
    // SAFETY: one integer.
    check(unsafe { libc::fchdir(mount.as_fd().as_raw_fd()) })?;
    // SAFETY: the path is NUL-terminated and only read.
    check(unsafe { libc::chroot(c".".as_ptr()) })?;
    // SAFETY: the path is NUL-terminated and only read.
    check(unsafe { libc::chdir(c"/".as_ptr()) })
}

/// Our own program, so that whoever runs it from there can't write to it, and neither can anybody who finds it through
/// `/proc/PID/exe`: a detached, read-only mount of it, or, where that is refused, a sealed copy in memory.
pub fn sealed_executable() -> io::Result<OwnedFd> {
    read_only_executable().or_else(|_| super::fd::sealed_memfd(c"barge", &std::fs::read("/proc/self/exe")?))
}

/// Our own program on a read-only mount that nobody can make writable.
pub fn read_only_executable() -> io::Result<OwnedFd> {
    use super::path::stat_at;
    use nix::fcntl::{OFlag, open};
    let open = |path: &std::path::Path| open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty());
    let exe = open("/proc/self/exe".as_ref())?;
    if nix::sys::statvfs::fstatvfs(&exe)?.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY) {
        return Ok(exe); // we run from such a mount already
    }
    let clone = match clone_tree(exe.as_fd(), c"", false) {
        // We were started in another mount namespace; the same file has a name in this one too.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            let here = open(&std::fs::read_link("/proc/self/exe")?)?;
            let (one, other) = (stat_at(exe.as_fd(), c"")?, stat_at(here.as_fd(), c"")?);
            if (one.st_dev, one.st_ino) != (other.st_dev, other.st_ino) {
                return Err(error);
            }
            clone_tree(here.as_fd(), c"", false)?
        }
        clone => clone?,
    };
    let attributes = Attributes {
        set: libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV,
        propagation: libc::MS_PRIVATE,
        ..Attributes::default()
    };
    set_attributes(clone.as_fd(), attributes, false)?;
    Ok(clone)
}
