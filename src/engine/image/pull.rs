//! `pull`, and the pulling that `run` and `create` do by policy.

use super::access::{self, Access};
use super::find::{self, Local};
use super::hello;
use crate::config::{Program, registries};
use crate::engine::Engine;
use crate::fault::{Fault, Kind};
use crate::image::pull::{self as image_pull, Outcome, Request};
use crate::image::select;
use crate::model::container::PullPolicy;
use crate::model::digest::Digest;
use crate::model::platform::Platform;
use crate::model::progress::{Event, Progress};
use crate::model::reference::Reference;
use crate::model::registries::Registries;
use crate::registry::Client;
use crate::store::ImageRecord;
use anyhow::Result;

/// How to pull.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// `--platform`, or `--os`, `--arch`, `--variant`; empty parts: this machine's.
    pub platform: Option<Platform>,
    /// How to get at the registry.
    pub access: Access,
    /// `--all-tags`
    pub all_tags: bool,
    /// `--policy`; `None`: always.
    pub policy: Option<PullPolicy>,
}

/// One image that was pulled.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulled {
    /// The image id.
    pub id: Digest,
    /// The name it is stored under.
    pub name: Reference,
    /// What the registry calls it: the digest of the manifest or index that the name stands for.
    pub digest: Digest,
    /// The name stood for another image, or none, before.
    pub changed: bool,
}

/// Pulls `name` (or with `all_tags` every tag of it). Durable when it returns.
pub fn pull(engine: &Engine, name: &str, options: &PullOptions, progress: &dyn Progress) -> Result<Vec<Pulled>> {
    let name = remote_name(name)?;
    let registries = registries::read(&engine.config)?;
    let client = access::client(&engine.config, &options.access)?;
    if options.all_tags {
        return pull_all(engine, &client, &registries, name, options, progress);
    }
    match options.policy.unwrap_or(PullPolicy::Always) {
        PullPolicy::Always => {}
        policy => {
            let local = find::find(engine, name)?.filter(|local| fits(&local.record, options.platform.as_ref()));
            if let Some(local) = by_policy(engine, &client, &registries, name, policy, local)? {
                let digest = local.record.manifest.clone();
                let name = local.name.map_or_else(|| name.parse(), Ok)?;
                return Ok(vec![Pulled { id: local.record.id, name, digest, changed: false }]);
            }
        }
    }
    Ok(vec![try_candidates(engine, &client, &registries, name, options, progress)?])
}

