//! `kill`: a signal to a container's first process.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

/// Sends `signal` (a number). A container that does not run is a conflict.
pub fn kill(_engine: &Engine, _id: &ContainerId, _signal: i32) -> Result<()> {
    todo!()
}

/// `KILL`, `SIGKILL`, `9`, `rtmin+3` → the number.
pub fn parse_signal(_text: &str) -> Result<i32> {
    todo!()
}
