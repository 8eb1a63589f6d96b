//! `wait`: until a container is in some state.

use super::exited::{exited, runs, settled};
use super::list::live_phase;
use super::{adopt, identity};
use crate::engine::Engine;
use crate::fault::{Fault, Kind};
use crate::model::id::ContainerId;
use crate::model::lifecycle::Phase;
use crate::monitor;
use crate::store::Container;
use anyhow::{Context, Result};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::time::Duration;

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Condition {
    /// It does not run: created, exited or gone. The default.
    Stopped,
    /// It is removed.
    Removed,
    /// It ended after we began to wait (docker's `next-exit`).
    NextExit,
    Created,
    Running,
    Paused,
    Exited,
}

/// Waits until any of `conditions` (none: `Stopped`) holds; the exit code of the container, `None` when there is none.
/// Nothing polls: pidfds and inotify wake us.
pub fn wait(engine: &Engine, id: &ContainerId, conditions: &[Condition]) -> Result<Option<u8>> {
    let conditions = if conditions.is_empty() { &[Condition::Stopped][..] } else { conditions };
    let first = engine.store.find_container(id.as_str())?;
    let mut code = code_of(live_phase(engine, &first));
    let mut started = first.started.clone();
    let mut ended = false;
    // Watched before the first look, so that no change is missed.
    let changes = Changes::watch(&first)?;
    loop {
        let container = match engine.store.find_container(id.as_str()) {
            Ok(container) => container,
            Err(error) if Fault::kind_of(&error) == Kind::NotFound => return Ok(code),
            Err(error) => return Err(error),
        };
        let phase = live_phase(engine, &container);
        code = code_of(phase).or(code);
        if container.started != started {
            started = container.started.clone();
            ended |= matches!(phase, Phase::Exited { .. });
        }
        // Ended, but its record is not written yet: how it ended is about to be known.
        let settling = runs(&container) && phase == Phase::Exited { code: None };
        if !settling && conditions.iter().any(|condition| holds(*condition, phase, ended)) {
            return Ok(code_of(phase));
        }
        if runs(&container) && (settling || waits_for_end(conditions)) {
            let process = identity::process(engine, container.process.as_ref())?;
            let end = monitor::client::wait(&container.dirs().run)?;
            if let Some(process) = &process {
                if end.is_none() && !process.wait(Some(Duration::ZERO))? {
                    // Its monitor is gone, it is not: with another one we wait on.
                    if !adopt::is_orphan(engine, &settled(engine, id)?) {
                        continue;
                    }
                }
                process.wait(None)?;
                adopt::keep_end(engine, &container, process)?;
            }
            ended = true;
            code = end.and_then(|end| end.code);
            code = match exited(engine, id) {
                Ok(recorded) => code.or(recorded),
                // Somebody has started it again already: the end that we saw counts.
                Err(error) if Fault::kind_of(&error) == Kind::Conflict => code,
                Err(error) => return Err(error),
            };
            // Not looked at again: it may run again by then.
            if conditions.iter().any(|condition| fulfilled_by_end(*condition)) {
                return Ok(code);
            }
            continue;
        }
        changes.next()?;
    }
}

fn holds(condition: Condition, phase: Phase, ended: bool) -> bool {
    match condition {
        Condition::Stopped => !matches!(phase, Phase::Running | Phase::Paused),
        Condition::Removed => false,
        Condition::NextExit => ended && matches!(phase, Phase::Exited { .. }),
        Condition::Created => phase == Phase::Created,
        Condition::Running => phase == Phase::Running,
        Condition::Paused => phase == Phase::Paused,
        Condition::Exited => matches!(phase, Phase::Exited { .. }),
    }
}

/// Whether they hold once it has ended, whatever comes later.
fn fulfilled_by_end(condition: Condition) -> bool {
    matches!(condition, Condition::Stopped | Condition::NextExit | Condition::Exited)
}

/// Only its end can fulfil them, so that it is enough to wait for its process.
fn waits_for_end(conditions: &[Condition]) -> bool {
    !conditions.iter().any(|condition| matches!(condition, Condition::Paused | Condition::Running | Condition::Created))
}

fn code_of(phase: Phase) -> Option<u8> {
    match phase {
        Phase::Exited { code } => code,
        _ => None,
    }
}

/// Tells when the files of a container's records change, or go.
struct Changes(Inotify);

impl Changes {
    fn watch(container: &Container) -> Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC).context("watching a container")?;
        let flags = AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF;
        for dir in [&container.dirs().disk, &container.dirs().run] {
            match inotify.add_watch(dir, flags) {
                Ok(_) | Err(nix::Error::ENOENT) => {}
                Err(error) => return Err(error).with_context(|| format!("watching {}", dir.display())),
            }
        }
        Ok(Changes(inotify))
    }

    fn next(&self) -> Result<()> {
        loop {
            match self.0.read_events() {
                Ok(_) => return Ok(()),
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error).context("watching a container"),
            }
        }
    }
}
