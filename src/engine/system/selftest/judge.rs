//! What the rest of what was seen means. Pure.

use super::{Outside, default_capabilities};
use crate::model::selftest::{Check, Grade, Seen};
use crate::sys::capability::Set;

pub(super) fn check(grade: Grade, name: &str, what: impl Into<String>, close: Option<&str>) -> Check {
    Check { grade, name: name.into(), what: what.into(), close: close.map(str::to_string) }
}

/// The first word of a line of /proc/self/status.
pub(super) fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_ascii_whitespace().next()
}

/// A set of capabilities in /proc/self/status; all, when it can't be read.
pub(super) fn set(status: &str, name: &str) -> Set {
    Set(field(status, name).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(u64::MAX))
}

pub(super) fn checks(seen: &Seen, outside: &Outside) -> Vec<Check> {
    let mut checks = capabilities(seen);
    checks.push(no_new_privileges(seen));
    checks.push(user(seen));
    checks.extend(namespaces(seen, outside));
    checks.push(processes(seen));
    checks.push(cgroup(seen));
    checks.push(kernel_files(seen));
    checks.push(hidden(seen));
    checks.extend(mounts(seen));
    checks.extend(devices(seen));
    checks.push(descriptors(seen));
    checks.push(terminals(seen));
    checks.push(keyring(seen));
    checks.extend(sockets(seen));
    checks.push(module(seen, outside));
    checks
}

/// Whether root in there is root outside.
fn is_real_root(seen: &Seen) -> bool {
    let numbers: Vec<u64> = seen.uid_map.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
    matches!(numbers[..], [0, 0, count] if count >= u64::from(u32::MAX))
}

fn short(set: Set) -> String {
    set.names().map(|name| name.trim_start_matches("CAP_").to_string()).collect::<Vec<_>>().join(" ")
}

/// Each is a way out of a container by itself, when it is the host's.
const WAYS_OUT: &[&str] = &[
    "CAP_SYS_ADMIN",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_PTRACE",
    "CAP_SYS_BOOT",
    "CAP_DAC_READ_SEARCH",
    "CAP_BPF",
    "CAP_PERFMON",
    "CAP_MAC_ADMIN",
    "CAP_MAC_OVERRIDE",
];

fn capabilities(seen: &Seen) -> Vec<Check> {
    let name = "capabilities";
    let get = |field| set(&seen.status, field);
    let (bounding, effective, permitted) = (get("CapBnd"), get("CapEff"), get("CapPrm"));
    let more = Set(bounding.or(permitted).or(effective).0 & !default_capabilities().0);
    let way_out = is_real_root(seen) && WAYS_OUT.iter().filter_map(|name| Set::named(name)).any(|one| more.has(one));
    let mut checks = vec![match more.0 {
        0 => {
            let what = format!("{} of 41, none beyond podman's eleven: {}", bounding.0.count_ones(), short(bounding));
            check(Grade::Ok, name, what, None)
        }
        _ => check(
            if way_out { Grade::Open } else { Grade::Weak },
            name,
            format!("more than podman's eleven: {}", short(more)),
            Some("leave out --cap-add and --privileged; --cap-drop takes away more"),
        ),
    }];
    let inherited = get("CapInh").or(get("CapAmb"));
    let root = field(&seen.status, "Uid") == Some("0");
    checks.push(if inherited.0 != 0 {
        let what = format!("capabilities are handed on to other programs: {}", short(inherited));
        check(Grade::Open, "inherited capabilities", what, Some("this should not be possible: please report it"))
    } else if !root && effective.or(permitted).0 != 0 {
        let what = format!("a user other than root has capabilities: {}", short(effective.or(permitted)));
        check(Grade::Open, "inherited capabilities", what, Some("this should not be possible: please report it"))
    } else if seen.secure_bits != 0 {
        check(Grade::Weak, "inherited capabilities", format!("secure bits are {:#x}", seen.secure_bits), None)
    } else {
        let what = "none is inheritable or ambient, no secure bits, and users other than root have none";
        check(Grade::Ok, "inherited capabilities", what, None)
    });
    checks
}

fn no_new_privileges(seen: &Seen) -> Check {
    match field(&seen.status, "NoNewPrivs") {
        Some("1") => check(Grade::Ok, "new privileges", "setuid programs give none", None),
        _ => check(
            Grade::Note,
            "new privileges",
            "setuid programs of the image make its users root of the container",
            Some("--security-opt no-new-privileges, or no_new_privileges = true in containers.conf"),
        ),
    }
}

