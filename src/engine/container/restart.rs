//! `restart`: stop, then start.

use super::StopOptions;
use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

/// Stops a container when it runs, then starts it.
pub fn restart(_engine: &Engine, _id: &ContainerId, _options: &StopOptions) -> Result<()> {
    todo!()
}
