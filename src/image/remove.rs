//! Taking images out of the index. Their layers and blobs go afterwards, when nobody refers to them any more
//! ([`Store::sweep`]): a crash between the two leaves garbage, never an image without its files.

use crate::fault::Fault;
use crate::model::digest::Digest;
use crate::model::reference::Reference;
use crate::store::Store;
use anyhow::Result;

/// What is to be taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// Names that go.
    pub untag: Vec<Reference>,
    /// Whether the image goes with them.
    pub delete: bool,
}

/// What removing `image` means, found as `name` (or by its id: none): with further names only that name goes.
pub fn plan(id: &Digest, names: &[Reference], name: Option<&Reference>, force: bool) -> Result<Removal, Fault> {
    match name {
        Some(name) if names.contains(name) && names.len() > 1 => {
            Ok(Removal { untag: vec![name.clone()], delete: false })
        }
        None if names.len() > 1 && !force => {
            let list: Vec<_> = names.iter().map(Reference::to_string).collect();
            Err(Fault::conflict(format!(
                "unable to delete image \"{}\" by ID with more than one tag ([{}]): please force removal",
                id.hex(),
                list.join(" ")
            )))
        }
        _ => Ok(Removal { untag: names.to_vec(), delete: true }),
    }
}

/// Carries it out, durably. False: somebody else has removed the image in the meantime.
pub fn apply(store: &Store, id: &Digest, removal: &Removal) -> Result<bool> {
    let mut images = store.lock_images()?;
    if images.get(id).is_none() {
        return Ok(false);
    }
    for name in &removal.untag {
        // Another image may have been given the name since.
        if images.by_name(name).is_some_and(|image| image.id == *id) {
            images.untag(name);
        }
    }
    if removal.delete {
        images.remove(id);
    }
    images.save()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_name_takes_the_image_along() {
        let id = Digest::of(b"");
        let names = |texts: &[&str]| texts.iter().map(|text| text.parse::<Reference>().unwrap()).collect::<Vec<_>>();
        let (one, two) = (names(&["a:1"]), names(&["a:1", "b:2"]));
        for (names, name, force, untagged, delete) in [
            (&one, Some(&one[0]), false, 1, true),
            (&two, Some(&two[1]), false, 1, false),
            (&two, Some(&two[1]), true, 1, false),
            (&one, None, false, 1, true),
            (&two, None, true, 2, true),
            (&Vec::new(), None, false, 0, true),
        ] {
            let removal = plan(&id, names, name, force).unwrap();
            assert_eq!((removal.untag.len(), removal.delete), (untagged, delete), "{names:?} {name:?} {force}");
        }
        let error = plan(&id, &two, None, false).unwrap_err().to_string();
        assert!(error.contains("more than one tag ([docker.io/library/a:1 docker.io/library/b:2])"), "{error}");
    }
}
