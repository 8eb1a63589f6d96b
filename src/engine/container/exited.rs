//! `exited`: what is done once when a container's process is gone, by whoever comes first.

use super::{adopt, identity};
use crate::config::Config;
use crate::engine::Engine;
use crate::fault::{Fault, Kind};
use crate::model::id::ContainerId;
use crate::model::lifecycle::{Change, Phase};
use crate::model::network::NetworkState;
use crate::monitor::client::Client;
use crate::monitor::{self, ExitRecord};
use crate::runtime::cgroup;
use crate::store::{Container, ExitReason, LockedContainer};
use crate::sys::spawn::Inherited;
use crate::sys::tree;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;

/// Records the end of a container whose process is gone, removes its cgroup and, with `--rm`, itself. Idempotent: the
/// first caller under the lock does it. Returns the exit code, `None` when nobody can know it.
pub fn exited(engine: &Engine, id: &ContainerId) -> Result<Option<u8>> {
    end(engine, id, None)
}

/// [`exited`], for the client whose container this was: what takes time (deleting files, which on some disks waits for
/// the disk) is left to the container's monitor, which is told so.
pub(super) fn exited_with(engine: &Engine, id: &ContainerId, monitor: Client) -> Result<Option<u8>> {
    end(engine, id, Some(monitor))
}

fn end(engine: &Engine, id: &ContainerId, monitor: Option<Client>) -> Result<Option<u8>> {
    // The exit record goes with a removed container: look before the lock is there to wait for.
    let before = ExitRecord::read(&engine.store.container_dirs(id).run)?;
    let mut container = match engine.store.lock_container(id) {
        Ok(container) => container,
        Err(error) if Fault::kind_of(&error) == Kind::NotFound => {
            monitor.into_iter().for_each(Client::cleaned);
            return Ok(before.and_then(|record| record.code));
        }
        Err(error) => return Err(error),
    };
    let leave_rest = monitor.is_some() && runs(&container) && container.spec.remove;
    settle(engine, &mut container)?;
    let code = match container.phase {
        Phase::Exited { code } => code,
        phase if runs_in(phase) => return Err(Fault::conflict(format!("container {id} still runs")).into()),
        _ => {
            monitor.into_iter().for_each(Client::cleaned);
            return Ok(None);
        }
    };
    match monitor {
        Some(monitor) if leave_rest => {
            let leavings = engine.store.leavings(id);
            container.set_phase(Change::Remove)?;
            container.withdraw()?;
            if !monitor.withdrawn() {
                // It was killed just now.
                leavings.iter().try_for_each(|path| tree::remove(path))?;
            }
        }
        monitor => {
            if container.spec.remove {
                remove_settled(container)?;
            }
            monitor.into_iter().for_each(Client::cleaned);
        }
    }
    Ok(code)
}

/// Whether a process is there, as far as the record says.
pub(super) fn runs(container: &Container) -> bool {
    runs_in(container.phase)
}

fn runs_in(phase: Phase) -> bool {
    matches!(phase, Phase::Running | Phase::Paused)
}

/// The container as it truly is: one whose process is gone has been cleaned up after. Takes no lock when all is well.
pub(super) fn settled(engine: &Engine, id: &ContainerId) -> Result<Container> {
    let container = engine.store.find_container(id.as_str())?;
    if !runs(&container) {
        return Ok(container);
    }
    if !identity::is_alive(engine, &container) {
        exited(engine, id)?;
    } else if adopt::is_orphan(engine, &container) {
        settle(engine, &mut engine.store.lock_container(id)?)?;
    } else {
        return Ok(container);
    }
    engine.store.find_container(id.as_str())
}