/// The image for a container: the local one, or pulled, as `policy` says.
pub fn ensure(
    engine: &Engine,
    name: &str,
    policy: PullPolicy,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Local> {
    let local = match policy {
        PullPolicy::Always => None,
        _ => find::find(engine, name)?.filter(|local| fits(&local.record, options.platform.as_ref())),
    };
    // Unpacked while there was one user id only, and now there are ranges: owners must be had anew.
    let stale = match &local {
        Some(local) => !engine.store.has_layers(&local.record.diff_ids)?,
        None => false,
    };
    let local = local.filter(|_| !stale || policy == PullPolicy::Never);
    // The common case touches neither configuration nor network.
    if let (PullPolicy::Missing | PullPolicy::Never, Some(local)) = (policy, local.clone()) {
        return Ok(local);
    }
    if local.is_none() && policy != PullPolicy::Always && hello::is_meant(name) {
        hello::provide(engine)?;
        return find::get(engine, name);
    }
    let remote = remote_name(name)?;
    let registries = registries::read(&engine.config)?;
    let client = access::client(&engine.config, &options.access)?;
    if let Some(local) = by_policy(engine, &client, &registries, remote, policy, local)? {
        return Ok(local);
    }
    if engine.config.program == Program::Docker {
        let full = remote.parse::<Reference>()?.with_default_tag().familiar();
        progress.event(Event::Line(format!("Unable to find image '{full}' locally")));
    }
    let pulled = try_candidates(engine, &client, &registries, remote, options, progress)?;
    if engine.config.program == Program::Docker {
        progress.event(Event::Line(format!("Digest: {}", pulled.digest)));
        progress.event(Event::Line(status_line(&pulled)));
    }
    let images = engine.store.images()?;
    match images.get(&pulled.id) {
        Some(record) => Ok(Local { record: record.clone(), name: Some(pulled.name) }),
        None => Err(Fault::not_found(format!("{name}: image not known")).into()),
    }
}

/// Docker's last line.
pub fn status_line(pulled: &Pulled) -> String {
    let name = pulled.name.familiar();
    match pulled.changed {
        true => format!("Status: Downloaded newer image for {name}"),
        false => format!("Status: Image is up to date for {name}"),
    }
}

/// What a policy makes of the local image: `Some`: take it; `None`: pull.
fn by_policy(
    engine: &Engine,
    client: &Client<'_>,
    registries: &Registries,
    name: &str,
    policy: PullPolicy,
    local: Option<Local>,
) -> Result<Option<Local>> {
    Ok(match (policy, local) {
        (PullPolicy::Always, _) | (PullPolicy::Missing, None) => None,
        (PullPolicy::Never, None) => return Err(Fault::not_found(format!("{name}: image not known")).into()),
        (PullPolicy::Missing | PullPolicy::Never, Some(local)) => Some(local),
        (PullPolicy::Newer, None) => None,
        (PullPolicy::Newer, Some(local)) => {
            // podman: if the registry can't be asked, what is here is good enough.
            let _ = engine;
            if has_newer(client, registries, &local).unwrap_or(false) { None } else { Some(local) }
        }
    })
}

fn has_newer(client: &Client<'_>, registries: &Registries, local: &Local) -> Result<bool> {
    let Some(name) = &local.name else { return Ok(false) };
    for source in registries.sources(name)? {
        let there = &source.reference;
        let repository = client.repository(&there.domain, &there.path, source.insecure);
        let reference = there.tag_or_latest().unwrap_or("latest");
        if let Ok(Some(digest)) = repository.manifest_digest(reference) {
            let ours = format!("@{digest}");
            return Ok(!local.record.repo_digests.iter().any(|known| known.ends_with(&ours)));
        }
    }
    Ok(false)
}

/// Whether a local image is for the platform that was asked for; without a wish any is good.
fn fits(record: &ImageRecord, asked: Option<&Platform>) -> bool {
    let Some(asked) = asked else { return true };
    let wanted = select::wanted(Some(asked));
    let have = select::wanted(Some(&record.platform));
    have.os == wanted.os
        && have.architecture == wanted.architecture
        && (asked.variant.is_none() || record.platform.variant.is_none() || have.variant == wanted.variant)
}

/// `docker://` may stand in front; other transports are not registries.
fn remote_name(name: &str) -> Result<&str, Fault> {
    let bare = name.strip_prefix("docker://").unwrap_or(name);
    for transport in ["dir:", "oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "containers-storage:"] {
        if bare.starts_with(transport) && bare[transport.len()..].starts_with(['/', '.']) {
            return Err(Fault::unsupported(format!("{name}: transport {transport} is not built yet"))
                .hint("`load` reads archives and directories"));
        }
    }
    Ok(bare)
}

fn try_candidates(
    engine: &Engine,
    client: &Client<'_>,
    registries: &Registries,
    name: &str,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Pulled> {
    let candidates = registries.candidates(name)?;
    let several = candidates.len() > 1;
    let mut failures = Vec::new();
    for candidate in candidates {
        match pull_one(engine, client, registries, &candidate, options, progress) {
            Ok(pulled) => return Ok(pulled),
            Err(error) => failures.push(error),
        }
    }
    match failures.pop() {
        Some(last) if !several => Err(last),
        Some(last) => {
            failures.push(last);
            let kind =
                failures.iter().map(Fault::kind_of).find(|kind| *kind != Kind::NotFound).unwrap_or(Kind::NotFound);
            let number = failures.len();
            let words: Vec<String> = failures.iter().map(|error| format!("{error:#}")).collect();
            Err(Fault::new(kind, format!("{number} errors occurred while pulling: {}", words.join("; "))).into())
        }
        None => Err(Fault::invalid(format!("{name}: no registry to pull from")).into()),
    }
}

fn pull_one(
    engine: &Engine,
    client: &Client<'_>,
    registries: &Registries,
    name: &Reference,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Pulled> {
    let name = name.clone().with_default_tag();
    let sources = registries.sources(&name)?;
    let docker = engine.config.program == Program::Docker;
    let say = |line: String| progress.event(Event::Line(line));
    if docker {
        let tag = name.tag.clone().or(name.digest.as_ref().map(ToString::to_string)).unwrap_or_default();
        let repository = name.familiar();
        let repository = repository.split('@').next().unwrap_or_default();
        let repository =
            name.tag.as_ref().and_then(|tag| repository.strip_suffix(&format!(":{tag}"))).unwrap_or(repository);
        say(format!(
            "{tag}: Pulling from {}",
            if name.domain == "docker.io" { &name.path } else { repository_path(repository) }
        ));
    } else {
        say(format!("Trying to pull {name}..."));
    }
    let request = Request { name: &name, sources: &sources, platform: options.platform.as_ref() };
    let Outcome { record, digest, changed, foreign } = image_pull::pull(&engine.store, client, &request, progress)?;
    if !docker {
        say(format!("Copying config {}", record.id));
        say("Writing manifest to image destination".into());
    }
    if let (Some(foreign), Some(asked)) = (foreign, options.platform.as_ref()) {
        let (have, want) = (show(&foreign), show(&select::wanted(Some(asked))));
        log::warn!("image platform ({have}) does not match the expected platform ({want})");
    }
    let name = if name.digest.is_some() { Reference { tag: None, ..name } } else { name };
    Ok(Pulled { id: record.id, name, digest, changed })
}

/// Docker names a repository without its registry here.
fn repository_path(familiar: &str) -> &str {
    familiar.split_once('/').map_or(familiar, |(_, path)| path)
}

fn show(platform: &Platform) -> String {
    format!("{}/{}", platform.os, platform.architecture)
}

fn pull_all(
    engine: &Engine,
    client: &Client<'_>,
    registries: &Registries,
    name: &str,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Vec<Pulled>> {
    let mut candidates = registries.candidates(name)?;
    candidates.truncate(1);
    let Some(name) = candidates.pop() else { return Ok(Vec::new()) };
    if name.tag.is_some() || name.digest.is_some() {
        return Err(Fault::invalid("tag can't be used with --all-tags/-a").into());
    }
    let mut last = None;
    let mut tags = Vec::new();
    for source in registries.sources(&name)? {
        let there = &source.reference;
        match client.repository(&there.domain, &there.path, source.insecure).tags() {
            Ok(found) => {
                tags = found;
                last = None;
                break;
            }
            Err(failure) => last = Some(failure.fault(format!("reading the tags of {}", there.repository()))),
        }
    }
    if let Some(error) = last {
        return Err(error);
    }
    let mut pulled = Vec::new();
    for tag in tags {
        // What a registry calls a tag may be no name.
        let reference: Reference = format!("{}:{tag}", name.repository()).parse()?;
        match pull_one(engine, client, registries, &reference, options, progress) {
            Ok(one) => pulled.push(one),
            // podman: an artifact or signature among the tags is no reason to stop.
            Err(error) if Fault::kind_of(&error) == Kind::Unsupported => log::info!("{reference}: {error:#}"),
            Err(error) => return Err(error),
        }
    }
    Ok(pulled)
}
