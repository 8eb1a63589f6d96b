//! The system calls that a container can make, each of them made.

use super::probe;
use crate::support::{Sandbox, needs};
use std::collections::BTreeMap;

/// What the default profile must refuse on x86-64 although the kernel has it, with the number: what reaches beyond
/// the container, what has been an escape, and what docker's documentation lists.
const REFUSED: &[(&str, u32)] = &[
    ("personality (unknown ones)", 135),
    ("mount", 165),
    ("umount2", 166),
    ("pivot_root", 155),
    ("swapon", 167),
    ("swapoff", 168),
    ("reboot", 169),
    ("sethostname", 170),
    ("setdomainname", 171),
    ("iopl", 172),
    ("ioperm", 173),
    ("init_module", 175),
    ("delete_module", 176),
    ("quotactl", 179),
    ("settimeofday", 164),
    ("clock_settime", 227),
    ("mbind", 237),
    ("set_mempolicy", 238),
    ("get_mempolicy", 239),
    ("kexec_load", 246),
    ("add_key", 248),
    ("request_key", 249),
    ("keyctl", 250),
    ("migrate_pages", 256),
    ("unshare", 272),
    ("move_pages", 279),
    ("perf_event_open", 298),
    ("fanotify_init", 300),
    ("open_by_handle_at", 304),
    ("setns", 308),
    ("kcmp", 312),
    ("finit_module", 313),
    ("kexec_file_load", 320),
    ("bpf", 321),
    ("userfaultfd", 323),
    ("io_uring_setup", 425),
    ("io_uring_enter", 426),
    ("io_uring_register", 427),
    ("open_tree", 428),
    ("move_mount", 429),
    ("fsopen", 430),
    ("fsconfig", 431),
    ("fsmount", 432),
    ("fspick", 433),
    ("pidfd_getfd", 438),
    ("mount_setattr", 442),
    ("acct", 163),
];

/// Those of them that no unprivileged process may make anyway would not show a missing filter.
const NEEDS_NO_RIGHT: &[u32] = &[237, 239, 250, 248, 249, 425];

const EPERM: &str = "1";
const ENOSYS: &str = "38";

type Matrix = BTreeMap<(String, u32), String>;

/// What each call answers in a container.
fn matrix(sandbox: &Sandbox, command: &str) -> Matrix {
    let run = sandbox.run(&format!("{command} /probe syscalls")).code(0);
    run.lines()
        .iter()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let table = words.next()?.to_string();
            Some(((table, words.next()?.parse().ok()?), words.next()?.to_string()))
        })
        .collect()
}

/// R20, R21: every number of x86-64, of i386 and some of x32, every socket family.
#[test]
fn every_system_call_is_made() {
    needs![gcc];
    probe::everywhere(|sandbox| {
        let free = matrix(sandbox, "run --rm --network=none --security-opt seccomp=unconfined probe");
        sandbox.run("run -d --name web --network=none probe sleep 1000").ok().forget();
        for command in ["run --rm --network=none probe", "exec web", "exec -u 1000 web"] {
            let seen = matrix(sandbox, command);
            let at = |table: &str, number: u32| seen.get(&(table.to_string(), number)).map(String::as_str);
            assert!(seen.len() > 900, "{command}: only {} calls were made", seen.len());
            for (name, number) in REFUSED {
                let answer = at("x86_64", *number);
                assert!(matches!(answer, Some(EPERM | ENOSYS)), "{command}: {name} answers {answer:?}");
            }
            for number in NEEDS_NO_RIGHT {
                assert_eq!(at("x86_64", *number), Some(EPERM), "{command}: {number}");
            }
            // glibc then takes the older one, whose flags can be seen; so for what is newer than the table.
            assert_eq!(at("x86_64", 435), Some(ENOSYS), "{command}: clone3");
            for number in 480..512 {
                assert_eq!(at("x86_64", number), Some(ENOSYS), "{command}: {number}");
            }
            for number in 2..16 {
                let answer = at("x32", 0x4000_0000 + number);
                assert!(matches!(answer, Some(EPERM | ENOSYS)), "{command}: x32 {number} answers {answer:?}");
            }
            // Refused is refused, and all else answers as without a filter.
            let as_root = !command.contains("-u ");
            // kill asks whether there is anybody else to be killed.
            let kill = |table: &str, number: u32| [("x86_64", 62), ("i386", 37)].contains(&(table, number));
            for ((table, number), answer) in seen.iter().filter(|((table, number), _)| !kill(table, *number)) {
                let unfiltered = &free[&(table.clone(), *number)];
                let same = answer == unfiltered || [EPERM, ENOSYS].contains(&answer.as_str());
                assert!(same || !as_root, "{command}: {table} {number}: {answer}, without a filter {unfiltered}");
            }
            // AF_ALG (CVE-2026-31431) and AF_VSOCK.
            for family in [38, 40] {
                assert_eq!(at("socket", family), Some(EPERM), "{command}: family {family}");
            }
            for family in [1, 2, 10, 16] {
                assert_ne!(at("socket", family), Some(EPERM), "{command}: family {family}");
            }
        }
        // The controls: without the filter these answer otherwise.
        for number in NEEDS_NO_RIGHT {
            let answer = &free[&("x86_64".to_string(), *number)];
            assert_ne!(answer, EPERM, "{number} is refused without a filter, too: it shows nothing");
        }
        assert_ne!(free[&("socket".to_string(), 38)], EPERM);
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

/// R21: i386's `socketcall` hides its arguments behind a pointer. Docker leaves it open, too; a profile can close it.
#[test]
fn the_same_calls_are_refused_to_i386_programs() {
    needs![gcc];
    probe::everywhere(|sandbox| {
        let seen = matrix(sandbox, "run --rm --network=none probe");
        let at = |number: u32| seen.get(&("i386".to_string(), number)).map(String::as_str);
        // A kernel without i386 has no such calls at all.
        if at(20) == Some("silent") || at(20) == Some(ENOSYS) {
            println!("skipped: this kernel runs no i386 programs");
            return;
        }
        for (name, number) in [
            ("mount", 21),
            ("umount2", 52),
            ("swapon", 87),
            ("reboot", 88),
            ("init_module", 128),
            ("pivot_root", 217),
            ("add_key", 286),
            ("request_key", 287),
            ("keyctl", 288),
            ("unshare", 310),
            ("perf_event_open", 336),
            ("setns", 346),
            ("bpf", 357),
            ("userfaultfd", 374),
            ("io_uring_setup", 425),
            ("fsopen", 430),
        ] {
            let answer = at(number);
            assert!(matches!(answer, Some(EPERM | ENOSYS)), "{name} answers {answer:?}");
        }
        assert_eq!(at(435), Some(ENOSYS), "clone3");
    });
}
