//! Which local image a user means.

use crate::config::registries;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::image::resolve;
use crate::model::reference::Reference;
use crate::model::registries::is_short;
use crate::store::ImageRecord;
use anyhow::Result;

/// A local image and the name that led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Local {
    /// What is known of it.
    pub record: ImageRecord,
    /// The full name that matched; `None`: it was found by its id.
    pub name: Option<Reference>,
}

/// Finds a local image by name (short names go through aliases, `localhost/` and the search list), or by the
/// beginning of its id.
pub fn find(engine: &Engine, name: &str) -> Result<Option<Local>> {
    let images = engine.store.images()?;
    let found = match resolve::obvious(&images, name)? {
        None if is_short(name) => resolve::local(&images, name, &registries::read(&engine.config)?)?,
        found => found,
    };
    Ok(found.map(|(record, name)| Local { record: record.clone(), name }))
}

/// The same; not to find it is podman's `NAME: image not known`.
pub fn get(engine: &Engine, name: &str) -> Result<Local> {
    find(engine, name)?.ok_or_else(|| Fault::not_found(format!("{name}: image not known")).into())
}