fn user(seen: &Seen) -> Check {
    let uid = field(&seen.status, "Uid").unwrap_or("?");
    match is_real_root(seen) {
        true if uid == "0" => check(
            Grade::Note,
            "user",
            "root in here is root outside, held by what this page lists",
            Some("--userns=auto, --user, or run as an ordinary user"),
        ),
        true => check(Grade::Ok, "user", format!("uid {uid}, in here and outside"), None),
        false => {
            let line = seen.uid_map.lines().next().unwrap_or_default();
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let what = match words[..] {
                [inside, outside, _] => format!("a user namespace: uid {inside} in here is uid {outside} outside"),
                _ => "a user namespace without ids".to_string(),
            };
            check(Grade::Ok, "user", what, None)
        }
    }
}

fn namespaces(seen: &Seen, outside: &Outside) -> Vec<Check> {
    const KINDS: [(&str, Grade, &str, &str); 6] = [
        ("mnt", Grade::Open, "the host's mounts are its own", "this should not be possible: please report it"),
        ("pid", Grade::Open, "it sees the host's processes, and root can signal them", "leave out --pid=host"),
        ("net", Grade::Weak, "it has the host's network, with all local services", "leave out --network=host"),
        ("ipc", Grade::Weak, "it has the host's shared memory and queues", "leave out --ipc=host"),
        ("uts", Grade::Weak, "it has the host's name", "leave out --uts=host"),
        ("cgroup", Grade::Weak, "it sees the host's cgroups", "leave out --cgroupns=host"),
    ];
    let shared = |kind: &str| {
        let own = seen.namespaces.get(kind);
        own.is_none() || own == outside.namespaces.get(kind)
    };
    let mut checks: Vec<Check> = KINDS
        .iter()
        .filter(|(kind, ..)| shared(kind))
        .map(|(kind, grade, what, close)| check(*grade, "namespaces", format!("{kind} is shared: {what}"), Some(close)))
        .collect();
    if checks.is_empty() {
        let what = "mounts, processes, network, shared memory, host name and cgroups are its own";
        checks.push(check(Grade::Ok, "namespaces", what, None));
    }
    checks
}

fn processes(seen: &Seen) -> Check {
    // With --init there is one more.
    let others: Vec<String> =
        seen.processes.iter().filter(|(pid, _)| **pid != 1).map(|(pid, name)| format!("{pid} {name}")).collect();
    match others.len() {
        0 => check(Grade::Ok, "processes", "none is to be seen but the container's", None),
        count => {
            let what = format!("{count} processes of others are to be seen: {} …", others[..count.min(3)].join(", "));
            check(Grade::Weak, "processes", what, Some("leave out --pid"))
        }
    }
}

fn cgroup(seen: &Seen) -> Check {
    let mounted: Vec<Mount> =
        seen.mounts.lines().filter_map(Mount::parse).filter(|mount| mount.kind.starts_with("cgroup")).collect();
    let writable: Vec<&str> = mounted.iter().filter(|mount| !mount.has("ro")).map(|mount| mount.target).collect();
    match (mounted.len(), writable.len()) {
        (0, _) => check(Grade::Ok, "cgroups", "not to be seen", None),
        (_, 0) => check(Grade::Ok, "cgroups", "read-only, in a namespace of their own unless said above", None),
        _ => {
            let what = format!("can be written to: {}", writable.join(", "));
            let grade = if is_real_root(seen) { Grade::Open } else { Grade::Weak };
            check(grade, "cgroups", what, Some("leave out --privileged"))
        }
    }
}

/// Files that anybody may write to without harm: they watch, or belong to whoever opens them.
fn is_harmless(path: &str) -> bool {
    path.starts_with("/proc/pressure/")
        // Memory types: writing asks for CAP_SYS_ADMIN.
        || path == "/proc/mtrr"
}

/// The kernel runs, loads or does what these say.
const LEVERS: &[&str] = &[
    "core_pattern",
    "modprobe",
    "hotplug",
    "uevent_helper",
    "release_agent",
    "binfmt_misc/register",
    "sysrq-trigger",
    "poweroff_cmd",
    "/proc/sys/vm/",
    "/proc/sys/kernel/",
];

