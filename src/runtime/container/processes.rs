//! The processes of a container: listed, signalled, made to stand still.

use super::{Container, Status, improper};
use crate::fault::Fault;
use anyhow::{Context, Result};
use oci_spec::runtime::LinuxNamespaceType;

/// Whether there was anybody to get a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signalled {
    /// It was sent.
    Sent,
    /// The process has ended.
    Gone,
}

impl Container {
    /// Whether the end of its first process is the end of all.
    pub fn has_own_pids(&self) -> bool {
        self.record.namespaces.contains(&LinuxNamespaceType::Pid)
    }

    /// Sends a signal to its first process, or to `all` of them.
    pub fn signal(&self, signal: i32, all: bool) -> Result<()> {
        if self.send(signal, all)? == Signalled::Sent {
            return Ok(());
        }
        Err(improper("container not running"))
    }

    pub(super) fn send(&self, signal: i32, all: bool) -> Result<Signalled> {
        let process = self.process()?;
        // Without a pid namespace of its own nobody ends the others.
        if all || signal == libc::SIGKILL && !self.has_own_pids() {
            let cgroup = self.cgroup()?;
            match cgroup {
                Some(cgroup) if signal == libc::SIGKILL => cgroup.kill()?,
                _ => {
                    for pid in self.pids()? {
                        if let Ok(other) = crate::sys::pidfd::open(pid) {
                            let _ = crate::sys::signal::send(&other, signal);
                        }
                    }
                }
            }
            if all {
                return Ok(Signalled::Sent);
            }
        }
        let Some(process) = process else { return Ok(Signalled::Gone) };
        let sent = process.signal(signal).context("signalling the container's process")?;
        // One that stands still in a freezer of version 1 dies when it is let go.
        if signal == libc::SIGKILL
            && let Some(cgroup) = self.cgroup()?
            && cgroup.frozen().unwrap_or(false)
        {
            let _ = cgroup.thaw();
        }
        Ok(if sent { Signalled::Sent } else { Signalled::Gone })
    }

    /// All its processes: by its cgroup, else those in its pid namespace.
    pub fn pids(&self) -> Result<Vec<i32>> {
        if let Some(cgroup) = self.cgroup()? {
            let mut pids = cgroup.procs()?;
            pids.sort_unstable();
            pids.dedup();
            return Ok(pids);
        }
        let first = format!("/proc/{}/ns/pid", self.record.pid);
        let own = std::fs::read_link(first).context("reading the container's pid namespace")?;
        let mut pids = Vec::new();
        for entry in std::fs::read_dir("/proc").context("reading /proc")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            if std::fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|link| link == own) {
                pids.push(pid);
            }
        }
        Ok(pids)
    }

    /// Makes all its processes stand still.
    pub fn pause(&self) -> Result<()> {
        let _lock = self.lock()?;
        match self.status()? {
            Status::Running | Status::Created => {}
            status => return Err(improper(format!("container not running or created: {}", status.word()))),
        }
        self.needed_cgroup()?.freeze()
    }

    /// Lets them go on.
    pub fn resume(&self) -> Result<()> {
        let _lock = self.lock()?;
        let cgroup = self.needed_cgroup()?;
        if self.process()?.is_none() || !cgroup.frozen()? {
            return Err(improper("container not paused"));
        }
        cgroup.thaw()
    }

    pub(super) fn needed_cgroup(&self) -> Result<Box<dyn super::CgroupDriver>> {
        self.cgroup()?.ok_or_else(|| Fault::unsupported("the container has no cgroup").into())
    }
}
