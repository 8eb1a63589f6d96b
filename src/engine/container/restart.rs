//! `restart`: stop, then start.

use super::{StartOptions, StopOptions, start};
use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

/// Stops a container when it runs, then starts it.
pub fn restart(engine: &Engine, id: &ContainerId, options: &StopOptions) -> Result<()> {
    super::stop::stop_keeping(engine, id, options)?;
    start(engine, id, &StartOptions::default()).map(|_| ())
}
