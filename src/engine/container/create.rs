//! `create`: a record, a writable layer and its volumes; nothing runs yet.

use super::{RemoveOptions, ids, network, remove, volumes};
use crate::config::Program;
use crate::engine::bundle::{self, Resolved};
use crate::engine::image::inspect::config as image_config;
use crate::engine::image::pull::{PullOptions, ensure};
use crate::engine::{Engine, files};
use crate::fault::{Fault, Kind};
use crate::model::container::{ContainerSpec, ImageSource, MountKind, NamespaceMode, NetworkMode, UserMode};
use crate::model::id::ContainerId;
use crate::model::lifecycle::{Change, Phase};
use crate::model::name::Name;
use crate::model::network::NetworkState;
use crate::model::progress::Progress;
use crate::store::{ContainerRecord, ExitReason, ImageIdentity, LockedContainer, Place};
use anyhow::{Context, Result};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// How to create.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// `--replace`: remove a container of the same name first.
    pub replace: bool,
    /// How to get at the registry, if the image must be pulled.
    pub pull: PullOptions,
}

/// Makes a container: pulls the image by policy, reserves the name, writes the record. Durable when it returns.
pub fn create(
    engine: &Engine,
    spec: ContainerSpec,
    options: &CreateOptions,
    progress: &dyn Progress,
) -> Result<ContainerId> {
    Ok(make(engine, spec, options, Place::Disk, progress)?.id.clone())
}

/// The same; the container stays locked.
pub(super) fn make(
    engine: &Engine,
    mut spec: ContainerSpec,
    options: &CreateOptions,
    place: Place,
    progress: &dyn Progress,
) -> Result<LockedContainer> {
    apply_defaults(&engine.config.defaults, &mut spec);
    network::settle_mode(engine, &mut spec);
    check(&spec)?;
    network::check(engine, &spec)?;
    let (image, resolved) = match &spec.image {
        ImageSource::Image(name) => {
            let pull = PullOptions { platform: spec.platform.clone(), ..options.pull.clone() };
            let local = ensure(engine, name, spec.pull, &pull, progress)?;
            let config = image_config(engine, &local.record)?;
            let resolved = bundle::resolve(&spec, Some(&config), engine.config.program)?;
            (Some(local), resolved)
        }
        ImageSource::Rootfs { path, .. } => {
            if !path.is_dir() {
                return Err(Fault::invalid(format!("rootfs {}: not a directory", path.display())).into());
            }
            (None, bundle::resolve(&spec, None, engine.config.program)?)
        }
    };
    let layers = image.as_ref().map(|image| image.record.diff_ids.clone()).unwrap_or_default();
    // Until the record tells which ids are taken.
    let _ids = match spec.namespaces.user {
        UserMode::Auto { .. } => Some(engine.store.lock_ids()?),
        _ => None,
    };
    let ids = ids::map(engine, &spec, &resolved.user, &layers)?;
    let owners = ids::owners(engine, &spec, ids.as_ref())?;
    let resolved = Resolved { ids, ..resolved };
    make_sources(&spec)?;
    let id = crate::engine::random_id()?;
    let name = match &spec.name {
        Some(name) => name.clone(),
        None => free_name(&id)?,
    };
    if options.replace {
        replace(engine, &name)?;
    }
    let has_volumes = !resolved.volumes.is_empty();
    let record = ContainerRecord {
        version: 1,
        id,
        name,
        layers,
        owners,
        image: image.map(|image| ImageIdentity {
            id: image.record.id.clone(),
            name: image.name.map_or_else(|| image.record.id.hex().to_string(), |name| name.to_string()),
            digest: Some(image.record.manifest.clone()),
        }),
        spec,
        // Without volumes all is made with the record itself: one write.
        phase: if has_volumes { Phase::Creating } else { Phase::Creating.next(Change::Made)? },
        created: super::now(),
        started: None,
        finished: None,
        process: None,
        monitor: None,
        adopted: false,
        stopped_by_user: false,
        exit: ExitReason::default(),
        restart_count: 0,
        place,
        network: NetworkState::default(),
        resolved: serde_json::to_value(&resolved)?,
    };
    let mut container = engine.store.create_container(record, place).map_err(|error| in_own_words(engine, error))?;
    if has_volumes {
        let outcome = volumes::fill(engine, &container, &resolved.volumes)
            .and_then(|()| container.set_phase(Change::Made))
            .and_then(|()| container.save());
        if let Err(error) = outcome {
            super::exited::remove_settled(container)?;
            return Err(error);
        }
    }
    Ok(container)
}

