//! Processes: clone, wait, signals by pidfd, execve, and what `prctl(2)` sets.

use super::path::check;
use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What `clone3(2)` is asked for besides a copy of the caller.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clone<'a> {
    /// `CLONE_NEW…`, `CLONE_PARENT`, `CLONE_FILES`.
    pub flags: u64,
    /// A directory of a v2 hierarchy to be born in.
    pub cgroup: Option<BorrowedFd<'a>>,
}

/// The C library's constant has too few bits for it.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Which side of a clone this is.
#[derive(Debug)]
pub enum Side {
    /// The caller, with the new process.
    Parent(Process),
    /// The new process.
    Child,
}

/// A process that we made, by number and by descriptor.
#[derive(Debug)]
pub struct Process {
    /// Its number here.
    pub pid: i32,
    /// Readable when it has ended.
    pub pidfd: OwnedFd,
}

/// Refuses when this process has more than one thread: a copy of it would hold locks that nobody releases.
pub fn assert_one_thread() -> io::Result<()> {
    // A process with one thread has three links to its task directory: itself, `.` and that thread's.
    let links = nix::sys::stat::stat(c"/proc/self/task")?.st_nlink;
    if links == 3 { Ok(()) } else { Err(io::Error::other("a process with several threads may not clone")) }
}

/// A copy of this process: `clone3(2)`. Refuses when the caller has several threads; see also [`clone_again`].
pub fn clone(request: Clone<'_>) -> io::Result<Side> {
    assert_one_thread()?;
    clone_again(request)
}

/// [`clone`] for a caller that is itself such a copy and so has one thread, but can't see its `/proc` any more.
pub fn clone_again(request: Clone<'_>) -> io::Result<Side> {
    let mut pidfd: i32 = -1;
    // SAFETY: `clone_args` is plain integers, for which zeros are valid.
    let mut args: libc::clone_args = unsafe { MaybeUninit::zeroed().assume_init() };
    args.flags = request.flags | libc::CLONE_PIDFD as u64;
    args.pidfd = &raw mut pidfd as u64;
    // With CLONE_PARENT the signal is the caller's own exit signal, and must not be given.
    args.exit_signal = if request.flags & libc::CLONE_PARENT as u64 != 0 { 0 } else { libc::SIGCHLD as u64 };
    if let Some(cgroup) = request.cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: no memory is shared (no CLONE_VM), so the child returns here on a copy of this stack, as after fork(2);
    // there is one thread, so no lock of the C library is held in the copy.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &args, size_of::<libc::clone_args>()) };
    match pid {
        0 => Ok(Side::Child),
        pid if pid > 0 => {
            // SAFETY: the kernel has just made this descriptor for the parent.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Side::Parent(Process { pid: pid as i32, pidfd }))
        }
        _ => Err(io::Error::last_os_error()),
    }
}

/// `fork(2)`, for a process with one thread whose filter may know no `clone3`: the child's number, or `None` in it.
pub fn fork() -> io::Result<Option<i32>> {
    // SAFETY: there is one thread, so no lock of the C library is held in the copy.
    match unsafe { libc::fork() } {
        0 => Ok(None),
        pid if pid > 0 => Ok(Some(pid)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends this process at once: no destructors, no exit handlers (those are the parent's).
pub fn leave(code: i32) -> ! {
    // SAFETY: it does not return.
    unsafe { libc::_exit(code) }
}

/// Sends a signal to exactly the process that `pidfd` is; 0 only asks whether it is there.
pub fn kill(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let nothing = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the signal information may be null.
    check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, nothing, 0) } as i32)
}

/// When a process was started, in clock ticks since boot: `/proc/PID/stat`, field 22.
pub fn start_time(pid: i32) -> io::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let field = rest.split_whitespace().nth(19).and_then(|field| field.parse().ok());
    field.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "can't read the start time of a process"))
}

/// Arguments or environment as execve wants them.
#[derive(Debug)]
pub struct Strings {
    pointers: Vec<*const libc::c_char>,
    _strings: Vec<CString>,
}

impl Strings {
    /// Keeps the strings and a null-terminated list of pointers to them.
    pub fn new(strings: Vec<CString>) -> Strings {
        let pointers = strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect();
        Strings { pointers, _strings: strings }
    }
}

