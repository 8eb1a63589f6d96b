//! `@selftest`: looks around in a container and says what it sees as one line of JSON; then waits for the end of its input,
//! so that its filter can be read back. Changes nothing that stays.

use crate::model::selftest::{Device, HIDDEN, Seen};
use crate::sys::{keyring, probe};
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::{AccessFlags, access};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Looks, tells, waits (not with the word `once`).
pub fn main(arguments: &[OsString]) -> u8 {
    let text = serde_json::to_string(&look()).unwrap_or_default();
    let told = std::io::stdout().write_all(format!("{text}\n").as_bytes());
    if !arguments.iter().any(|word| word == "once") {
        let _ = std::io::stdin().read(&mut [0; 16]);
    }
    u8::from(told.is_err())
}

fn look() -> Seen {
    let descriptors = descriptors();
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let attempts = probe::ATTEMPTS.iter().map(|attempt| (attempt.name().to_string(), attempt.make())).collect();
    let (mut writable, mut looked_at) = (Vec::new(), 0);
    for root in ["/proc", "/sys"] {
        find_writable(Path::new(root), 0, &mut writable, &mut looked_at);
    }
    let (makes_nodes, opened) = nodes();
    Seen {
        status: read("/proc/self/status"),
        secure_bits: probe::secure_bits(),
        descriptors,
        uid_map: read("/proc/self/uid_map"),
        namespaces: namespaces(),
        mounts: read("/proc/self/mountinfo"),
        label: read("/proc/self/attr/current").trim_end_matches(['\n', '\0']).to_string(),
        keyring: keyring::describe_session().ok(),
        writable,
        looked_at,
        visible: visible(),
        devices: devices(),
        makes_nodes,
        opened,
        terminals: terminals(),
        abstract_sockets: abstract_sockets(&read("/proc/net/unix")),
        sockets: sockets(),
        processes: processes(),
        attempts,
    }
}

fn entries(dir: impl AsRef<Path>) -> Vec<(PathBuf, fs::FileType)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries.filter_map(|entry| Some((entry.path(), entry.file_type().ok()?))).collect();
    all.sort_by(|left, right| left.0.cmp(&right.0));
    all
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn descriptors() -> BTreeMap<u32, String> {
    let mut found = BTreeMap::new();
    for (path, _) in entries("/proc/self/fd") {
        let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        // The directory that was just read is closed again.
        if let (Some(number), Ok(target)) = (number, fs::read_link(&path)) {
            found.insert(number, text(&target));
        }
    }
    found
}

fn namespaces() -> BTreeMap<String, String> {
    let links = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
    let read = |kind: &&str| Some((kind.to_string(), text(&fs::read_link(format!("/proc/self/ns/{kind}")).ok()?)));
    links.iter().filter_map(read).collect()
}

/// Files whose permission bits and mounts let us write. Nothing is opened: some files act when they are.
fn find_writable(dir: &Path, depth: u32, found: &mut Vec<String>, looked_at: &mut usize) {
    for (path, kind) in entries(dir) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let process = dir == Path::new("/proc") && name.bytes().all(|byte| byte.is_ascii_digit());
        if process || kind.is_symlink() {
            continue;
        }
        if kind.is_dir() {
            if depth < 32 {
                find_writable(&path, depth + 1, found, looked_at);
            }
            continue;
        }
        *looked_at += 1;
        // A file may be hidden by the null device, of which the directory does not know.
        let found_here = fs::symlink_metadata(&path);
        let may = found_here.is_ok_and(|found| found.is_file() && found.mode() & 0o222 != 0);
        if may && access(&path, AccessFlags::W_OK).is_ok() {
            found.push(text(&path));
        }
    }
}

/// A file is hidden by the null device, a directory by an empty one.
fn visible() -> Vec<String> {
    let mut paths: Vec<PathBuf> = HIDDEN.iter().map(PathBuf::from).collect();
    paths.extend(entries("/sys/devices/system/cpu").into_iter().map(|(path, _)| path.join("thermal_throttle")));
    let shows = |path: &PathBuf| match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => !entries(path).is_empty(),
        Ok(found) => !(found.file_type().is_char_device() && found.rdev() == makedev(1, 3)),
        Err(_) => false,
    };
    paths.iter().filter(|path| shows(path)).map(|path| text(path)).collect()
}

/// To open a watchdog or a tape would do something; these are known to be patient.
fn harmless(block: bool, major: u64, minor: u64) -> bool {
    block || matches!((major, minor), (1, _) | (5, 0 | 2) | (10, 200 | 229 | 232))
}

fn opens(path: &Path) -> bool {
    let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path).is_ok()
}

fn devices() -> Vec<Device> {
    let (mut found, mut left) = (Vec::new(), vec![PathBuf::from("/dev")]);
    while let Some(dir) = left.pop() {
        for (path, kind) in entries(&dir) {
            if kind.is_dir() && !matches!(path.to_str(), Some("/dev/pts" | "/dev/shm" | "/dev/mqueue")) {
                left.push(path);
                continue;
            }
            // An ordinary user's devices are the host's, mounted over files.
            let Ok(found_here) = fs::symlink_metadata(&path) else { continue };
            let block = found_here.file_type().is_block_device();
            if block || found_here.file_type().is_char_device() {
                let number = found_here.rdev();
                let (major, minor) = (nix::sys::stat::major(number), nix::sys::stat::minor(number));
                let opens = harmless(block, major, minor).then(|| opens(&path));
                found.push(Device { path: text(&path), block, major, minor, opens });
            }
        }
    }
    found
}

