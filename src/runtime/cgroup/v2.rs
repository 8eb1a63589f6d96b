//! Version 2: one hierarchy, of which a part may have been delegated to us.

use super::settings::{self, Setting};
use super::{CgroupDriver, Entrance, Host, MOUNT, Stats, cpuset, device};
use crate::fault::{Fault, Kind};
use crate::sys::bpf;
use anyhow::{Context, Result};
use oci_spec::runtime::LinuxResources;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A container's cgroup.
#[derive(Debug)]
pub struct V2 {
    dir: PathBuf,
}

/// The cgroup of this process, with a leading slash.
pub fn own_cgroup() -> Result<String> {
    cgroup_of("self")
}

/// The cgroup of a process, with a leading slash.
pub fn cgroup_of(pid: impl std::fmt::Display) -> Result<String> {
    let path = format!("/proc/{pid}/cgroup");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    Ok(text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_string())
}

/// What was delegated to us.
pub fn host() -> Result<Host> {
    let own = own_cgroup()?;
    let may = |path: &Path| {
        ["", "cgroup.procs", "cgroup.subtree_control"].iter().all(|file| {
            let file = if file.is_empty() { path.to_path_buf() } else { path.join(file) };
            nix::unistd::eaccess(&file, nix::unistd::AccessFlags::W_OK).is_ok()
        })
    };
    // The highest of our own ancestors that we may write to: a process may move only below a common one.
    let root = Path::new(MOUNT);
    let own = root.join(own.trim_matches('/'));
    let ancestors: Vec<&Path> = own.ancestors().take_while(|dir| dir.starts_with(root)).collect();
    let highest = ancestors.into_iter().rev().find(|dir| may(dir));
    let Some(base) = highest else {
        return Ok(Host { version: 2, ..Host::default() });
    };
    let controllers = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
    let relative = base.strip_prefix(root).unwrap_or(Path::new(""));
    let relative = if relative.as_os_str().is_empty() { String::new() } else { format!("/{}", relative.display()) };
    Ok(Host {
        version: 2,
        controllers: controllers.split_whitespace().map(str::to_string).collect(),
        writable: true,
        base: relative,
    })
}

impl V2 {
    /// The cgroup at `path`.
    pub fn at(path: &str) -> V2 {
        V2 { dir: Path::new(MOUNT).join(path.trim_matches('/')) }
    }

    fn write(&self, setting: &Setting) -> Result<()> {
        let written = fs::write(self.dir.join(&setting.file), &setting.value);
        if let Some(fault) = written.as_ref().err().and_then(|error| cpuset::refused(setting, &self.dir, error)) {
            return Err(fault.into());
        }
        match written {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let without = setting.file.replace(".bfq", "");
                if setting.file.contains(".bfq.") && fs::write(self.dir.join(without), &setting.value).is_ok() {
                    return Ok(());
                }
                let why = format!(
                    "the {} controller was not delegated to us, or has no {}",
                    setting.controller, setting.file
                );
                Err(Fault::unsupported(format!("{} can't be set: {why}", setting.name)).into())
            }
            Err(error) => {
                let why = super::super::words::because(error.raw_os_error().unwrap_or(libc::EIO)).to_lowercase();
                let kind = if error.raw_os_error() == Some(libc::EINVAL) { Kind::Invalid } else { Kind::Unsupported };
                Err(Fault::new(kind, format!("{} can't be set to {}: {why}", setting.name, setting.value)).into())
            }
        }
    }

    /// Makes controllers available in `dir` by switching them on in everything above it that we may change.
    fn delegate(&self, controllers: &[&str]) {
        let root = Path::new(MOUNT);
        let mut above: Vec<&Path> = self.dir.ancestors().skip(1).take_while(|dir| dir.starts_with(root)).collect();
        above.reverse();
        for dir in above {
            let on = fs::read_to_string(dir.join("cgroup.subtree_control")).unwrap_or_default();
            for controller in controllers {
                if !on.split_whitespace().any(|one| one == *controller) {
                    let file = dir.join("cgroup.subtree_control");
                    let word = format!("+{controller}");
                    // What can't be switched on shows when its file is missing.
                    if fs::write(&file, &word).is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY))
                        && dir == root
                        && make_room(dir)
                    {
                        let _ = fs::write(&file, &word);
                    }
                }
            }
        }
    }

    fn event(&self, key: &str) -> Result<bool> {
        let text = fs::read_to_string(self.dir.join("cgroup.events")).context("reading cgroup.events")?;
        Ok(field(&text, key) == Some(1))
    }

    fn number(&self, file: &str) -> Option<u64> {
        fs::read_to_string(self.dir.join(file)).ok()?.trim().parse().ok()
    }

    fn field(&self, file: &str, key: &str) -> Option<u64> {
        field(&fs::read_to_string(self.dir.join(file)).ok()?, key)
    }
}