/// `execve(2)`; returns only the error. Allocates nothing.
pub fn execute(path: &CStr, arguments: &Strings, environment: &Strings) -> io::Error {
    // SAFETY: the path is NUL-terminated, both lists end in a null pointer and own what they point to.
    unsafe { libc::execve(path.as_ptr(), arguments.pointers.as_ptr(), environment.pointers.as_ptr()) };
    io::Error::last_os_error()
}

/// Executes what `program` is, though nothing names it: `execveat(2)`; returns only the error. Allocates nothing.
pub fn execute_fd(program: BorrowedFd<'_>, arguments: &Strings, environment: &Strings) -> io::Error {
    // SAFETY: the path is NUL-terminated, both lists end in a null pointer and own what they point to.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            arguments.pointers.as_ptr(),
            environment.pointers.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    io::Error::last_os_error()
}

/// A process that is not dumpable can't be traced, and its descriptors and memory can't be seen through `/proc`, by
/// anybody without `CAP_SYS_PTRACE` over its user namespace.
pub fn set_dumpable(dumpable: bool) -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, u64::from(dumpable), 0, 0, 0) })
}

/// From now on execve gives no privileges that this process does not have.
pub fn set_no_new_privileges() -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })
}

/// Orphaned descendants become our children, not those of process 1.
pub fn set_child_subreaper() -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) })
}

/// A signal for this process when its parent ends.
pub fn set_parent_death_signal(signal: i32) -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal, 0, 0, 0) })
}

/// A session of its own, without a controlling terminal.
pub fn new_session() -> io::Result<()> {
    // SAFETY: no arguments.
    check(unsafe { libc::setsid() })
}

/// Makes the terminal `fd` this session's own; the session must be new and have none.
pub fn take_terminal(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCSCTTY, 0) })
}

/// Sets the user, the group and the further groups of this process, raw: for one thread only.
/// `groups` `None` leaves them (a user namespace may forbid to change them).
pub fn set_ids(uid: u32, gid: u32, groups: Option<&[u32]>) -> io::Result<()> {
    // The C library's functions would signal other threads; there are none, and the raw calls need none of its state.
    if let Some(groups) = groups {
        // SAFETY: the list has the length that is given.
        check(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) } as i32)?;
    }
    // SAFETY: integers only.
    check(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) } as i32)?;
    // SAFETY: integers only.
    check(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) } as i32)
}

/// The mode bits that new files don't get.
pub fn set_umask(mask: u32) {
    // SAFETY: umask can't fail.
    unsafe { libc::umask(mask) };
}

/// `fchdir(2)`
pub fn change_directory(dir: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: one integer.
    check(unsafe { libc::fchdir(dir.as_raw_fd()) })
}

/// Whether the working directory lies within this process's root: the kernel says `(unreachable)` when not.
pub fn directory_is_inside() -> io::Result<bool> {
    let mut buffer = [0u8; libc::PATH_MAX as usize];
    // SAFETY: the buffer has the length that is given. The raw call, since the C library hides `(unreachable)`.
    check(unsafe { libc::syscall(libc::SYS_getcwd, buffer.as_mut_ptr(), buffer.len()) } as i32)?;
    Ok(buffer[0] == b'/')
}

/// Makes `fd` the descriptor `number` (not close-on-exec).
pub fn duplicate_to(fd: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    if fd.as_raw_fd() == number {
        // SAFETY: integers only.
        return check(unsafe { libc::fcntl(number, libc::F_SETFD, 0) });
    }
    // SAFETY: integers only. The number is free or belongs to nobody who will use it: this child is about to execve.
    check(unsafe { libc::dup2(fd.as_raw_fd(), number) })
}

/// Writes all of a short text in one call.
pub fn write_once(fd: BorrowedFd<'_>, text: &[u8]) -> io::Result<()> {
    // SAFETY: the text has the length that is given.
    let count = unsafe { libc::write(fd.as_raw_fd(), text.as_ptr().cast(), text.len()) };
    if count == text.len() as isize { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// This process's own number in its pid namespace.
pub fn own_pid() -> i32 {
    // SAFETY: no arguments. The raw call, since the C library's answer may be cached.
    unsafe { libc::syscall(libc::SYS_getpid) as i32 }
}

/// All signals at their defaults, none blocked: what a container's program expects.
pub fn reset_signals() {
    // SAFETY: zeroed memory is a valid sigaction (SIG_DFL, no flags) and an empty set; bad numbers only fail.
    unsafe {
        let action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        for signal in 1..=64 {
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
        let mut none = MaybeUninit::<libc::sigset_t>::zeroed();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
}