/// If the record says that it runs and its process is gone: writes down how it ended, and removes its cgroup.
pub(super) fn settle(engine: &Engine, container: &mut LockedContainer) -> Result<()> {
    if !runs(container) {
        return Ok(());
    }
    if identity::process(engine, container.process.as_ref())?.is_some() {
        if !adopt::is_orphan(engine, container) {
            return Ok(());
        }
        match adopt::adopt(engine, container) {
            Ok(()) => return Ok(()),
            // It has ended meanwhile; nobody can know how.
            Err(_) if identity::process(engine, container.process.as_ref())?.is_none() => {}
            Err(error) => {
                log::warn!("{error:#}");
                return Ok(());
            }
        }
    }
    let in_this_boot = container.process.as_ref().is_some_and(|process| process.boot_id == engine.store.boot_id());
    // The monitor writes the record before anybody is told. If it is just doing so, wait for it; if it is dead, nobody
    // can know the code, and that is what is said.
    if in_this_boot {
        adopt::keep_ended(engine, container)?;
    }
    let run = &container.dirs().run;
    let end = match ExitRecord::read(run)?.filter(|_| in_this_boot) {
        None if in_this_boot => monitor::client::wait(run)?,
        end => end,
    };
    if in_this_boot {
        remove_cgroup(container);
    }
    if in_this_boot {
        super::network::release(engine, container);
    }
    record_end(engine, container, end)?;
    // What goes at once needs no record of how it ended.
    if container.spec.remove { Ok(()) } else { container.save() }
}

fn record_end(engine: &Engine, container: &mut LockedContainer, end: Option<ExitRecord>) -> Result<()> {
    container.set_phase(Change::Exit { code: end.as_ref().and_then(|end| end.code) })?;
    let finished = end.as_ref().map_or_else(super::now, |end| end.finished.clone());
    let rebooted = container.process.as_ref().is_none_or(|process| process.boot_id != engine.store.boot_id());
    let record = container.record_mut();
    record.finished = Some(finished);
    record.process = None;
    record.monitor = None;
    record.network = NetworkState::default();
    record.exit = match end {
        Some(end) => ExitReason { signal: end.signal, oom_killed: end.oom_killed, error: String::new() },
        None if rebooted => ExitReason { error: "the machine was restarted".into(), ..ExitReason::default() },
        None => {
            ExitReason { error: "its monitor was killed: the exit code is unknown".into(), ..ExitReason::default() }
        }
    };
    Ok(())
}

/// A cgroup that can't be removed now (something in it is still dying) must not keep the rest from being done:
/// `system check` finds it by the container's id.
pub(super) fn remove_cgroup(container: &Container) {
    let outcome = super::cgroup(container).and_then(|cgroup| match cgroup {
        Some(cgroup) => cgroup.remove(),
        None => Ok(()),
    });
    if let Err(error) = outcome {
        log::warn!("removing the cgroup of {}: {error:#}", container.id.short());
    }
}

/// Removes a container that does not run.
pub(super) fn remove_settled(mut container: LockedContainer) -> Result<()> {
    if super::resolved(&container).cgroup.is_none() {
        remove_unknown_cgroup(&container);
    }
    if container.phase != Phase::Removing {
        container.set_phase(Change::Remove)?;
    }
    container.remove()
}

/// The cgroup of a start that was killed before the record learned of it: where it would be is known.
fn remove_unknown_cgroup(container: &Container) {
    let remove = || -> Result<()> {
        let host = cgroup::host()?;
        if !host.writable {
            return Ok(());
        }
        cgroup::open(&cgroup::place(&host, &super::cgroup_path(container).to_string_lossy())?)?.remove()
    };
    if let Err(error) = remove() {
        log::debug!("removing the cgroup of {}: {error:#}", container.id.short());
    }
}

/// What `@reap` is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReapConfig {
    /// The engine's.
    pub config: Config,
    /// Which container.
    pub id: ContainerId,
}

/// The role `@reap`: calls [`exited`] for one container when no command is there to do it.
pub fn reap_role(arguments: &[OsString]) -> u8 {
    let outcome = (|| -> Result<()> {
        let mut inherited = Inherited::take(arguments.iter().cloned())?;
        let told: ReapConfig = serde_json::from_slice(&inherited.config()?)?;
        let engine = Engine::open(told.config)?;
        exited(&engine, &told.id)?;
        // Killed after it had withdrawn the container, a client tells nobody that its files are left.
        if engine.store.find_container(told.id.as_str()).is_err_and(|error| Fault::kind_of(&error) == Kind::NotFound) {
            engine.store.leavings(&told.id).iter().try_for_each(|path| tree::remove(path))?;
        }
        Ok(())
    })();
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            log::error!("cleaning up: {error:#}");
            1
        }
    }
}
