//! Columns: podman's descriptors and ps's.

use super::process::Process;
use crate::engine::user::{self, Files};
use crate::fault::Fault;
use anyhow::Result;

/// What cells need beside the process.
pub(super) struct Facts {
    users: Files,
    host_users: Files,
    /// Seconds since boot.
    uptime: f64,
    ticks: u64,
    memory: u64,
}

impl Facts {
    pub(super) fn read(users: Files) -> Facts {
        let read = |path: &str| std::fs::read(path).unwrap_or_default();
        let uptime =
            String::from_utf8_lossy(&read("/proc/uptime")).split_whitespace().next().and_then(|word| word.parse().ok());
        let memory = String::from_utf8_lossy(&read("/proc/meminfo"))
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:")?.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Facts {
            users,
            host_users: Files { passwd: read("/etc/passwd"), group: read("/etc/group") },
            uptime: uptime.unwrap_or(0.0),
            ticks: 100,
            memory: memory.unwrap_or(1).max(1) * 1024,
        }
    }
}

type Cell = fn(&Process, &Facts) -> String;

/// One column.
#[derive(Clone, Copy)]
pub(super) struct Column {
    /// Its first line.
    pub title: &'static str,
    cell: Cell,
}

impl Column {
    pub(super) fn cell(&self, process: &Process, facts: &Facts) -> String {
        (self.cell)(process, facts)
    }
}

/// Which columns a format means.
pub(super) fn parse(format: &[String], docker: bool) -> Result<Vec<Column>> {
    let words: Vec<&str> =
        format.iter().flat_map(|word| word.split([',', ' '])).filter(|word| !word.is_empty()).collect();
    let Some(first) = words.first() else {
        return named(if docker { DOCKER } else { PODMAN }, docker);
    };
    // ps options: `-o LIST`, `-eo LIST`, `aux`, `-ef` …
    if let Some(at) = words.iter().position(|word| word.starts_with('-') && word.ends_with('o') || *word == "o") {
        return named(&words[at + 1..], true);
    }
    let ps = first.starts_with('-') || docker;
    if ps || ["aux", "axu", "u", "ax", "ef", "axf", "auxf", "auxw", "auxww"].contains(first) {
        let letters: String = words.concat();
        return match letters.trim_start_matches('-') {
            letters if letters.contains('u') && !letters.contains('f') || letters.contains("aux") => named(AUX, true),
            letters if letters.contains('f') => named(DOCKER, true),
            _ => named(SHORT, true),
        };
    }
    named(&words, false)
}

const PODMAN: &[&str] = &["user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args"];
const DOCKER: &[&str] = &["uid", "pid", "ppid", "c", "stime", "tty", "time", "cmd"];
const AUX: &[&str] = &["user", "pid", "pcpu", "pmem", "vsz", "rss", "tty", "stat", "start", "time", "command"];
const SHORT: &[&str] = &["pid", "tty", "stat", "time", "command"];

/// `host`: pids and users as the host sees them (docker, ps), not as the container does (podman).
fn named(names: &[&str], host: bool) -> Result<Vec<Column>> {
    names
        .iter()
        .map(|name| {
            let bare = name.split('=').next().unwrap_or_default();
            let table = if host { [HOST, COMMON] } else { [INNER, COMMON] };
            let found = table.into_iter().flatten().find(|(known, ..)| *known == bare);
            let (_, title, cell) = found.ok_or_else(|| Fault::invalid(format!("unknown descriptor {bare:?}")))?;
            Ok(Column { title, cell: *cell })
        })
        .collect()
}

/// As the container sees it: podman.
const INNER: &[(&str, &str, Cell)] = &[
    ("user", "USER", |process, facts| inner_user(process, facts, 1)),
    ("ruser", "RUSER", |process, facts| inner_user(process, facts, 0)),
    ("group", "GROUP", |process, facts| inner_group(process, facts, 1)),
    ("rgroup", "RGROUP", |process, facts| inner_group(process, facts, 0)),
    ("groups", "GROUPS", |process, facts| {
        let ids = process.groups.iter().map(|gid| Process::inside(&process.gid_map, *gid));
        ids.map(|gid| user::group_name(&facts.users, gid).unwrap_or(gid.to_string())).collect::<Vec<_>>().join(",")
    }),
    ("pid", "PID", |process, _| process.inner_pid.to_string()),
    ("ppid", "PPID", |process, _| inner_parent(process).to_string()),
    ("pgid", "PGID", |process, _| process.inner_pgid.to_string()),
    ("args", "COMMAND", |process, _| command(process)),
    ("comm", "COMMAND", |process, _| process.name.clone()),
];

