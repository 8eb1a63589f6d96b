//! `rmi`: names first, then the image, then (when nobody else needs them) its layers.

use super::find;
use crate::engine::Engine;
use crate::engine::container;
use crate::fault::{Fault, Kind};
use crate::image::remove;
use crate::model::digest::Digest;
use crate::model::id::ContainerId;
use crate::model::lifecycle::Phase;
use crate::model::reference::Reference;
use anyhow::Result;

/// How to remove.
#[derive(Debug, Clone, Default)]
pub struct RemoveOptions {
    /// Together with the containers that use it, and by id even when it has several names.
    pub force: bool,
    /// By id even when it has several names.
    pub all_names: bool,
}

/// What went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names that were taken away.
    pub untagged: Vec<Reference>,
    /// The image, when it went.
    pub deleted: Option<Digest>,
    /// Its digests at registries, when it went.
    pub repo_digests: Vec<String>,
}

/// An image was not removed because containers use it: the CLI leaves with 2 then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// As it was asked for.
    pub image: String,
    /// Its id.
    pub id: Digest,
    /// One of the containers.
    pub container: ContainerId,
    /// Whether that one runs.
    pub running: bool,
}

impl std::fmt::Display for InUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let container = &self.container.as_str();
        write!(
            f,
            "image used by {container}: image is in use by a container: consider listing external containers and force-removing image"
        )
    }
}

impl std::error::Error for InUse {}

/// Takes away the name or the image that `name` means. Durable when it returns; call [`sweep`] after the last one.
pub fn remove(engine: &Engine, name: &str, options: &RemoveOptions) -> Result<Removed> {
    let image = find::get(engine, name)?;
    let id = image.record.id.clone();
    let names: Vec<Reference> = engine.store.images()?.names_of(&id).into_iter().cloned().collect();
    let removal = remove::plan(&id, &names, image.name.as_ref(), options.force || options.all_names)?;
    if removal.delete {
        release(engine, name, &id, options.force)?;
    }
    if !remove::apply(&engine.store, &id, &removal)? {
        return Err(Fault::not_found(format!("{name}: image not known")).into());
    }
    let deleted = removal.delete.then_some(id);
    let repo_digests = if removal.delete { image.record.repo_digests } else { Vec::new() };
    Ok(Removed { untagged: removal.untag, deleted, repo_digests })
}

/// Every image, for `rmi --all`: by id, so that each goes with all its names.
pub fn all(engine: &Engine) -> Result<Vec<String>> {
    Ok(engine.store.images()?.iter().map(|image| image.id.hex().to_string()).collect())
}

/// Gives back the layers and blobs that nobody refers to; returns the bytes.
pub fn sweep(engine: &Engine) -> Result<u64> {
    Ok(engine.store.sweep()?.bytes)
}

/// Makes sure that no container uses the image: with `force` by removing those that do.
fn release(engine: &Engine, name: &str, id: &Digest, force: bool) -> Result<()> {
    for user in engine.store.containers()? {
        if user.image.as_ref().is_none_or(|image| image.id != *id) {
            continue;
        }
        let running = matches!(user.phase, Phase::Running | Phase::Paused);
        if !force {
            let (image, id, container) = (name.to_string(), id.clone(), user.id.clone());
            let in_use = InUse { image, id, container, running };
            return Err(anyhow::Error::new(Fault::new(Kind::Conflict, in_use.to_string())).context(in_use));
        }
        let options = container::RemoveOptions { force: true, volumes: true, timeout: None };
        container::remove(engine, &user.id, &options)?;
    }
    Ok(())
}
