//! What the loaded filter lets through: every number of every architecture, run through an interpreter. Pure.

use super::Outside;
use super::judge::{check, field};
use crate::model::selftest::{Check, Grade, Seen};
use crate::runtime::seccomp::interpret::{Call, run, run_all};
use crate::runtime::seccomp::{ARCHITECTURES, Architecture, error_of, lets_through};
use crate::sys::probe::ATTEMPTS;

/// The first arguments that conditions look at: families, namespaces, and odd bits.
const FIRSTS: [u64; 8] =
    [0, 38, 40, 1 << 32 | 38, 1 << 32 | 40, (libc::CLONE_NEWUSER | libc::SIGCHLD) as u64, 0x20000, u64::MAX];

/// What leads to more of the kernel than programs need: what for, which calls, with which first argument.
const DANGEROUS: &[(&str, &str, u64)] = &[
    ("loading kernel modules", "init_module finit_module delete_module", 0),
    ("starting another kernel", "kexec_load kexec_file_load", 0),
    ("programs in the kernel (bpf)", "bpf", 0),
    ("performance counters", "perf_event_open", 0),
    ("page faults in user space", "userfaultfd", 0),
    ("io_uring", "io_uring_setup io_uring_enter io_uring_register", 0),
    ("the kernel's keys", "add_key keyctl request_key", 0),
    (
        "mounts",
        "mount umount umount2 pivot_root fsopen fsmount fsconfig fspick open_tree open_tree_attr move_mount mount_setattr",
        0,
    ),
    ("joining namespaces", "setns", 0),
    ("new namespaces", "unshare clone", (libc::CLONE_NEWUSER | libc::SIGCHLD) as u64),
    ("files by handle", "open_by_handle_at", 0),
    ("ports of the hardware", "iopl ioperm", 0),
    ("the clock", "clock_settime clock_settime64 settimeofday stime", 0),
    ("reboot, swap, accounting, quotas", "reboot swapon swapoff acct quotactl quotactl_fd", 0),
    ("the kernel's log", "syslog", 0),
    ("sockets of AF_ALG", "socket", 38),
    ("sockets of AF_VSOCK", "socket", 40),
    ("sockets of AF_ALG by a high bit", "socket", 1 << 32 | 38),
    ("sockets of AF_VSOCK by a high bit", "socket", 1 << 32 | 40),
];

pub(super) fn checks(seen: &Seen, outside: &Outside) -> Vec<Check> {
    let mut checks = Vec::new();
    let filters = &outside.filters;
    if filters.is_empty() || field(&seen.status, "Seccomp") != Some("2") {
        let what = "no filter: every system call of the kernel can be reached";
        let close = "leave out --privileged and seccomp=unconfined; --cap-add alone keeps the filter";
        return vec![check(Grade::Open, "system calls", what, Some(close)), reached(seen)];
    }
    checks.push(compared(outside));
    checks.push(live(seen, outside));
    checks.extend(dangerous(seen, outside));
    let socketcall = Call { number: 102, architecture: ARCHITECTURES[1].audit, ..Call::default() };
    checks.push(if answer(outside, &socketcall).is_none_or(lets_through) {
        let what = "32-bit programs make sockets of any family through socketcall(2), whose arguments no filter sees";
        check(Grade::Note, "socketcall", what, Some("--security-opt socketcall=deny"))
    } else {
        check(Grade::Ok, "socketcall", "refused to 32-bit programs", None)
    });
    checks
}

fn answer(outside: &Outside, call: &Call) -> Option<u32> {
    run_all(outside.filters.iter().map(Vec::as_slice), call)
}

fn call(architecture: &Architecture, number: u32, first: u64) -> Call {
    Call { number, architecture: architecture.audit, place: 0, arguments: [first, first, first, 0, 0, 0] }
}