/// containers.conf fills in what the flags left open. Its sysctls are meant for containers that have the namespace they
/// belong to; to a container in the host's they don't apply.
fn apply_defaults(defaults: &crate::config::Defaults, spec: &mut ContainerSpec) {
    let own: Vec<String> = spec.sysctls.keys().cloned().collect();
    defaults.apply(spec);
    let modes = ContainerSpec { namespaces: spec.namespaces.clone(), ..ContainerSpec::default() };
    spec.sysctls.retain(|key, value| {
        let alone = ContainerSpec { sysctls: [(key.clone(), value.clone())].into(), ..modes.clone() };
        own.contains(key) || bundle::check_sysctls(&alone).is_ok()
    });
}

/// What can be refused before anything is made.
fn check(spec: &ContainerSpec) -> Result<()> {
    bundle::check_sysctls(spec)?;
    let set = |set: &Option<String>| set.clone().unwrap_or_default();
    crate::runtime::cgroup::cpuset::check(&set(&spec.resources.cpuset_cpus), &set(&spec.resources.cpuset_mems))?;
    if let Some(name) = &spec.hostname {
        if spec.namespaces.uts == NamespaceMode::Host {
            return Err(Fault::invalid("cannot set hostname when using the host's UTS namespace").into());
        }
        files::check_hostname(name)?;
    }
    if !spec.extra_hosts.is_empty() && spec.no_hosts {
        return Err(Fault::invalid("--no-hosts and --add-host cannot be set together").into());
    }
    if !spec.extra_hosts.is_empty() && matches!(spec.namespaces.network, NetworkMode::Container(_)) {
        return Err(Fault::invalid(
            "cannot set extra host entries when the container is joined to another containers network namespace",
        )
        .into());
    }
    for host in &spec.extra_hosts {
        let reaches_host = matches!(spec.namespaces.network, NetworkMode::Networks | NetworkMode::Host);
        files::parse_extra_host(host, reaches_host.then_some([127, 0, 0, 1].into()))?;
    }
    Ok(())
}

/// `-v` makes a missing source, as docker does; `--mount` refuses.
fn make_sources(spec: &ContainerSpec) -> Result<()> {
    for mount in spec.mounts.iter().filter(|mount| mount.kind == MountKind::Bind) {
        let source = Path::new(&mount.source);
        match std::fs::metadata(source) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && mount.create_source => {
                std::fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o755)
                    .create(source)
                    .with_context(|| format!("making {}", source.display()))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Fault::invalid(format!("statfs {}: no such file or directory", source.display()))
                    .hint("-v makes a missing directory, --mount does not")
                    .into());
            }
            Err(error) => return Err(error).with_context(|| format!("statfs {}", source.display())),
        }
    }
    Ok(())
}

fn replace(engine: &Engine, name: &Name) -> Result<()> {
    match engine.store.find_container(name.as_str()) {
        Ok(old) if old.name == *name => {
            remove(engine, &old.id, &RemoveOptions { force: true, ..RemoveOptions::default() })
        }
        Ok(_) => Ok(()),
        Err(error) if Fault::kind_of(&error) == Kind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A taken name, in docker's words when called so.
fn in_own_words(engine: &Engine, error: anyhow::Error) -> anyhow::Error {
    match (engine.config.program, Fault::of(&error)) {
        (Program::Docker, Some(fault)) if fault.kind == Kind::Conflict => {
            // podman's: the container name "x" is already in use by ID. You have to …
            let quoted = |from: &str| from.split('"').nth(1).map(str::to_string);
            let holder = fault.what.split_whitespace().find(|word| word.trim_end_matches('.').len() == 64);
            match (quoted(&fault.what), holder) {
                (Some(name), Some(holder)) => Fault::conflict(format!(
                    "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
                    holder.trim_end_matches('.')
                ))
                .into(),
                _ => error,
            }
        }
        _ => error,
    }
}

/// A name in docker's manner. The id's bits make a clash as good as impossible, so nobody has to look for one.
fn free_name(id: &ContainerId) -> Result<Name> {
    const FIRST: &[&str] = &[
        "able", "amber", "brave", "bright", "calm", "clever", "cosy", "eager", "early", "fair", "fleet", "fond",
        "fresh", "gentle", "glad", "golden", "happy", "hardy", "honest", "jolly", "keen", "kind", "lively", "loyal",
        "lucky", "merry", "mild", "neat", "noble", "proud", "quick", "quiet",
    ];
    const SECOND: &[&str] = &[
        "anchor", "barge", "bay", "bilge", "bow", "brig", "buoy", "canal", "clipper", "cove", "crane", "creek",
        "dinghy", "dock", "ferry", "gull", "harbour", "helm", "hull", "keel", "lock", "mast", "oar", "pier", "punt",
        "quay", "raft", "river", "rudder", "sail", "skiff", "tide",
    ];
    let digit = |at: usize| usize::from_str_radix(&id.as_str()[at..at + 2], 16).unwrap_or(0);
    let text = format!("{}_{}_{}", FIRST[digit(0) % FIRST.len()], SECOND[digit(2) % SECOND.len()], &id.as_str()[4..12]);
    Ok(text.parse()?)
}
