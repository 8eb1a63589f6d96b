//! The whole life of a container: the only place that says what may follow what.

use crate::fault::Fault;
use serde::{Deserialize, Serialize};

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The record exists, its resources are being made; a crash here leaves garbage that `check` removes.
    Creating,
    /// Ready to start; never ran.
    Created,
    /// Its process lives.
    Running,
    /// Its process is frozen.
    Paused,
    /// It ended; `code` is `None` when nobody can know (its monitor was killed): never a false 0.
    Exited {
        /// The exit code, 128+n for a signal.
        code: Option<u8>,
    },
    /// Being removed; a crash here is finished by the next command that sees it.
    Removing,
}

/// What happens to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Its resources exist.
    Made,
    /// Its process was started.
    Start,
    /// Its process was frozen.
    Pause,
    /// Its process was thawed.
    Resume,
    /// Its process ended.
    Exit {
        /// As in [`Phase::Exited`].
        code: Option<u8>,
    },
    /// It is to go.
    Remove,
}

impl Phase {
    /// The phase after `change`, or a conflict that says why not.
    pub fn next(self, change: Change) -> Result<Phase, Fault> {
        use Phase::*;
        match (self, change) {
            (Creating, Change::Made) => Ok(Created),
            (Created | Exited { .. }, Change::Start) => Ok(Running),
            (Running, Change::Pause) => Ok(Paused),
            (Paused, Change::Resume) => Ok(Running),
            (Running | Paused, Change::Exit { code }) => Ok(Exited { code }),
            (Creating | Created | Exited { .. } | Removing, Change::Remove) => Ok(Removing),
            (phase, change) => Err(Fault::conflict(format!(
                "a container that is {} can't {}: container state improper",
                phase.name(),
                change.verb()
            ))),
        }
    }

    /// docker's word for it: created, running, paused, exited, removing.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Creating | Phase::Created => "created",
            Phase::Running => "running",
            Phase::Paused => "paused",
            Phase::Exited { .. } => "exited",
            Phase::Removing => "removing",
        }
    }
}

impl Change {
    fn verb(self) -> &'static str {
        match self {
            Change::Made => "be made",
            Change::Start => "be started",
            Change::Pause => "be paused",
            Change::Resume => "be unpaused",
            Change::Exit { .. } => "exit",
            Change::Remove => "be removed",
        }
    }
}