/// Every number beside the default filter for the same capabilities.
fn compared(outside: &Outside) -> Check {
    let (mut asked, mut more, mut words) = (0u64, Vec::new(), Vec::new());
    for architecture in &ARCHITECTURES {
        let (mut allowed, mut all) = (0, 0);
        for bare in (0..1024).chain([4096, 0x3fff_ffff]) {
            let number = bare | architecture.bit;
            let named = architecture.calls.iter().find(|(_, known)| *known == bare).map(|(name, _)| *name);
            let mut through = false;
            for first in FIRSTS {
                let call = call(architecture, number, first);
                let (ours, default) = (answer(outside, &call), run(&outside.reference, &call));
                asked += 1;
                through |= ours.is_none_or(lets_through);
                if ours.is_none_or(lets_through) && !default.is_some_and(lets_through) {
                    let name = named.map_or_else(|| bare.to_string(), str::to_string);
                    if more.last() != Some(&(architecture.name, name.clone())) {
                        more.push((architecture.name, name));
                    }
                }
            }
            all += u32::from(named.is_some());
            allowed += u32::from(named.is_some() && through);
        }
        words.push(format!("{allowed} of {all} {}", architecture.name));
    }
    let source = if outside.read_back { "read back from the kernel" } else { "as handed to the kernel" };
    let length: usize = outside.filters.iter().map(Vec::len).sum();
    let calls = words.join(", ");
    if more.is_empty() {
        let what = format!(
            "the filter ({length} instructions, {source}) lets {calls} calls through: no more than docker's default \
             profile, in {asked} calls tried on it"
        );
        return check(Grade::Ok, "system calls", what, None);
    }
    let mut names: Vec<String> =
        more.iter().take(8).map(|(architecture, name)| format!("{name} ({architecture})")).collect();
    if more.len() > names.len() {
        names.push(format!("and {} more", more.len() - names.len()));
    }
    let what = format!(
        "the filter ({source}) lets {calls} calls through; docker's default profile refuses {}",
        names.join(", ")
    );
    check(Grade::Weak, "system calls", what, Some("leave out --security-opt seccomp=…"))
}

/// Whether the kernel does what the filter says, for calls that fail anyway.
fn live(seen: &Seen, outside: &Outside) -> Check {
    let mut wrong = Vec::new();
    for (attempt, (_, error)) in ATTEMPTS.iter().zip(&seen.attempts) {
        let call = Call {
            number: attempt.number(),
            architecture: ARCHITECTURES[0].audit,
            place: 0,
            arguments: attempt.arguments(),
        };
        let expected = answer(outside, &call);
        if expected.and_then(error_of).is_some_and(|expected| expected != *error) {
            wrong.push(attempt.name());
        }
    }
    match wrong.len() {
        0 => {
            let what =
                format!("{} calls that fail anyway were made, and failed as the filter says", seen.attempts.len());
            check(Grade::Ok, "filter at work", what, None)
        }
        _ => {
            let what = format!("the kernel does not do what the filter says: {}", wrong.join(", "));
            check(Grade::Open, "filter at work", what, Some("this should not be possible: please report it"))
        }
    }
}

/// Without a filter: which dangerous calls the kernel itself takes from this process.
fn reached(seen: &Seen) -> Check {
    let mut names: Vec<&str> =
        seen.attempts.iter().filter(|(_, error)| gets_through(*error)).map(|(name, _)| name.as_str()).collect();
    names.dedup();
    let what = format!("calls that reach the kernel: {}", names.join(", "));
    check(Grade::Open, "filter at work", what, Some("see above"))
}

/// Whether an error comes from further in than a filter's or a privilege's refusal.
fn gets_through(error: i32) -> bool {
    !matches!(error, libc::EPERM | libc::EACCES | libc::ENOSYS)
}

fn dangerous(seen: &Seen, outside: &Outside) -> Vec<Check> {
    let (mut checks, mut closed) = (Vec::new(), 0);
    for (what_for, names, first) in DANGEROUS {
        let mut through = Vec::new();
        for name in names.split(' ') {
            for architecture in &ARCHITECTURES {
                // Registers of i386 have 32 bits.
                if architecture.name == "i386" && *first > u64::from(u32::MAX) {
                    continue;
                }
                let Some(number) = architecture.number(name) else { continue };
                if answer(outside, &call(architecture, number, *first)).is_none_or(lets_through)
                    && !through.contains(&name)
                {
                    through.push(name);
                }
            }
        }
        if through.is_empty() {
            closed += 1;
            continue;
        }
        let live = seen.attempts.iter().zip(ATTEMPTS).any(|((name, error), attempt)| {
            let same = name != "socket" || attempt.arguments()[0] == *first;
            through.contains(&name.as_str()) && same && gets_through(*error)
        });
        let (grade, reach) = match live {
            true => (Grade::Open, "and the kernel takes it from this process"),
            false => (Grade::Weak, "though the kernel may still want a capability"),
        };
        let what = format!("{what_for}: the filter lets {} through, {reach}", through.join(", "));
        checks.push(check(grade, "dangerous calls", what, Some("leave out --cap-add and --security-opt seccomp=…")));
    }
    if closed > 0 {
        let what =
            format!("{closed} of {} ways to more of the kernel are closed on x86-64, i386 and x32", DANGEROUS.len());
        checks.insert(0, check(Grade::Ok, "dangerous calls", what, None));
    }
    checks
}
