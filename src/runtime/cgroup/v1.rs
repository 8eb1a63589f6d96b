//! Version 1: one hierarchy for each controller. Only those are used for which there is something to do.

use super::settings::{self, Setting};
use super::{CgroupDriver, Entrance, Host, MOUNT, Stats, cpuset, device};
use crate::fault::{Fault, Kind};
use anyhow::{Context, Result};
use oci_spec::runtime::LinuxResources;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A container's cgroups: the same path in several hierarchies.
#[derive(Debug)]
pub struct V1 {
    path: String,
    /// The directories of the hierarchies that are mounted, by controllers.
    mounted: Vec<Hierarchy>,
}

#[derive(Debug, Clone)]
struct Hierarchy {
    /// `cpu`, or `cpu,cpuacct` where they are mounted together.
    name: String,
}

impl Hierarchy {
    fn has(&self, controller: &str) -> bool {
        self.name.split(',').any(|name| name == controller)
    }

    fn root(&self) -> PathBuf {
        Path::new(MOUNT).join(&self.name)
    }
}

/// Reads which hierarchies there are.
fn mounted() -> Result<Vec<Hierarchy>> {
    let text = fs::read_to_string("/proc/self/cgroup").context("reading /proc/self/cgroup")?;
    let names = text.lines().filter_map(|line| line.split(':').nth(1));
    let names = names.filter(|name| !name.is_empty() && !name.starts_with("name="));
    Ok(names.map(|name| Hierarchy { name: name.into() }).collect())
}

/// What this host's hierarchies let us do.
pub fn host() -> Result<Host> {
    let mounted = mounted()?;
    let controllers = mounted.iter().flat_map(|hierarchy| hierarchy.name.split(',').map(str::to_string)).collect();
    let writable = mounted.iter().any(|hierarchy| hierarchy.has("pids") && may_write(&hierarchy.root()));
    Ok(Host { version: 1, controllers, writable, base: String::new() })
}

fn may_write(path: &Path) -> bool {
    nix::unistd::eaccess(path, nix::unistd::AccessFlags::W_OK).is_ok()
}

impl V1 {
    /// The cgroups at `path`.
    pub fn at(path: &str) -> Result<V1> {
        Ok(V1 { path: path.trim_matches('/').into(), mounted: mounted()? })
    }

    fn dir(&self, controller: &str) -> Option<PathBuf> {
        let hierarchy = self.mounted.iter().find(|hierarchy| hierarchy.has(controller))?;
        Some(hierarchy.root().join(&self.path))
    }

    fn existing(&self, controller: &str) -> Option<PathBuf> {
        self.dir(controller).filter(|dir| dir.exists())
    }

    /// All directories of it that exist.
    fn dirs(&self) -> Vec<PathBuf> {
        let dirs = self.mounted.iter().map(|hierarchy| hierarchy.root().join(&self.path));
        dirs.filter(|dir| dir.exists()).collect()
    }

    fn make(&self, controller: &str) -> Result<Option<PathBuf>> {
        let Some(dir) = self.dir(controller) else { return Ok(None) };
        match fs::create_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(&dir),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
        .with_context(|| format!("making cgroup {}", dir.display()))?;
        if controller == "cpuset" {
            fill_cpuset(&dir)?;
        }
        Ok(Some(dir))
    }

    fn write(&self, setting: &Setting) -> Result<()> {
        let refused = |why: &str| Fault::new(Kind::Unsupported, format!("{} can't be set: {why}", setting.name));
        let Some(dir) = self.make(setting.controller)? else {
            return Err(refused(&format!("the kernel has no {} controller here", setting.controller)).into());
        };
        let written = fs::write(dir.join(&setting.file), &setting.value);
        if let Some(fault) = written.as_ref().err().and_then(|error| cpuset::refused(setting, &dir, error)) {
            return Err(fault.into());
        }
        match written {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::EACCES) => {
                // The scheduler that knows weights may be called otherwise, or not be there.
                if setting.file.contains(".bfq.") {
                    let file = setting.file.replace(".bfq", "");
                    if fs::write(dir.join(&file), &setting.value).is_ok() {
                        return Ok(());
                    }
                }
                if setting.file.contains("memsw") && !has_swap() {
                    return Ok(()); // nothing to limit
                }
                Err(refused(&format!("the kernel has no {}", setting.file)).into())
            }
            Err(error) => {
                let why = super::super::words::because(error.raw_os_error().unwrap_or(libc::EIO));
                let kind = if error.raw_os_error() == Some(libc::EINVAL) { Kind::Invalid } else { Kind::Unsupported };
                let what = format!("{} can't be set to {}: {}", setting.name, setting.value, why.to_lowercase());
                Err(Fault::new(kind, what).into())
            }
        }
    }

    fn state(&self) -> Result<PathBuf> {
        let dir = self.existing("freezer");
        let dir = dir.ok_or_else(|| Fault::unsupported("the container has no freezer cgroup"))?;
        Ok(dir.join("freezer.state"))
    }
}