/// Inside of a container the topmost cgroup is one with processes, which can't give controllers to those below. They go
/// one down, as in docker's own docker-in-docker. (The machine's real root may have both, and never gets here.)
fn make_room(root: &Path) -> bool {
    let below = root.join("init");
    if fs::create_dir(&below).is_err_and(|error| error.kind() != io::ErrorKind::AlreadyExists) {
        return false;
    }
    // Some may fork meanwhile.
    for _ in 0..10 {
        let procs = fs::read_to_string(root.join("cgroup.procs")).unwrap_or_default();
        let mut pids = procs.lines().filter(|pid| *pid != "0").peekable();
        if pids.peek().is_none() {
            return true;
        }
        for pid in pids {
            let _ = fs::write(below.join("cgroup.procs"), pid);
        }
    }
    false
}

/// The number after a word at the start of a line.
pub fn field(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

impl CgroupDriver for V2 {
    fn create(&self, resources: &LinuxResources, everywhere: bool) -> Result<()> {
        let settings = settings::v2(resources)?;
        match fs::create_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(&self.dir),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
        .with_context(|| format!("making cgroup {}", self.dir.display()))?;
        let mut controllers: Vec<&str> = settings.iter().map(|setting| setting.controller).collect();
        controllers.extend(["memory", "pids"]);
        if everywhere {
            controllers.extend(["cpu", "cpuset", "hugetlb", "io"]);
        }
        controllers.sort_unstable();
        controllers.dedup();
        self.delegate(&controllers);
        settings.iter().try_for_each(|setting| self.write(setting))?;
        let rules = resources.devices().as_deref().unwrap_or_default();
        if !rules.is_empty() {
            let program = device::v2(rules)?;
            let dir = fs::File::open(&self.dir).context("opening the cgroup")?;
            match bpf::attach_device_filter(dir.as_fd(), &program) {
                // Without privilege over the host's devices a process can't make nodes either.
                Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
                result => result.context("attaching the device filter")?,
            }
        }
        Ok(())
    }

    fn update(&self, resources: &LinuxResources) -> Result<()> {
        settings::v2(resources)?.iter().try_for_each(|setting| self.write(setting))
    }

    fn entrances(&self) -> Result<Vec<Entrance>> {
        let dir = fs::File::open(&self.dir).with_context(|| format!("opening {}", self.dir.display()))?;
        Ok(vec![Entrance { fd: dir.into(), is_directory: true, name: self.dir.display().to_string() }])
    }

    fn hierarchies(&self) -> Vec<String> {
        Vec::new()
    }

    fn freeze(&self) -> Result<()> {
        fs::write(self.dir.join("cgroup.freeze"), "1").context("freezing the container")?;
        let end = Instant::now() + Duration::from_secs(10);
        while !self.event("frozen")? {
            if Instant::now() > end {
                let _ = self.thaw();
                return Err(Fault::new(Kind::Unavailable, "the container's processes do not stand still").into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn thaw(&self) -> Result<()> {
        fs::write(self.dir.join("cgroup.freeze"), "0").context("thawing the container")
    }

    fn frozen(&self) -> Result<bool> {
        self.event("frozen")
    }

    fn kill(&self) -> Result<()> {
        fs::write(self.dir.join("cgroup.kill"), "1").context("killing the container")
    }

    fn procs(&self) -> Result<Vec<i32>> {
        let mut procs = Vec::new();
        super::v1::collect(&self.dir, &mut procs)?;
        Ok(procs)
    }

    fn stats(&self) -> Result<Stats> {
        let micro = |key| self.field("cpu.stat", key).map(|micro| micro * 1000);
        let inactive = self.field("memory.stat", "inactive_file").unwrap_or(0);
        let io = |key: &str| {
            let text = fs::read_to_string(self.dir.join("io.stat")).ok()?;
            let words = text.split_whitespace().filter_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            Some(words.filter_map(|number| number.parse::<u64>().ok()).sum())
        };
        Ok(Stats {
            cpu_total: micro("usage_usec"),
            cpu_user: micro("user_usec"),
            cpu_system: micro("system_usec"),
            memory: self.number("memory.current").map(|usage| usage.saturating_sub(inactive)),
            memory_limit: self.number("memory.max"),
            pids: self.number("pids.current"),
            pids_limit: self.number("pids.max"),
            block_read: io("rbytes"),
            block_write: io("wbytes"),
        })
    }

    fn oom_kills(&self) -> Result<u64> {
        Ok(self.field("memory.events", "oom_kill").unwrap_or(0))
    }

    fn remove(&self) -> Result<()> {
        super::v1::remove_tree(&self.dir)
    }
}
