//! `rename`

use crate::engine::Engine;
use crate::model::id::ContainerId;
use crate::model::name::Name;
use anyhow::Result;

/// Gives a container another name; durable when it returns.
pub fn rename(_engine: &Engine, _id: &ContainerId, _name: Name) -> Result<()> {
    todo!()
}