/// Makes nodes for the machine's disks and memory, tries to read through them, and removes them.
fn nodes() -> (Option<i32>, Vec<String>) {
    let mut wanted: Vec<(String, SFlag, u64, u64)> = Vec::new();
    for line in fs::read_to_string("/proc/partitions").unwrap_or_default().lines().skip(2) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if let [major, minor, _, name] = words[..]
            && let (Ok(major), Ok(minor)) = (major.parse(), minor.parse())
        {
            wanted.push((format!("block device {name}"), SFlag::S_IFBLK, major, minor));
        }
    }
    wanted.truncate(16);
    for (name, major, minor) in [("memory", 1, 1), ("ports", 1, 4), ("kernel log", 1, 11), ("kvm", 10, 232)] {
        wanted.push((name.into(), SFlag::S_IFCHR, major, minor));
    }
    let (mut refusal, mut opened) = (None, Vec::new());
    for dir in ["/dev", "/tmp", "/"] {
        let path = Path::new(dir).join(format!(".selftest-{}", std::process::id()));
        for (name, kind, major, minor) in &wanted {
            match mknod(&path, *kind, Mode::from_bits_truncate(0o600), makedev(*major, *minor)) {
                Ok(()) => {
                    refusal = Some(0);
                    if opens(&path) && !opened.contains(name) {
                        opened.push(name.clone());
                    }
                    let _ = fs::remove_file(&path);
                }
                Err(errno) => refusal = refusal.or(Some(errno as i32)),
            }
        }
        if refusal == Some(0) {
            break;
        }
    }
    (refusal, opened)
}

fn terminals() -> BTreeMap<String, i32> {
    let mut found = BTreeMap::new();
    let mut look = |name: &str, stream: &dyn AsFd, terminal: bool| {
        if terminal {
            found.insert(name.to_string(), probe::push_key(stream.as_fd()));
        }
    };
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    look("standard input", &stdin, stdin.is_terminal());
    look("standard output", &stdout, stdout.is_terminal());
    look("standard error", &stderr, stderr.is_terminal());
    let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
    if let Ok(tty) = fs::OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/tty") {
        look("/dev/tty", &tty, true);
    }
    found
}

fn abstract_sockets(table: &str) -> Vec<String> {
    let names = table.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().nth(7));
    let mut names: Vec<String> = names.filter(|name| name.starts_with('@')).map(str::to_string).collect();
    names.sort();
    names.dedup();
    names
}

/// Where servers have them.
fn sockets() -> Vec<String> {
    let mut found = Vec::new();
    let mut left: Vec<(PathBuf, u32)> = ["/run", "/var/run", "/tmp", "/var/lib"].map(|dir| (dir.into(), 0)).to_vec();
    // A single one may be mounted anywhere, or a directory with some.
    for line in fs::read_to_string("/proc/self/mountinfo").unwrap_or_default().lines() {
        let path = line.split(' ').nth(4).unwrap_or("/");
        match fs::symlink_metadata(path) {
            Ok(seen) if seen.file_type().is_socket() => found.push(path.to_string()),
            Ok(_) if path != "/" && !["/proc", "/sys", "/dev"].iter().any(|own| path.starts_with(own)) => {
                left.push((path.into(), 2));
            }
            _ => {}
        }
    }
    while let Some((dir, depth)) = left.pop() {
        for (path, kind) in entries(&dir) {
            if kind.is_dir() && depth < 4 {
                left.push((path, depth + 1));
            } else if kind.is_socket() && found.len() < 100 {
                found.push(text(&path));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

fn processes() -> BTreeMap<i32, String> {
    let mut found = BTreeMap::new();
    for (path, _) in entries("/proc") {
        let pid = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<i32>().ok());
        if let Some(pid) = pid.filter(|pid| *pid != std::process::id() as i32) {
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
            found.insert(pid, name.trim_end().to_string());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abstract_names_are_told_from_paths() {
        let table = "Num RefCount Protocol Flags Type St Inode Path\n\
                     0000: 00000002 00000000 00010000 0001 01 17 @/tmp/x\n\
                     0000: 00000002 00000000 00010000 0001 01 18 /run/y\n\
                     0000: 00000003 00000000 00000000 0001 03 19\n";
        assert_eq!(abstract_sockets(table), ["@/tmp/x"]);
    }

    /// What can be looked at on the machine of the tests, too, without making anything.
    #[test]
    fn what_is_seen_survives_json() {
        let attempts = probe::ATTEMPTS.iter().map(|attempt| (attempt.name().to_string(), attempt.make())).collect();
        let seen = Seen {
            descriptors: descriptors(),
            namespaces: namespaces(),
            processes: processes(),
            attempts,
            ..Seen::default()
        };
        assert!(seen.namespaces.contains_key("mnt") && seen.descriptors.contains_key(&1));
        assert_eq!(serde_json::from_str::<Seen>(&serde_json::to_string(&seen).unwrap()).unwrap(), seen);
    }
}