fn kernel_files(seen: &Seen) -> Check {
    let writable: Vec<&String> = seen.writable.iter().filter(|path| !is_harmless(path)).collect();
    let looked = seen.looked_at;
    if writable.is_empty() {
        let what = format!("of {looked} files in /proc and /sys none can be written to that matters");
        return check(Grade::Ok, "kernel's files", what, None);
    }
    let levers: Vec<&&String> =
        writable.iter().filter(|path| LEVERS.iter().any(|lever| path.contains(lever))).collect();
    let some: Vec<&str> =
        levers.iter().map(|path| path.as_str()).chain(writable.iter().map(|path| path.as_str())).take(4).collect();
    let what =
        format!("of {looked} files in /proc and /sys {} can be written to: {} …", writable.len(), some.join(", "));
    let grade = if !levers.is_empty() && is_real_root(seen) { Grade::Open } else { Grade::Weak };
    check(grade, "kernel's files", what, Some("leave out --privileged and unmask=…"))
}

fn hidden(seen: &Seen) -> Check {
    match seen.visible.len() {
        0 => check(
            Grade::Ok,
            "hidden paths",
            "memory, keys, timers, firmware, power meters: nothing of them is to be seen",
            None,
        ),
        _ => {
            let grade = if seen.visible.iter().any(|path| path == "/proc/kcore") && is_real_root(seen) {
                Grade::Open
            } else {
                Grade::Weak
            };
            let what = format!("to be seen: {}", seen.visible.join(", "));
            check(grade, "hidden paths", what, Some("leave out --privileged and unmask=…"))
        }
    }
}

/// A line of mountinfo.
struct Mount<'a> {
    root: &'a str,
    target: &'a str,
    options: &'a str,
    shared: bool,
    kind: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Mount<'a>> {
        let (before, after) = line.split_once(" - ")?;
        let words: Vec<&str> = before.split(' ').collect();
        let shared = words.iter().skip(6).any(|word| word.starts_with("shared:"));
        Some(Mount {
            root: words.get(3)?,
            target: words.get(4)?,
            options: words.get(5)?,
            shared,
            kind: after.split(' ').next()?,
        })
    }

    fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|one| one == option)
    }

    /// Whether every container has it.
    fn is_usual(&self) -> bool {
        let files =
            ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/passwd", "/etc/group", "/run/.containerenv"];
        let below = |dir: &str| self.target == dir || self.target.starts_with(&format!("{dir}/"));
        self.target == "/" || below("/proc") || below("/sys") || below("/dev") || files.contains(&self.target)
    }
}

fn mounts(seen: &Seen) -> Vec<Check> {
    let all: Vec<Mount> = seen.mounts.lines().filter_map(Mount::parse).collect();
    let mut checks = Vec::new();
    // A tmpfs of the container's own is nothing of the host's.
    let extra: Vec<String> = all
        .iter()
        .filter(|mount| !(mount.is_usual() || mount.kind == "tmpfs" && mount.root == "/"))
        .map(|mount| format!("{}{}", mount.target, if mount.has("ro") { " (read-only)" } else { "" }))
        .collect();
    checks.push(match extra.len() {
        0 => check(Grade::Ok, "mounts", format!("{}, nothing of the host's among them", all.len()), None),
        _ => {
            let what = format!("parts of the host's file system are in sight: {}", extra.join(", "));
            check(Grade::Weak, "mounts", what, Some("leave out -v, or end it with :ro"))
        }
    });
    let spreading: Vec<&str> = all.iter().filter(|mount| mount.shared).map(|mount| mount.target).collect();
    if !spreading.is_empty() {
        let what = format!("what is mounted in here appears on the host, too: {}", spreading.join(", "));
        checks.push(check(Grade::Weak, "mounts", what, Some("leave out :shared")));
    }
    checks
}