/// As the host sees it: docker and ps.
const HOST: &[(&str, &str, Cell)] = &[
    ("user", "USER", |process, facts| host_user(process, facts)),
    ("euser", "EUSER", |process, facts| host_user(process, facts)),
    ("uid", "UID", |process, facts| host_user(process, facts)),
    ("euid", "EUID", |process, _| process.uids[1].to_string()),
    ("group", "GROUP", |process, facts| {
        user::group_name(&facts.host_users, process.gids[1]).unwrap_or(process.gids[1].to_string())
    }),
    ("gid", "GID", |process, _| process.gids[1].to_string()),
    ("pid", "PID", |process, _| process.pid.to_string()),
    ("ppid", "PPID", |process, _| process.ppid.to_string()),
    ("pgid", "PGID", |process, _| process.pgid.to_string()),
    ("pgrp", "PGRP", |process, _| process.pgid.to_string()),
    ("sid", "SID", |process, _| process.session.to_string()),
    ("args", "COMMAND", |process, _| command(process)),
    ("comm", "COMMAND", |process, _| process.name.clone()),
    ("cmd", "CMD", |process, _| command(process)),
    ("command", "COMMAND", |process, _| command(process)),
];

const COMMON: &[(&str, &str, Cell)] = &[
    ("c", "C", |process, facts| format!("{:.0}", percent_cpu(process, facts).min(99.0).floor())),
    ("pcpu", "%CPU", |process, facts| format!("{:.3}", percent_cpu(process, facts))),
    ("%cpu", "%CPU", |process, facts| format!("{:.1}", percent_cpu(process, facts))),
    ("pmem", "%MEM", |process, facts| percent_memory(process, facts)),
    ("%mem", "%MEM", |process, facts| percent_memory(process, facts)),
    ("etime", "ELAPSED", |process, facts| elapsed(process, facts)),
    ("etimes", "ELAPSED", |process, facts| format!("{:.0}", age(process, facts))),
    ("time", "TIME", |process, facts| spent(process, facts)),
    ("cputime", "TIME", |process, facts| spent(process, facts)),
    ("stime", "STIME", |process, facts| start(process, facts)),
    ("start", "START", |process, facts| start(process, facts)),
    ("start_time", "START", |process, facts| start(process, facts)),
    ("tty", "TTY", |process, _| terminal(process.tty)),
    ("tt", "TT", |process, _| terminal(process.tty)),
    ("nice", "NI", |process, _| process.nice.to_string()),
    ("ni", "NI", |process, _| process.nice.to_string()),
    ("pri", "PRI", |process, _| process.priority.to_string()),
    ("vsz", "VSZ", |process, _| (process.virtual_size / 1024).to_string()),
    ("rss", "RSS", |process, _| (process.resident * 4).to_string()),
    ("state", "STATE", |process, _| process.state.to_string()),
    ("s", "S", |process, _| process.state.to_string()),
    ("stat", "STAT", |process, _| status(process)),
    ("nlwp", "NLWP", |process, _| process.threads.to_string()),
    ("wchan", "WCHAN", |process, _| process.wait_channel.clone()),
    ("label", "LABEL", |process, _| process.label.clone()),
    ("hpid", "HPID", |process, _| process.pid.to_string()),
    ("huser", "HUSER", |process, facts| host_user(process, facts)),
    ("hgroup", "HGROUP", |process, facts| {
        user::group_name(&facts.host_users, process.gids[1]).unwrap_or(process.gids[1].to_string())
    }),
    ("hgroups", "HGROUPS", |process, facts| {
        let names =
            process.groups.iter().map(|gid| user::group_name(&facts.host_users, *gid).unwrap_or(gid.to_string()));
        names.collect::<Vec<_>>().join(",")
    }),
    ("capinh", "INHERITED CAPS", |process, _| capabilities(process.capabilities[0])),
    ("capprm", "PERMITTED CAPS", |process, _| capabilities(process.capabilities[1])),
    ("capeff", "EFFECTIVE CAPS", |process, _| capabilities(process.capabilities[2])),
    ("capbnd", "BOUNDING CAPS", |process, _| capabilities(process.capabilities[3])),
    ("capamb", "AMBIENT CAPS", |process, _| capabilities(process.capabilities[4])),
    ("seccomp", "SECCOMP", |process, _| {
        ["disabled", "strict", "filter"].get(process.seccomp as usize).unwrap_or(&"?").to_string()
    }),
];

fn inner_user(process: &Process, facts: &Facts, which: usize) -> String {
    let uid = Process::inside(&process.uid_map, process.uids[which]);
    user::user_name(&facts.users, uid).unwrap_or(uid.to_string())
}

