//! Giving and taking names.

use crate::fault::Fault;
use crate::model::digest::Digest;
use crate::model::reference::Reference;
use crate::store::Store;
use anyhow::Result;

/// Lets every one of `names` stand for the image `id`; durable when it returns.
pub fn tag(store: &Store, id: &Digest, names: &[Reference]) -> Result<()> {
    for name in names {
        if name.digest.is_some() {
            return Err(Fault::invalid(format!("{}: tag by digest not supported", name.familiar())).into());
        }
    }
    let mut images = store.lock_images()?;
    if images.get(id).is_none() {
        return Err(Fault::not_found(format!("{}: image not known", id.hex())).into());
    }
    for name in names {
        images.tag(name, id);
    }
    images.save()
}

/// Takes names from the image `id`: these, or all. A name that it does not have is an error, and nothing is changed.
/// The image stays.
pub fn untag(store: &Store, id: &Digest, names: &[Reference]) -> Result<Vec<Reference>> {
    let mut images = store.lock_images()?;
    let all: Vec<Reference> = images.names_of(id).into_iter().cloned().collect();
    let taken: Vec<Reference> = match names {
        [] => all,
        names => names.iter().map(|name| name.clone().with_default_tag()).collect(),
    };
    for name in &taken {
        let stands_for = images.by_name(name).map(|image| &image.id);
        if stands_for != Some(id) {
            return Err(Fault::not_found(format!("{name}: tag not known")).into());
        }
    }
    for name in &taken {
        images.untag(name);
    }
    if !taken.is_empty() {
        images.save()?;
    }
    Ok(taken)
}
