//! Shutting the unpacker in: whatever a layer's bytes make it do, it can reach that layer's directory and no more.

use crate::sys::capability::{self, Set};
use crate::sys::seccomp::{self, Instruction};
use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{fchdir, pivot_root};
use std::os::fd::{AsRawFd, OwnedFd};

/// Leaves the host: own mount, network and IPC namespaces, `dir` as the root, few capabilities, few system calls.
/// Must be called while there is one thread. Returns a handle on `dir` inside, and whether we are shut in at all.
pub(super) fn enter(dir: OwnedFd) -> Result<(OwnedFd, bool)> {
    match unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC) {
        // In somebody's container, without the right to make namespaces: the unpacker writes beneath one directory
        // handle only, confined or not. Whoever started us tells the user.
        Err(Errno::EPERM) => {
            give_up_rights(false).context("giving up rights")?;
            return Ok((dir, false));
        }
        other => other.context("making namespaces")?,
    }
    const NONE: Option<&str> = None;
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).context("making mounts private")?;
    // The handle belongs to the mount namespace that was left: its path leads to the same directory in ours.
    let path = std::fs::read_link(format!("/proc/self/fd/{}", dir.as_raw_fd()))?;
    mount(Some(&path), &path, NONE, MsFlags::MS_BIND, NONE).context("binding the layer's directory")?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let top = open(&path, flags, Mode::empty())?;
    let (ours, there) = (fstat(&dir)?, fstat(&top)?);
    ensure!((ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino), "the layer's directory was replaced");
    drop(dir);
    fchdir(&top)?;
    pivot_root(".", ".").context("entering the layer's directory")?;
    umount2(".", MntFlags::MNT_DETACH).context("leaving the host's root")?;
    drop(top);
    nix::unistd::chdir("/")?;
    let dir = open("/", flags, Mode::empty())?;
    give_up_rights(true).context("giving up rights")?;
    Ok((dir, true))
}

/// What is needed to write other people's files, and nothing else.
const CAPABILITIES: [&str; 6] =
    ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_SETFCAP"];

/// `all`: the bounding set, too, for which somebody's container may give no right.
fn give_up_rights(all: bool) -> Result<()> {
    let wanted = CAPABILITIES.iter().filter_map(|name| Set::named(name)).fold(Set(0), Set::or);
    let (_, permitted) = capability::current()?;
    let keep = wanted.and(permitted);
    match capability::limit_bounding(keep) {
        Err(error) if !all && error.raw_os_error() == Some(libc::EPERM) => {}
        outcome => outcome?,
    }
    capability::set(keep, keep, Set::default())?;
    nix::sys::prctl::set_no_new_privs()?;
    Ok(seccomp::load(&filter(), 0)?)
}

/// The system calls of reading, writing files, and threads.
const CALLS: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fcntl,
    libc::SYS_fgetxattr,
    libc::SYS_flistxattr,
    libc::SYS_fsetxattr,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_futex,
    libc::SYS_getdents64,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_linkat,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_symlinkat,
    libc::SYS_sync_file_range,
    libc::SYS_tgkill,
    libc::SYS_umask,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    libc::SYS_write,
    libc::SYS_writev,
];

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// A list of what is allowed; threads may be made, processes not; everything else is refused.
fn filter() -> Vec<Instruction> {
    const LOAD: u16 = 0x20;
    const EQUAL: u16 = 0x15;
    const ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;
    const KILL: u32 = 0x8000_0000;
    const ERRNO: u32 = 0x0005_0000;
    // Offsets in `struct seccomp_data`.
    const NUMBER: u32 = 0;
    const ARCH: u32 = 4;
    const FIRST_ARGUMENT: u32 = 16;
    let step = |code, jt, jf, k| Instruction { code, jt, jf, k };
    let mut program = vec![
        step(LOAD, 0, 0, ARCH),
        step(EQUAL, 1, 0, ARCHITECTURE),
        step(RETURN, 0, 0, KILL),
        step(LOAD, 0, 0, NUMBER),
    ];
    for call in CALLS {
        program.push(step(EQUAL, 0, 1, *call as u32));
        program.push(step(RETURN, 0, 0, ALLOW));
    }
    // Its flags are behind a pointer; the C library then takes clone, whose flags can be seen.
    program.push(step(EQUAL, 0, 1, libc::SYS_clone3 as u32));
    program.push(step(RETURN, 0, 0, ERRNO | libc::ENOSYS as u32));
    program.push(step(EQUAL, 0, 3, libc::SYS_clone as u32));
    program.push(step(LOAD, 0, 0, FIRST_ARGUMENT));
    program.push(step(ANY_BIT, 0, 1, libc::CLONE_THREAD as u32));
    program.push(step(RETURN, 0, 0, ALLOW));
    program.push(step(RETURN, 0, 0, ERRNO | libc::EPERM as u32));
    program
}