fn inner_group(process: &Process, facts: &Facts, which: usize) -> String {
    let gid = Process::inside(&process.gid_map, process.gids[which]);
    user::group_name(&facts.users, gid).unwrap_or(gid.to_string())
}

fn host_user(process: &Process, facts: &Facts) -> String {
    user::user_name(&facts.host_users, process.uids[1]).unwrap_or(process.uids[1].to_string())
}

/// The parent's pid in the container; 0 for those whose parent is outside.
fn inner_parent(process: &Process) -> i32 {
    if process.inner_pid == 1 {
        return 0;
    }
    let own = |pid: i32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    match (own(process.pid), own(process.ppid)) {
        (Some(one), Some(other)) if one == other => Process::read(process.ppid).map_or(0, |parent| parent.inner_pid),
        _ => 0,
    }
}

fn command(process: &Process) -> String {
    if process.command.is_empty() { format!("[{}]", process.name) } else { process.command.join(" ") }
}

fn age(process: &Process, facts: &Facts) -> f64 {
    (facts.uptime - process.started as f64 / facts.ticks as f64).max(0.0)
}

fn percent_cpu(process: &Process, facts: &Facts) -> f64 {
    let spent = (process.user_time + process.system_time) as f64 / facts.ticks as f64;
    let age = age(process, facts);
    if age > 0.0 { spent * 100.0 / age } else { 0.0 }
}

fn percent_memory(process: &Process, facts: &Facts) -> String {
    format!("{:.1}", (process.resident * 4096) as f64 * 100.0 / facts.memory as f64)
}

/// Go's duration, as podman prints it.
fn elapsed(process: &Process, facts: &Facts) -> String {
    let age = age(process, facts);
    let seconds = age as u64;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = age - (hours * 3600 + minutes * 60) as f64;
    match (hours, minutes) {
        (0, 0) => format!("{rest:.9}s"),
        (0, minutes) => format!("{minutes}m{rest:.9}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest:.9}s"),
    }
}

fn spent(process: &Process, facts: &Facts) -> String {
    let seconds = (process.user_time + process.system_time) / facts.ticks;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn start(process: &Process, facts: &Facts) -> String {
    let ago = jiff::SignedDuration::from_secs_f64(age(process, facts));
    let now = jiff::Zoned::now();
    match now.checked_sub(ago) {
        Ok(time) if time.date() == now.date() => time.strftime("%H:%M").to_string(),
        Ok(time) => time.strftime("%b%d").to_string(),
        Err(_) => "?".into(),
    }
}

fn terminal(number: i32) -> String {
    let number = number as u32;
    let (major, minor) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00));
    match major {
        0 => "?".into(),
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        4 => format!("tty{minor}"),
        5 => "console".into(),
        _ => "?".into(),
    }
}

fn status(process: &Process) -> String {
    let mut text = process.state.to_string();
    if process.nice < 0 {
        text.push('<');
    }
    if process.nice > 0 {
        text.push('N');
    }
    if process.session == process.pid {
        text.push('s');
    }
    if process.threads > 1 {
        text.push('l');
    }
    text
}

fn capabilities(set: u64) -> String {
    let names = crate::engine::bundle::names_of_capabilities(set);
    match (names.len(), set.count_ones()) {
        (0, _) => "none".into(),
        (41.., _) => "full".into(),
        _ => names.join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_mean_columns() {
        let titles = |format: &[&str], docker| -> String {
            let format: Vec<String> = format.iter().map(|word| word.to_string()).collect();
            parse(&format, docker).unwrap().iter().map(|column| column.title).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(titles(&[], false), "USER PID PPID %CPU ELAPSED TTY TIME COMMAND");
        assert_eq!(titles(&[], true), "UID PID PPID C STIME TTY TIME CMD");
        assert_eq!(titles(&["aux"], true), "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND");
        assert_eq!(titles(&["-o", "pid,comm"], true), "PID COMMAND");
        assert_eq!(titles(&["-eo", "pid,args"], false), "PID COMMAND");
        assert_eq!(titles(&["-ef"], false), "UID PID PPID C STIME TTY TIME CMD");
        assert_eq!(titles(&["pid", "hpid", "capeff"], false), "PID HPID EFFECTIVE CAPS");
        assert_eq!(titles(&["pid,seccomp"], false), "PID SECCOMP");
        assert!(parse(&["nonsense".to_string()], false).is_err());
    }

    #[test]
    fn terminals_have_names() {
        for (number, name) in [(0, "?"), (34816, "pts/0"), (34817, "pts/1"), (1025, "tty1")] {
            assert_eq!(terminal(number), name, "{number}");
        }
    }
}
