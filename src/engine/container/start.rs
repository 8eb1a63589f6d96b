//! `start`: a created or exited container runs.

use super::{Attachment, Streams};
use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

/// How to start.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// Return a connection that has seen every byte from the first on ([`Attachment::before_start`]).
    pub attach: Option<Streams>,
    /// Hand our descriptors 3.. to the container's process: `--preserve-fds`.
    pub preserve_fds: bool,
}

/// What came of a start.
#[derive(Debug)]
pub enum Started {
    /// It runs now.
    Running {
        /// Its first process, as the host sees it.
        pid: i32,
        /// When it was asked for.
        attachment: Option<Attachment>,
    },
    /// It ran already: nothing was done.
    AlreadyRunning,
}

/// Starts a container. Its command not being found or executable is a `Fault` of that kind (exit codes 127 and 126).
pub fn start(_engine: &Engine, _id: &ContainerId, _options: &StartOptions) -> Result<Started> {
    todo!()
}
