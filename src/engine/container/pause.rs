//! `pause` and `unpause`: by the freezer.

use super::exited::settle;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::model::id::ContainerId;
use crate::model::lifecycle::{Change, Phase};
use crate::runtime::cgroup::CgroupDriver;
use crate::store::Container;
use anyhow::Result;

/// Freezes every process of a running container.
pub fn pause(engine: &Engine, id: &ContainerId) -> Result<()> {
    let mut container = engine.store.lock_container(id)?;
    settle(engine, &mut container)?;
    if container.phase != Phase::Running {
        return Err(Fault::conflict(format!(
            "{:?} is not running, can't pause: container state improper",
            container.phase.name()
        ))
        .into());
    }
    let cgroup = freezer(&container)?;
    container.set_phase(Change::Pause)?;
    cgroup.freeze()?;
    if let Err(error) = container.save_for_this_boot() {
        cgroup.thaw()?;
        return Err(error);
    }
    Ok(())
}

/// Lets them go on.
pub fn unpause(engine: &Engine, id: &ContainerId) -> Result<()> {
    let mut container = engine.store.lock_container(id)?;
    settle(engine, &mut container)?;
    if container.phase != Phase::Paused {
        return Err(Fault::conflict(format!(
            "{:?} is not paused, can't unpause: container state improper",
            container.phase.name()
        ))
        .into());
    }
    container.set_phase(Change::Resume)?;
    freezer(&container)?.thaw()?;
    container.save_for_this_boot()
}

fn freezer(container: &Container) -> Result<Box<dyn CgroupDriver>> {
    super::cgroup(container)?.ok_or_else(|| {
        Fault::unsupported("pausing: the container has no cgroup of its own, so that nothing can freeze it")
            .hint("rootless containers need cgroup v2 with a delegated subtree")
            .into()
    })
}

/// Before a signal has to work.
pub(super) fn thaw_if_frozen(container: &Container) -> Result<()> {
    if container.phase == Phase::Paused
        && let Some(cgroup) = super::cgroup(container)?
    {
        cgroup.thaw()?;
    }
    Ok(())
}
