//! The end of a container.

use super::{Container, StateRoot, Status, improper};
use crate::runtime::hook;
use anyhow::{Context, Result};
use oci_spec::runtime::LinuxNamespaceType;
use std::fs;
use std::time::Duration;

/// A process that was killed may take a while to leave the kernel.
const DYING: Duration = Duration::from_secs(10);

impl StateRoot {
    /// Removes a container that has stopped or was never started, with `force` any; then one that is not there is fine.
    pub fn delete(&self, id: &str, force: bool) -> Result<()> {
        let container = match self.open(id) {
            Err(_) if force => {
                // What a `create` that was killed may have left.
                let dir = self.dir_of(id)?;
                return match fs::remove_dir_all(&dir) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        Err(error).with_context(|| format!("removing {}", dir.display()))
                    }
                    _ => Ok(()),
                };
            }
            container => container?,
        };
        container.delete(force)
    }
}

impl Container {
    fn delete(&self, force: bool) -> Result<()> {
        let _lock = self.lock()?;
        match self.status()? {
            Status::Stopped => {}
            Status::Created => self.end()?,
            _ if force => self.end()?,
            status => {
                let (id, status) = (&self.record.id, status.word());
                return Err(improper(format!("cannot delete container {id} that is not stopped: {status}")));
            }
        }
        if let Some(cgroup) = self.cgroup()? {
            if !self.has_own_pids() {
                let _ = cgroup.kill();
            }
            if let Err(error) = cgroup.remove() {
                log::warn!("{error:#}");
            }
        }
        if !self.record.namespaces.contains(&LinuxNamespaceType::Mount)
            && let Err(error) = crate::sys::mount::let_go(&self.record.rootfs)
        {
            log::debug!("unmounting {}: {error}", self.record.rootfs.display());
        }
        let hooks = self.spec().ok().and_then(|spec| spec.hooks().clone());
        fs::remove_dir_all(&self.dir).with_context(|| format!("removing {}", self.dir.display()))?;
        if let Some(hooks) = hooks {
            hook::after(&hooks, &self.state(Status::Stopped));
        }
        Ok(())
    }

    /// Kills it and waits for its end.
    fn end(&self) -> Result<()> {
        let process = self.process()?;
        self.send(libc::SIGKILL, false)?;
        if let Some(process) = process
            && !process.wait(Some(DYING)).context("waiting for the container's end")?
        {
            return Err(improper("the container's process does not end"));
        }
        Ok(())
    }
}