fn devices(seen: &Seen) -> Vec<Check> {
    let usual = |block: bool, major: u64, minor: u64| {
        !block && matches!((major, minor), (1, 3 | 5 | 7 | 8 | 9) | (5, 0..=2) | (136..=143, _))
    };
    let more: Vec<String> = seen
        .devices
        .iter()
        .filter(|device| !usual(device.block, device.major, device.minor))
        .map(|device| {
            let state = match device.opens {
                Some(true) => " (opens)",
                Some(false) => " (refused)",
                None => "",
            };
            format!("{}{state}", device.path)
        })
        .collect();
    let opened = seen.devices.iter().any(|device| {
        !usual(device.block, device.major, device.minor)
            && device.opens == Some(true)
            && (device.block || device.major == 1)
    });
    let mut checks = vec![match more.len() {
        0 => check(Grade::Ok, "devices", format!("{}, all of them harmless", seen.devices.len()), None),
        count => {
            let what = format!("{count} of the host's: {} …", more[..count.min(4)].join(", "));
            let grade = if opened { Grade::Open } else { Grade::Weak };
            check(grade, "devices", what, Some("leave out --device and --privileged"))
        }
    }];
    checks.push(match (seen.makes_nodes, seen.opened.len()) {
        (Some(0), 0) => {
            let what = "device nodes can be made, but the cgroup or the mounts keep them from being opened";
            check(Grade::Weak, "new devices", what, Some("leave out --cap-add MKNOD"))
        }
        (Some(0), _) => {
            let what = format!("nodes of its own making lead to {}", seen.opened.join(", "));
            check(Grade::Open, "new devices", what, Some("leave out --cap-add MKNOD and --device-cgroup-rule"))
        }
        _ => check(Grade::Ok, "new devices", "no device node can be made", None),
    });
    checks
}

fn descriptors(seen: &Seen) -> Check {
    let more: Vec<String> = seen
        .descriptors
        .iter()
        .filter(|(number, _)| **number > 2)
        .map(|(number, target)| format!("{number} → {target}"))
        .collect();
    match more.len() {
        0 => check(Grade::Ok, "descriptors", "only 0, 1 and 2 are open", None),
        _ => {
            let what = format!("more than 0, 1 and 2 are open: {}", more.join(", "));
            check(Grade::Weak, "descriptors", what, Some("leave out --preserve-fds"))
        }
    }
}

fn terminals(seen: &Seen) -> Check {
    // A terminal of the container's own is relayed byte by byte: keys pushed into it come out nowhere else.
    let own =
        seen.mounts.lines().filter_map(Mount::parse).any(|mount| mount.target == "/dev/pts" && mount.kind == "devpts");
    match seen.terminals.len() {
        0 => check(Grade::Ok, "terminal", "none: there is nothing to push keys into", None),
        _ if own => check(Grade::Ok, "terminal", "one of its own: keys pushed into it reach nobody else's", None),
        _ => check(Grade::Open, "terminal", "it can push keys into the terminal of whoever started it", None),
    }
}

fn keyring(seen: &Seen) -> Check {
    match &seen.keyring {
        None => check(Grade::Ok, "keyring", "the kernel's keys can't be asked for", None),
        Some(ring) if ring.contains(";_ses.") => {
            check(Grade::Ok, "keyring", "the kernel's keys can be asked for, in a keyring of its own", None)
        }
        Some(_) => check(
            Grade::Weak,
            "keyring",
            "it has the session keyring of whoever started it",
            Some("raise /proc/sys/kernel/keys/maxkeys, or keep the default filter"),
        ),
    }
}

fn sockets(seen: &Seen) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |list: &[String], what: &str, close: &str| {
        if !list.is_empty() {
            let some = list[..list.len().min(4)].join(", ");
            checks.push(check(Grade::Weak, "unix sockets", format!("{what} ({}): {some}", list.len()), Some(close)));
        }
    };
    add(&seen.abstract_sockets, "servers on abstract names are in reach", "leave out --network=host");
    add(&seen.sockets, "servers in the file system are in reach", "leave out the -v that brings them");
    if checks.is_empty() {
        checks.push(check(Grade::Ok, "unix sockets", "no server is in reach, by path or by abstract name", None));
    }
    checks
}

fn module(seen: &Seen, outside: &Outside) -> Check {
    match outside.module {
        None => check(Grade::Note, "security module", "this host has neither AppArmor nor SELinux on", None),
        Some(name) if matches!(seen.label.as_str(), "" | "unconfined") || seen.label.contains("unconfined_t") => check(
            Grade::Note,
            "security module",
            format!("{name} is on, and does not confine the container"),
            Some("--security-opt apparmor=PROFILE"),
        ),
        Some(name) => check(Grade::Ok, "security module", format!("{name}: {}", seen.label), None),
    }
}
