//! Which local image a user means.

use crate::config::Program;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::model::reference::Reference;
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
    for reference in spellings(engine.config.program, name) {
        if let Some(record) = images.by_name(&reference) {
            return Ok(Some(Local { record: record.clone(), name: Some(reference.with_default_tag()) }));
        }
    }
    Ok(images.by_id_prefix(name)?.map(|record| Local { record: record.clone(), name: None }))
}

/// What a name may mean, the first choice first: a short one is docker's or a local one.
fn spellings(program: Program, name: &str) -> Vec<Reference> {
    let mut found: Vec<Reference> = name.parse().into_iter().collect();
    let first = name.split_once('/').map_or("", |(first, _)| first);
    if first != "localhost" && !first.contains(['.', ':']) {
        found.extend(format!("localhost/{name}").parse::<Reference>());
        if program == Program::Podman {
            found.reverse();
        }
    }
    found
}

/// The same; not to find it is podman's `NAME: image not known`.
pub fn get(engine: &Engine, name: &str) -> Result<Local> {
    find(engine, name)?.ok_or_else(|| Fault::not_found(format!("{name}: image not known")).into())
}
