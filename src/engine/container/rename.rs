//! `rename`

use crate::engine::Engine;
use crate::model::id::ContainerId;
use crate::model::name::Name;
use anyhow::Result;

/// Gives a container another name; durable when it returns.
pub fn rename(engine: &Engine, id: &ContainerId, name: Name) -> Result<()> {
    engine.store.lock_container(id)?.rename(&name)
}
