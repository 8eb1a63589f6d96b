//! `stop`: the stop signal, a grace period, SIGKILL.

use super::exited::{exited, runs, settle, settled};
use super::{adopt, identity, pause, resolved};
use crate::engine::Engine;
use crate::fault::{Fault, Kind};
use crate::model::id::ContainerId;
use crate::store::Container;
use anyhow::Result;
use std::time::Duration;

/// How to stop.
#[derive(Debug, Clone, Default)]
pub struct StopOptions {
    /// Instead of the container's stop signal.
    pub signal: Option<i32>,
    /// Seconds before SIGKILL, negative: never; `None`: the container's own, else 10.
    pub timeout: Option<i64>,
}

/// What came of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It ended in time.
    Stopped,
    /// It had to be killed.
    Killed,
    /// It did not run.
    WasStopped,
}

/// Stops a container. One that does not run is an outcome, not an error. Works when its monitor is dead.
pub fn stop(engine: &Engine, id: &ContainerId, options: &StopOptions) -> Result<Stopped> {
    let stopped = end(engine, id, options)?;
    if stopped != Stopped::WasStopped {
        exited(engine, id)?;
    }
    Ok(stopped)
}

/// The same for a restart: a `--rm` container is not removed by us, and its lock keeps others from doing so only
/// while they would look; `@reap` may be faster, then there is nothing to start.
pub(super) fn stop_keeping(engine: &Engine, id: &ContainerId, options: &StopOptions) -> Result<Stopped> {
    let stopped = end(engine, id, options)?;
    let mut container = engine.store.lock_container(id)?;
    settle(engine, &mut container)?;
    Ok(stopped)
}

fn end(engine: &Engine, id: &ContainerId, options: &StopOptions) -> Result<Stopped> {
    let container = match settled(engine, id) {
        Ok(container) => container,
        // It ended just now, and was `--rm`.
        Err(error) if Fault::kind_of(&error) == Kind::NotFound => return Ok(Stopped::WasStopped),
        Err(error) => return Err(error),
    };
    if !runs(&container) {
        return Ok(Stopped::WasStopped);
    }
    let Some(process) = identity::process(engine, container.process.as_ref())? else {
        return Ok(Stopped::Stopped);
    };
    // Gone meanwhile: then nobody asks.
    if let Ok(mut locked) = engine.store.lock_container(id)
        && locked.process == container.process
    {
        locked.record_mut().stopped_by_user = true;
        locked.save_for_this_boot()?;
    }
    let own = resolved(&container);
    let signal = options.signal.unwrap_or(if own.stop_signal > 0 { own.stop_signal } else { libc::SIGTERM });
    let seconds = options.timeout.unwrap_or(i64::from(own.stop_timeout));
    let grace = u64::try_from(seconds).ok().map(Duration::from_secs);
    if grace.is_none_or(|grace| !grace.is_zero()) {
        process.signal(signal)?;
        thaw(&container);
        if process.wait(grace)? {
            adopt::keep_end(engine, &container, &process)?;
            return Ok(Stopped::Stopped);
        }
        log::info!(
            "container {} did not end by {} in {seconds} s: killing it",
            id.short(),
            super::kill::signal_name(signal)
        );
    }
    process.signal(libc::SIGKILL)?;
    thaw(&container);
    process.wait(None)?;
    adopt::keep_end(engine, &container, &process)?;
    Ok(if signal == libc::SIGKILL { Stopped::Stopped } else { Stopped::Killed })
}

fn thaw(container: &Container) {
    if let Err(error) = pause::thaw_if_frozen(container) {
        log::warn!("thawing {}: {error:#}", container.id.short());
    }
}
