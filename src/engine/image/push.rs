//! `push`.

use super::access::{self, Access};
use super::find;
use crate::config::{Program, registries};
use crate::engine::Engine;
use crate::fault::Fault;
use crate::image::push::{self as image_push, Request};
use crate::model::digest::Digest;
use crate::model::progress::{Event, Progress};
use crate::model::reference::Reference;
use crate::store::ImageRecord;
use anyhow::{Context, Result};

pub use crate::image::push::{Compression, Format};

/// How to push.
#[derive(Debug, Clone, Default)]
pub struct PushOptions {
    /// How to get at the registry.
    pub access: Access,
    /// `--format`: `oci` or `v2s2`; `None`: as it was pulled, else OCI.
    pub format: Option<Format>,
    /// `--compression-format`; `None`: as known at the registry, else gzip.
    pub compression: Option<Compression>,
    /// `--compression-level`
    pub level: Option<i32>,
    /// `--all-tags`
    pub all_tags: bool,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq)]
pub struct Pushed {
    /// The digest of the manifest.
    pub digest: Digest,
    /// Its size.
    pub size: u64,
    /// The tag it has there.
    pub tag: Option<String>,
}

/// Pushes the local image `name` to `destination` (a reference, `docker://` in front allowed; `None`: its own name).
pub fn push(
    engine: &Engine,
    name: &str,
    destination: Option<&str>,
    options: &PushOptions,
    progress: &dyn Progress,
) -> Result<Vec<Pushed>> {
    let client = access::client(&engine.config, &options.access)?;
    let rules = registries::read(&engine.config)?;
    let mut pushed = Vec::new();
    for (image, target) in choose(engine, name, destination, options.all_tags)? {
        if engine.config.program == Program::Docker {
            progress.event(Event::Line(format!("The push refers to repository [{}]", target.repository())));
        }
        // A push goes to the place itself, never to a mirror.
        let source = rules.sources(&target)?.pop().context("no registry to push to")?;
        let request = Request {
            image: &image,
            target: &source,
            format: options.format,
            compression: options.compression,
            level: options.level,
        };
        let outcome = image_push::push(&engine.store, &client, &request, progress)?;
        if engine.config.program != Program::Docker {
            progress.event(Event::Line(format!("Copying config {}", image.id)));
            progress.event(Event::Line("Writing manifest to image destination".into()));
        }
        remember(engine, &image, &target, &outcome.digest)?;
        pushed.push(Pushed { digest: outcome.digest, size: outcome.size, tag: target.tag.clone() });
    }
    Ok(pushed)
}

/// The images, and what they shall be called there.
fn choose(
    engine: &Engine,
    name: &str,
    destination: Option<&str>,
    all_tags: bool,
) -> Result<Vec<(ImageRecord, Reference)>> {
    if all_tags {
        let wanted: Reference = name.parse()?;
        if wanted.tag.is_some() || wanted.digest.is_some() {
            return Err(Fault::invalid("tag can't be used with --all-tags/-a").into());
        }
        let images = engine.store.images()?;
        let all: Vec<(ImageRecord, Reference)> = images
            .names()
            .filter(|(name, _)| name.repository() == wanted.repository() && name.tag.is_some())
            .filter_map(|(name, id)| Some((images.get(id)?.clone(), name.clone())))
            .collect();
        if all.is_empty() {
            let what = format!("An image does not exist locally with the tag: {}", wanted.familiar());
            return Err(Fault::not_found(what).into());
        }
        return Ok(all);
    }
    let local = match find::find(engine, name)? {
        Some(local) => local,
        None if engine.config.program == Program::Docker => {
            let repository = name.parse::<Reference>()?;
            let repository = Reference { tag: None, digest: None, ..repository };
            let what = format!("An image does not exist locally with the tag: {}", repository.familiar());
            return Err(Fault::not_found(what).into());
        }
        None => return Err(Fault::not_found(format!("{name}: image not known")).into()),
    };
    let target = match destination {
        Some(text) => {
            let bare = text.strip_prefix("docker://").unwrap_or(text);
            if let Some((transport, _)) = bare.split_once(":/").filter(|(transport, _)| !transport.contains(['.', '/']))
            {
                return Err(Fault::unsupported(format!("{text}: transport {transport}: is not built yet"))
                    .hint("`save` writes archives and directories")
                    .into());
            }
            bare.parse::<Reference>()?.with_default_tag()
        }
        None => local.name.ok_or_else(|| {
            Fault::invalid(format!("{name}: an image ID has no place in a registry; name a destination"))
        })?,
    };
    Ok(vec![(local.record, target)])
}

/// The image is known there under this digest now.
fn remember(engine: &Engine, image: &ImageRecord, target: &Reference, digest: &Digest) -> Result<()> {
    let known = format!("{}@{digest}", target.repository());
    if image.repo_digests.contains(&known) {
        return Ok(());
    }
    let mut images = engine.store.lock_images()?;
    if let Some(record) = images.get_mut(&image.id)
        && !record.repo_digests.contains(&known)
    {
        record.repo_digests.push(known);
        images.save()?;
    }
    Ok(())
}
