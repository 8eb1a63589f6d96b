//! `@hello`: the program of the embedded image. It runs in a container and tells what it sees from inside.

use std::ffi::OsString;
use std::fmt::Write;

/// Prints the page.
pub fn main(_arguments: &[OsString]) -> u8 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let names = |path: &str| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let status = read("/proc/self/status");
    let rows = [
        ("user", user(&status, &read("/proc/self/uid_map"))),
        ("process", process(std::process::id(), &names("/proc"))),
        ("hostname", read("/proc/sys/kernel/hostname").trim().to_string()),
        ("root", root(&read("/proc/self/mountinfo"), &names("/"))),
        ("powers", powers(&status)),
        ("limits", limits(&read("/proc/self/limits"), &read)),
        ("network", network(&read("/proc/net/dev"), &read("/proc/net/route"))),
    ];
    let mut page = String::from("Hello! This program runs in a container, and this is what it sees from inside:\n\n");
    for (name, text) in rows {
        let _ = writeln!(page, "  {name:<10}{text}");
    }
    page.push_str(
        "\nIt came out of the engine's own binary: no registry, no network, no daemon. Next:\n  \
         barge run --rm -it debian bash      an image from a registry\n  \
         barge run --rm -it --rootfs /:O sh  your own system, where nothing you change is kept\n",
    );
    // Whoever reads this may have gone.
    match std::io::Write::write_all(&mut std::io::stdout(), page.as_bytes()) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// The fields of a line of /proc/self/status.
fn field<'a>(status: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default();
    line.split_ascii_whitespace()
}

fn user(status: &str, map: &str) -> String {
    let uid: u64 = field(status, "Uid").nth(1).and_then(|uid| uid.parse().ok()).unwrap_or_default();
    let lines: Vec<[u64; 3]> = map
        .lines()
        .filter_map(|line| {
            let numbers: Vec<u64> = line.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect();
            numbers.try_into().ok()
        })
        .collect();
    let outside = lines.iter().find(|[inside, _, count]| (*inside..inside + count).contains(&uid));
    let ids: u64 = lines.iter().map(|[_, _, count]| count).sum();
    match (&lines[..], outside) {
        ([[0, 0, 4294967295]], _) => format!("uid {uid}, the same outside (no user namespace)"),
        (_, Some([inside, outside, _])) => {
            format!("uid {uid}, which is uid {} outside; {ids} id{} mapped", outside + (uid - inside), plural(ids))
        }
        (_, None) => format!("uid {uid}, not mapped"),
    }
}

fn process(pid: u32, proc: &[String]) -> String {
    let visible = proc.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).count();
    format!("pid {pid}; {visible} process{} to be seen", if visible == 1 { "" } else { "es" })
}

fn root(mountinfo: &str, names: &[String]) -> String {
    let mounts = mountinfo.lines().count();
    let line = mountinfo.lines().rfind(|line| line.split(' ').nth(4) == Some("/")).unwrap_or_default();
    let kind = line.split(" - ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or("unknown");
    let options = line.split(' ').nth(5).unwrap_or_default();
    let access = if options.split(',').any(|option| option == "ro") { "read-only" } else { "writable" };
    format!("{kind}, {access}; holds {}; {mounts} mounts", names.join(" "))
}

fn powers(status: &str) -> String {
    let bits = field(status, "CapEff").next().and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or_default();
    let seccomp = match field(status, "Seccomp").next() {
        Some("2") => "system calls are filtered",
        _ => "system calls are not filtered",
    };
    let nnp = if field(status, "NoNewPrivs").next() == Some("1") { ", no new privileges" } else { "" };
    format!("{} capabilities of 41; {seccomp}{nnp}", bits.count_ones())
}

fn limits(limits: &str, read: &dyn Fn(&str) -> String) -> String {
    let first = |paths: [&str; 2]| paths.iter().map(|path| read(path).trim().to_string()).find(|text| !text.is_empty());
    let memory = first(["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]);
    let memory = match memory.as_deref().map(str::parse::<u64>) {
        // v1 says "unlimited" with the largest number of whole pages.
        Some(Ok(bytes)) if bytes < 1 << 60 => format!("{} MiB of memory", bytes >> 20),
        Some(_) => "memory not limited".into(),
        None => "no memory limit to be seen".into(),
    };
    let pids = match first(["/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"]) {
        Some(pids) if pids != "max" => format!(", {pids} processes"),
        _ => String::new(),
    };
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    format!("{memory}{pids}, {} open files", files.split_ascii_whitespace().next().unwrap_or("?"))
}

fn network(dev: &str, route: &str) -> String {
    let names: Vec<_> =
        dev.lines().skip(2).filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim()).collect();
    let way_out = route.lines().skip(1).any(|line| line.split_ascii_whitespace().nth(1) == Some("00000000"));
    match (&names[..], way_out) {
        ([], _) => "none".into(),
        (["lo"], _) => "loopback only".into(),
        (names, true) => format!("{}, with a way out", names.join(" ")),
        (names, false) => format!("{}, without a way out", names.join(" ")),
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_told_as_seen_from_outside() {
        let status = "Name:\tx\nUid:\t0\t0\t0\t0\n";
        for (map, text) in [
            ("0 0 4294967295\n", "uid 0, the same outside (no user namespace)"),
            ("0 1000 1\n", "uid 0, which is uid 1000 outside; 1 id mapped"),
            ("0 1000 1\n1 100000 65536\n", "uid 0, which is uid 1000 outside; 65537 ids mapped"),
            ("5 1000 1\n", "uid 0, not mapped"),
        ] {
            assert_eq!(user(status, map), text);
        }
    }

    #[test]
    fn the_rest_is_read_from_proc() {
        let names = |text: &str| text.split(' ').map(str::to_string).collect::<Vec<_>>();
        assert_eq!(process(1, &names("1 self uptime")), "pid 1; 1 process to be seen");
        let mountinfo = "1 0 8:1 / /old rw - ext4 /dev/vda rw\n2 1 0:30 / / ro,relatime - overlay overlay rw\n";
        assert_eq!(root(mountinfo, &names("dev proc")), "overlay, read-only; holds dev proc; 2 mounts");
        let status = "CapEff:\t00000000800405fb\nNoNewPrivs:\t0\nSeccomp:\t2\n";
        assert_eq!(powers(status), "11 capabilities of 41; system calls are filtered");
        let files = "Max open files            1024                 4096                 files\n";
        let v1 = |path: &str| match path {
            "/sys/fs/cgroup/memory/memory.limit_in_bytes" => "67108864\n".to_string(),
            "/sys/fs/cgroup/pids/pids.max" => "2048\n".to_string(),
            _ => String::new(),
        };
        assert_eq!(limits(files, &v1), "64 MiB of memory, 2048 processes, 1024 open files");
        assert_eq!(limits(files, &|_: &str| String::new()), "no memory limit to be seen, 1024 open files");
        let dev = "Inter-|\n face |\n    lo: 0\n";
        assert_eq!(network(dev, ""), "loopback only");
        let dev = format!("{dev}  eth0: 0\n");
        assert_eq!(network(&dev, "Iface\neth0\t00000000\t0101A8C0\n"), "lo eth0, with a way out");
    }
}
