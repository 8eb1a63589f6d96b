//! `remove`: a container and all that is its own.

use super::exited::{remove_settled, runs, settle};
use super::{StopOptions, stop};
use crate::config::Program;
use crate::engine::Engine;
use crate::fault::{Fault, Kind};
use crate::model::id::ContainerId;
use crate::store::Container;
use anyhow::Result;

/// How to remove.
#[derive(Debug, Clone, Default)]
pub struct RemoveOptions {
    /// A running one, too: it is stopped first.
    pub force: bool,
    /// Its anonymous volumes, too. (They go in any case until volumes land: they are directories of the container.)
    pub volumes: bool,
    /// With `force`: seconds before SIGKILL; `None`: the container's own.
    pub timeout: Option<i64>,
}

/// Removes a container; durable when it returns.
pub fn remove(engine: &Engine, id: &ContainerId, options: &RemoveOptions) -> Result<()> {
    loop {
        let mut container = match engine.store.lock_container(id) {
            Ok(container) => container,
            // Its `--rm` was faster than our stop.
            Err(error) if options.force && Fault::kind_of(&error) == Kind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        settle(engine, &mut container)?;
        if !runs(&container) {
            return remove_settled(container);
        }
        if !options.force {
            return Err(refusal(engine, &container).into());
        }
        // Without the lock: stopping may take long, and others may look meanwhile.
        drop(container);
        // docker kills at once; podman gives the container its grace.
        let timeout = match engine.config.program {
            Program::Docker => Some(0),
            _ => options.timeout,
        };
        stop(engine, id, &StopOptions { signal: None, timeout })?;
    }
}

fn refusal(engine: &Engine, container: &Container) -> Fault {
    Fault::conflict(match engine.config.program {
        Program::Docker => format!(
            "cannot remove container \"/{}\": container is {}: stop the container before removing or force remove",
            container.name,
            container.phase.name()
        ),
        _ => format!(
            "cannot remove container {} as it is {} - running or paused containers cannot be removed without force: \
             container state improper",
            container.id,
            container.phase.name()
        ),
    })
}
