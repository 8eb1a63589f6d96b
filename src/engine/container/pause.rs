//! `pause` and `unpause`: by the freezer.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

/// Freezes every process of a running container.
pub fn pause(_engine: &Engine, _id: &ContainerId) -> Result<()> {
    todo!()
}

/// Lets them go on.
pub fn unpause(_engine: &Engine, _id: &ContainerId) -> Result<()> {
    todo!()
}