/// A new cpuset is empty and takes no process; it begins with what its parent has.
fn fill_cpuset(dir: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let own = fs::read_to_string(dir.join(file)).unwrap_or_default();
        if !own.trim().is_empty() {
            continue;
        }
        let Some(parent) = dir.parent() else { continue };
        let mut value = fs::read_to_string(parent.join(file)).unwrap_or_default();
        if value.trim().is_empty() && parent.starts_with(MOUNT) && parent != Path::new(MOUNT) {
            fill_cpuset(parent)?;
            value = fs::read_to_string(parent.join(file)).unwrap_or_default();
        }
        fs::write(dir.join(file), value.trim()).with_context(|| format!("setting {file} of {}", dir.display()))?;
    }
    Ok(())
}

/// One write for each rule: that is what the kernel reads at a time.
fn write_rules(dir: &Path, rules: &[(&'static str, String)]) -> Result<()> {
    for group in rules.chunk_by(|(left, _), (right, _)| left == right) {
        let path = dir.join(group[0].0);
        let mut file =
            fs::OpenOptions::new().write(true).open(&path).with_context(|| format!("opening {}", path.display()))?;
        for (_, text) in group {
            io::Write::write_all(&mut file, text.as_bytes())
                .with_context(|| format!("writing {text} to {}", path.display()))?;
        }
    }
    Ok(())
}

fn has_swap() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().count() > 1)
}

impl CgroupDriver for V1 {
    fn create(&self, resources: &LinuxResources, everywhere: bool) -> Result<()> {
        // For `pause`, and to find and kill everything.
        for controller in ["freezer", "pids"] {
            self.make(controller)?;
        }
        if everywhere {
            for hierarchy in &self.mounted {
                self.make(hierarchy.name.split(',').next().unwrap_or_default())?;
            }
        }
        let rules = resources.devices().as_deref().unwrap_or_default();
        if !rules.is_empty()
            && let Some(dir) = self.make("devices")?
        {
            write_rules(&dir, &device::v1(rules)?)?;
        }
        self.update(resources)
    }

    fn update(&self, resources: &LinuxResources) -> Result<()> {
        if resources.unified().as_ref().is_some_and(|unified| !unified.is_empty()) {
            return Err(Fault::unsupported("cgroup settings (unified) need cgroups of version 2").into());
        }
        let settings = settings::v1(resources)?;
        for setting in &settings {
            let raised = setting.file == "memory.limit_in_bytes"
                && settings.iter().any(|other| other.file == "memory.memsw.limit_in_bytes");
            match self.write(setting) {
                // Above the present limit of memory and swap together: that one must be raised first.
                Err(_) if raised => {
                    settings
                        .iter()
                        .filter(|other| other.file.contains("memsw"))
                        .try_for_each(|other| self.write(other))?;
                    self.write(setting)?;
                }
                result => result?,
            }
        }
        Ok(())
    }

    fn entrances(&self) -> Result<Vec<Entrance>> {
        use nix::fcntl::{OFlag, open};
        let mut entrances = Vec::new();
        for hierarchy in &self.mounted {
            let file = hierarchy.root().join(&self.path).join("tasks");
            let fd: OwnedFd = match open(&file, OFlag::O_WRONLY | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty()) {
                Err(nix::errno::Errno::ENOENT) => continue,
                fd => fd.with_context(|| format!("opening {}", file.display()))?,
            };
            entrances.push(Entrance { fd, is_directory: false, name: hierarchy.name.clone() });
        }
        Ok(entrances)
    }

    fn hierarchies(&self) -> Vec<String> {
        let existing = self.mounted.iter().filter(|hierarchy| hierarchy.root().join(&self.path).exists());
        existing.map(|hierarchy| hierarchy.name.clone()).collect()
    }

