//! Docker's default profile as data: what a container may call, given its capabilities.

use super::rules::{ALLOW, Argument, Compare, Rule, Rules, errno};
use crate::sys::capability::Set;

/// Raised with every change here, so that no cached filter of an older profile is used.
pub const VERSION: u32 = 2;

/// Always.
const ALWAYS: &str = "
accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2
fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64
fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync
ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat getcpu getcwd
getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername
getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit
get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr
getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents
io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule
landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr
listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier
memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr
mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl
msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat
openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl
pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead
readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat
rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr
sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid
setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32
setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt
set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack
signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx
symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun
timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime
utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
process_vm_readv process_vm_writev ptrace arch_prctl modify_ldt
";

/// With a capability.
const WITH: &[(&str, &str)] = &[
    ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
    (
        "CAP_SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules \
         lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname \
         sethostname setns syslog umount umount2 unshare",
    ),
    ("CAP_SYS_BOOT", "reboot"),
    ("CAP_SYS_CHROOT", "chroot"),
    ("CAP_SYS_MODULE", "delete_module init_module finit_module"),
    ("CAP_SYS_PACCT", "acct"),
    ("CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"),
    ("CAP_SYS_RAWIO", "iopl ioperm"),
    ("CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"),
    ("CAP_SYS_TTY_CONFIG", "vhangup"),
    ("CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    ("CAP_SYSLOG", "syslog"),
    ("CAP_BPF", "bpf"),
    ("CAP_PERFMON", "perf_event_open"),
];

/// The families of sockets: all but AF_ALG (38) and AF_VSOCK (40), which lead past the container. The kernel looks at the
/// low 32 bits only, so a family with more is refused: to docker's own filter, which compares all 64, 1 << 32 | 38 is
/// some unknown family, and the kernel then makes an AF_ALG socket.
const FAMILIES: [std::ops::RangeInclusive<u64>; 3] = [0..=37, 39..=39, 41..=0xffff_ffff];

/// What `personality(2)` may be asked for: Linux, and Linux as it was, with and without random addresses; and the question.
const PERSONALITIES: [u64; 5] = [0, 8, 0x20000, 0x20008, 0xffff_ffff];

/// `CLONE_NEW…` of every kind: a namespace is a way to more of the kernel.
const NEW_NAMESPACES: u64 = 0x7e02_0000;

/// The profile for a process with these capabilities.
pub fn rules(capabilities: Set) -> Rules {
    let mut rules = Vec::with_capacity(512);
    let mut allow = |names: &'static str| {
        for name in names.split_whitespace() {
            rules.push(Rule { name: name.into(), action: ALLOW, arguments: Vec::new() });
        }
    };
    allow(ALWAYS);
    for (capability, names) in WITH {
        if Set::named(capability).is_some_and(|one| capabilities.has(one)) {
            allow(names);
        }
    }
    let mut when = |name: &'static str, arguments: Vec<Argument>| {
        rules.push(Rule { name: name.into(), action: ALLOW, arguments });
    };
    let first = |compare, value| Argument { index: 0, compare, value, mask: u64::MAX };
    for families in FAMILIES {
        let (low, high) = (*families.start(), *families.end());
        let mut range = Vec::new();
        if low > 0 {
            range.push(first(Compare::AtLeast, low));
        }
        range.push(first(Compare::AtMost, high));
        when("socket", range);
    }
    for personality in PERSONALITIES {
        when("personality", vec![first(Compare::Equal, personality)]);
    }
    if !Set::named("CAP_SYS_ADMIN").is_some_and(|one| capabilities.has(one)) {
        when("clone", vec![Argument { index: 0, compare: Compare::Masked, value: 0, mask: NEW_NAMESPACES }]);
        // Its flags lie in memory, where a filter can't look; the C library falls back to clone.
        rules.push(Rule { name: "clone3".into(), action: errno(libc::ENOSYS as u32), arguments: Vec::new() });
    }
    Rules {
        default: errno(libc::EPERM as u32),
        i386: true,
        x32: true,
        rules,
        flags: libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    }
}
