//! Which image a name means, here and elsewhere. Pure over what the store and registries.conf say.

use crate::model::reference::Reference;
use crate::model::registries::{Registries, is_short};
use crate::store::{ImageRecord, Images};
use anyhow::Result;

/// The same as [`local`] for names that mean one thing whatever registries.conf says, so that a start need not read
/// it: a full name, the only short one of its kind, an id.
pub fn obvious<'i>(images: &'i Images, text: &str) -> Result<Option<(&'i ImageRecord, Option<Reference>)>> {
    if !is_short(text) {
        return local(images, text, &Registries::default());
    }
    let Ok(short) = text.parse::<Reference>() else { return Ok(None) };
    if short.digest.is_none() {
        let path = short.path.strip_prefix("library/").unwrap_or(&short.path);
        let alike = |name: &&Reference| {
            name.tag_or_latest() == short.tag_or_latest()
                && (name.path == path || name.path.strip_suffix(path).is_some_and(|rest| rest.ends_with('/')))
        };
        let mut names = images.names().map(|(name, _)| name).filter(alike);
        match (names.next(), names.next()) {
            (Some(name), None) => return Ok(images.by_name(name).map(|image| (image, Some(name.clone())))),
            (Some(_), Some(_)) => return Ok(None),
            _ => {}
        }
    }
    Ok(images.by_id_prefix(text)?.map(|image| (image, None)))
}

/// The local image that `text` names: an id, a full name, or a short one, which may stand for `localhost/…`, an alias,
/// or a name in one of the registries that are searched; then the beginning of an id.
pub fn local<'i>(
    images: &'i Images,
    text: &str,
    registries: &Registries,
) -> Result<Option<(&'i ImageRecord, Option<Reference>)>> {
    let text = text.strip_prefix("docker://").unwrap_or(text);
    let bare = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hex = !bare.is_empty() && bare.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex
        && (bare.len() == 64 || bare.len() < text.len())
        && let Some(image) = images.by_id_prefix(text)?
    {
        return Ok(Some((image, None)));
    }
    let candidates = match registries.candidates(text) {
        Ok(candidates) => candidates,
        // An id is not always a name.
        Err(_) if is_hex => Vec::new(),
        Err(fault) => return Err(fault.into()),
    };
    if is_short(text)
        && let Ok(local) = format!("localhost/{text}").parse()
        && let Some(image) = images.by_name(&local)
    {
        return Ok(Some((image, Some(local.with_default_tag()))));
    }
    for name in candidates {
        if let Some(image) = images.by_name(&name) {
            return Ok(Some((image, Some(name.with_default_tag()))));
        }
    }
    if is_short(text)
        && let Ok(short) = text.parse::<Reference>()
    {
        let path = short.path.strip_prefix("library/").filter(|_| !text.starts_with("library/")).unwrap_or(&short.path);
        let wanted = short.tag_or_latest();
        let fits = |name: &Reference| {
            name.tag_or_latest() == wanted
                && (name.path == path || name.path.strip_suffix(path).is_some_and(|rest| rest.ends_with('/')))
        };
        if let Some((name, id)) = images.names().find(|(name, _)| short.digest.is_none() && fits(name)) {
            return Ok(images.get(id).map(|image| (image, Some(name.clone()))));
        }
    }
    Ok(if is_hex { images.by_id_prefix(text)?.map(|image| (image, None)) } else { None })
}
