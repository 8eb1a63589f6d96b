//! `stop`: the stop signal, a grace period, SIGKILL.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

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
pub fn stop(_engine: &Engine, _id: &ContainerId, _options: &StopOptions) -> Result<Stopped> {
    todo!()
}
