//! `network disconnect`

use crate::engine::{Engine, container};
use anyhow::Result;

/// Takes a container out of a network; while it runs, at once.
pub fn disconnect(engine: &Engine, container: &str, network: &str) -> Result<()> {
    super::check_possible(engine)?;
    let id = container::find(engine, container)?;
    container::network::detach(engine, &id, network)
}
