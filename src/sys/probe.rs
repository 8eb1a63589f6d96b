//! System calls that fail before they do anything: what `selftest` makes in a container, to learn who refuses them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// One such call. There are none but those in [`ATTEMPTS`].
#[derive(Debug)]
pub struct Attempt {
    name: &'static str,
    number: i64,
    arguments: [u64; 6],
}

const fn attempt(name: &'static str, number: i64, first: u64, second: u64, third: u64, fourth: u64) -> Attempt {
    Attempt { name, number, arguments: [first, second, third, fourth, 0, 0] }
}

/// No flag, descriptor, size or command.
const BAD: u64 = u64::MAX;
/// No memory.
const NOWHERE: u64 = 1;
const HIGH: u64 = 1 << 32;
/// Flags that exclude each other: a user namespace of one's own, and the caller's root directory.
const NEW_USER_SHARED: u64 = (libc::CLONE_NEWUSER | libc::CLONE_FS | libc::SIGCHLD) as u64;

/// The calls. What makes each fail is checked by the kernel before it changes anything.
pub static ATTEMPTS: &[Attempt] = &[
    attempt("add_key", libc::SYS_add_key, NOWHERE, NOWHERE, 0, 0),
    attempt("keyctl", libc::SYS_keyctl, BAD, 0, 0, 0),
    attempt("request_key", libc::SYS_request_key, NOWHERE, NOWHERE, 0, 0),
    attempt("bpf", libc::SYS_bpf, BAD, 0, 0, 0),
    attempt("clock_settime", libc::SYS_clock_settime, BAD, NOWHERE, 0, 0),
    attempt("settimeofday", libc::SYS_settimeofday, NOWHERE, 0, 0, 0),
    attempt("clone", libc::SYS_clone, NEW_USER_SHARED, 0, 0, 0),
    attempt("clone3", libc::SYS_clone3, 0, 0, 0, 0),
    attempt("setns", libc::SYS_setns, BAD, 0, 0, 0),
    // Not a flag that it knows.
    attempt("unshare", libc::SYS_unshare, 1, 0, 0, 0),
    attempt("delete_module", libc::SYS_delete_module, NOWHERE, 0, 0, 0),
    attempt("finit_module", libc::SYS_finit_module, BAD, NOWHERE, BAD, 0),
    attempt("init_module", libc::SYS_init_module, 0, 0, 0, 0),
    attempt("kexec_load", libc::SYS_kexec_load, 0, BAD, 0, BAD),
    attempt("fsopen", libc::SYS_fsopen, NOWHERE, BAD, 0, 0),
    attempt("mount", libc::SYS_mount, NOWHERE, NOWHERE, NOWHERE, 0),
    attempt("mount_setattr", libc::SYS_mount_setattr, BAD, NOWHERE, BAD, 0),
    attempt("move_mount", libc::SYS_move_mount, BAD, NOWHERE, BAD, NOWHERE),
    attempt("open_tree", libc::SYS_open_tree, BAD, NOWHERE, BAD, 0),
    attempt("pivot_root", libc::SYS_pivot_root, NOWHERE, NOWHERE, 0, 0),
    attempt("umount2", libc::SYS_umount2, NOWHERE, BAD, 0, 0),
    attempt("io_uring_setup", libc::SYS_io_uring_setup, 0, 0, 0, 0),
    attempt("ioperm", libc::SYS_ioperm, BAD, 2, 1, 0),
    attempt("iopl", libc::SYS_iopl, 4, 0, 0, 0),
    attempt("open_by_handle_at", libc::SYS_open_by_handle_at, BAD, 0, 0, 0),
    attempt("perf_event_open", libc::SYS_perf_event_open, 0, 0, BAD, BAD),
    attempt("quotactl", libc::SYS_quotactl, BAD, 0, 0, 0),
    // Without its magic numbers.
    attempt("reboot", libc::SYS_reboot, 0, 0, 0, 0),
    attempt("swapon", libc::SYS_swapon, NOWHERE, BAD, 0, 0),
    attempt("syslog", libc::SYS_syslog, BAD, 0, 0, 0),
    attempt("userfaultfd", libc::SYS_userfaultfd, BAD, 0, 0, 0),
    // AF_ALG and AF_VSOCK, of no type that there is; the kernel looks at the low 32 bits of the family.
    attempt("socket", libc::SYS_socket, 38, BAD, 0, 0),
    attempt("socket", libc::SYS_socket, 40, BAD, 0, 0),
    attempt("socket", libc::SYS_socket, HIGH | 38, BAD, 0, 0),
    attempt("socket", libc::SYS_socket, HIGH | 40, BAD, 0, 0),
];

impl Attempt {
    /// The call's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The call's number on x86-64.
    pub fn number(&self) -> u32 {
        self.number as u32
    }

    /// Its arguments.
    pub fn arguments(&self) -> [u64; 6] {
        self.arguments
    }

    /// Makes the call; the kernel's error number, or 0.
    pub fn make(&self) -> i32 {
        let [a, b, c, d, e, f] = self.arguments;
        // SAFETY: only the calls above can be made. Their pointers are null or lead to no memory, their sizes are 0, or their
        // flags, descriptors or commands are none: each fails, and none reads or writes memory of ours.
        let result = unsafe { libc::syscall(self.number, a, b, c, d, e, f) };
        if result >= 0 { 0 } else { io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO) }
    }
}

/// Tries to push no key at all into a terminal's input. `EFAULT`: with a key it would have worked.
pub fn push_key(terminal: BorrowedFd<'_>) -> i32 {
    let nothing = std::ptr::null::<u8>();
    // SAFETY: the kernel can't read a byte from a null pointer, and says so.
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSTI, nothing) };
    if result >= 0 { 0 } else { io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO) }
}

/// `PR_GET_SECUREBITS`
pub fn secure_bits() -> i32 {
    // SAFETY: integers only.
    unsafe { libc::prctl(libc::PR_GET_SECUREBITS, 0, 0, 0, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing but a failure ever comes of them, in a process with all privileges, too.
    #[test]
    fn every_attempt_fails() {
        for attempt in ATTEMPTS {
            assert_ne!(attempt.make(), 0, "{attempt:?}");
        }
    }
}
