//! `network connect`

use crate::engine::{Engine, container};
use crate::model::network::Attachment;
use anyhow::Result;

/// Connects a container to one more network; while it runs, at once.
pub fn connect(engine: &Engine, container: &str, wish: Attachment) -> Result<()> {
    super::check_possible(engine)?;
    let id = container::find(engine, container)?;
    container::network::attach(engine, &id, wish)
}