    fn freeze(&self) -> Result<()> {
        let state = self.state()?;
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            // Written again each time: a process that was forked meanwhile may have kept it from finishing.
            fs::write(&state, "FROZEN").context("freezing the container")?;
            if fs::read_to_string(&state).context("freezing the container")?.trim() == "FROZEN" {
                return Ok(());
            }
            if Instant::now() > end {
                let _ = self.thaw();
                return Err(Fault::new(Kind::Unavailable, "the container's processes do not stand still").into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn thaw(&self) -> Result<()> {
        fs::write(self.state()?, "THAWED").context("thawing the container")
    }

    fn frozen(&self) -> Result<bool> {
        let Ok(state) = self.state() else { return Ok(false) };
        Ok(fs::read_to_string(state).context("reading the freezer's state")?.trim() != "THAWED")
    }

    fn kill(&self) -> Result<()> {
        let can_freeze = self.freeze().is_ok();
        let result = self.procs().map(|procs| {
            for pid in procs {
                // The freezer holds them, so that a number can't have become another process's.
                if let Ok(pidfd) = crate::sys::pidfd::open(pid) {
                    let _ = crate::sys::process::kill(std::os::fd::AsFd::as_fd(&pidfd), libc::SIGKILL);
                }
            }
        });
        if can_freeze {
            self.thaw()?;
        }
        result
    }

    fn procs(&self) -> Result<Vec<i32>> {
        let dir = self.existing("pids").or_else(|| self.existing("freezer"));
        let mut procs = Vec::new();
        if let Some(dir) = dir {
            collect(&dir, &mut procs)?;
        }
        Ok(procs)
    }

    fn stats(&self) -> Result<Stats> {
        let number = |controller: &str, file: &str| {
            let text = fs::read_to_string(self.existing(controller)?.join(file)).ok()?;
            text.trim().parse::<u64>().ok()
        };
        let field = |controller: &str, file: &str, key: &str| {
            let text = fs::read_to_string(self.existing(controller)?.join(file)).ok()?;
            super::v2::field(&text, key)
        };
        let inactive = field("memory", "memory.stat", "total_inactive_file").unwrap_or(0);
        let ticks = |key| field("cpuacct", "cpuacct.stat", key).map(|ticks| ticks * 10_000_000);
        let bytes = |sort: &str| {
            let text = fs::read_to_string(self.existing("blkio")?.join("blkio.throttle.io_service_bytes")).ok()?;
            let lines = text.lines().filter_map(|line| {
                let mut words = line.split(' ');
                (words.nth(1) == Some(sort)).then(|| words.next()?.parse::<u64>().ok())?
            });
            Some(lines.sum())
        };
        Ok(Stats {
            cpu_total: number("cpuacct", "cpuacct.usage"),
            cpu_user: ticks("user"),
            cpu_system: ticks("system"),
            memory: number("memory", "memory.usage_in_bytes").map(|usage| usage.saturating_sub(inactive)),
            memory_limit: number("memory", "memory.limit_in_bytes").filter(|&limit| limit < 1 << 62),
            pids: number("pids", "pids.current"),
            pids_limit: number("pids", "pids.max"),
            block_read: bytes("Read"),
            block_write: bytes("Write"),
        })
    }

    fn oom_kills(&self) -> Result<u64> {
        let Some(dir) = self.existing("memory") else { return Ok(0) };
        let text = fs::read_to_string(dir.join("memory.oom_control")).context("reading memory.oom_control")?;
        Ok(super::v2::field(&text, "oom_kill").unwrap_or(0))
    }

    fn remove(&self) -> Result<()> {
        let mut first = None;
        for dir in self.dirs() {
            if let Err(error) = remove_tree(&dir) {
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(()), Err)
    }
}

/// The processes in a cgroup and those below.
pub fn collect(dir: &Path, procs: &mut Vec<i32>) -> Result<()> {
    let text = match fs::read_to_string(dir.join("cgroup.procs")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text.with_context(|| format!("reading the processes of {}", dir.display()))?,
    };
    procs.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
    for below in below(dir)? {
        collect(&below, procs)?;
    }
    Ok(())
}

fn below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Removes a cgroup and those below; waits a moment for processes that are just ending.
pub fn remove_tree(dir: &Path) -> Result<()> {
    // rmdir does not care about files, so the usual case needs no listing.
    let end = Instant::now() + Duration::from_secs(2);
    loop {
        match fs::remove_dir(dir) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < end => {
                for below in below(dir)? {
                    remove_tree(&below)?;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error).with_context(|| format!("removing cgroup {}", dir.display())),
        }
    }
}
