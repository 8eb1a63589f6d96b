//! `list`: one row per container, in one pass, verified against the processes that live.

mod filters;

pub(super) use filters::Filters;
pub(crate) use filters::until;

use super::{exited, identity, network, resolved};
use crate::engine::Engine;
use crate::model::container::{ContainerSpec, NetworkMode};
use crate::model::id::ContainerId;
use crate::model::lifecycle::{Change, Phase};
use crate::model::network::PublishedPort;
use crate::monitor::ExitRecord;
use crate::store::Container;
use anyhow::Result;
use std::collections::BTreeMap;

/// Which rows.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Those that don't run, too.
    pub all: bool,
    /// Only so many, the newest first; all states.
    pub last: Option<usize>,
    /// `--filter`, as `key`, `value`.
    pub filters: Vec<(String, String)>,
    /// Measure the writable layers.
    pub size: bool,
    /// Find out the namespaces (`ps --namespace`).
    pub namespaces: bool,
}

/// One row: facts, not words. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Whole id.
    pub id: ContainerId,
    /// Without a slash.
    pub name: String,
    /// As the user wrote it, completed.
    pub image: String,
    /// Empty for `--rootfs`.
    pub image_id: String,
    /// What it runs.
    pub command: Vec<String>,
    /// Where it is in its life, verified.
    pub phase: Phase,
    /// When it was made.
    pub created: Option<String>,
    /// When it was started last.
    pub started: Option<String>,
    /// When it ended last.
    pub finished: Option<String>,
    /// Its first process, 0 when none.
    pub pid: i32,
    /// `--label` and the image's.
    pub labels: BTreeMap<String, String>,
    /// Targets (docker: sources) of its mounts.
    pub mounts: Vec<String>,
    /// Names of its networks.
    pub networks: Vec<String>,
    /// Its published ports.
    pub ports: Vec<PublishedPort>,
    /// The image's exposed ports: `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// How often it was started again.
    pub restarts: u32,
    /// `--rm`
    pub auto_remove: bool,
    /// Bytes of the writable layer and of the whole root, when asked for.
    pub size: Option<(u64, u64)>,
    /// Namespace kind → inode number, for running ones when asked for.
    pub namespaces: BTreeMap<String, String>,
}

/// The containers that `options` ask for, newest first.
pub fn list(engine: &Engine, options: &ListOptions) -> Result<Vec<Listed>> {
    let filters = Filters::parse(engine, &options.filters)?;
    let all = options.all || options.last.is_some() || filters.name_states();
    let mut rows = Vec::new();
    for container in engine.store.containers()?.iter().rev() {
        if options.last.is_some_and(|last| rows.len() >= last) {
            break;
        }
        let phase = live_phase(engine, container);
        if phase != container.phase {
            // Its process is gone and nobody has said so yet. Whoever is about to do it may go first.
            note_end(engine, container);
            if container.spec.remove {
                continue;
            }
        } else if exited::runs(container) && identity::is_gone(container.monitor.as_ref()) {
            // Nobody else may come for long, and its writers wait for somebody to read.
            if let Err(error) = exited::settled(engine, &container.id) {
                log::debug!("looking after {}: {error:#}", container.id.short());
            }
        }
        let shown = all || matches!(phase, Phase::Running | Phase::Paused);
        if shown && filters.match_container(container, phase) {
            rows.push(row(engine, container, phase, options)?);
        }
    }
    Ok(rows)
}

/// Where a container truly is: what its record says, unless its process is gone.
pub(super) fn live_phase(engine: &Engine, container: &Container) -> Phase {
    if !exited::runs(container) || identity::is_alive(engine, container) {
        return container.phase;
    }
    let end = ExitRecord::read(&container.dirs().run).ok().flatten();
    let code = end.and_then(|end| end.code);
    container.phase.next(Change::Exit { code }).unwrap_or(container.phase)
}

fn note_end(engine: &Engine, container: &Container) {
    // A living monitor does the cleaning up itself.
    if !matches!(identity::process(engine, container.monitor.as_ref()), Ok(None)) {
        return;
    }
    if let Err(error) = exited::exited(engine, &container.id) {
        log::debug!("cleaning up after {}: {error:#}", container.id.short());
    }
}

fn row(engine: &Engine, container: &Container, phase: Phase, options: &ListOptions) -> Result<Listed> {
    let own = resolved(container);
    let running = matches!(phase, Phase::Running | Phase::Paused);
    let pid = container.process.as_ref().filter(|_| running).map_or(0, |process| process.pid);
    let size = options.size.then(|| size(engine, container)).transpose()?;
    let finished = match (&container.finished, phase) {
        (None, Phase::Exited { .. }) => ExitRecord::read(&container.dirs().run)?.map(|end| end.finished),
        (finished, _) => finished.clone(),
    };
    Ok(Listed {
        id: container.id.clone(),
        name: container.name.to_string(),
        image: container.image.as_ref().map(|image| image.name.clone()).unwrap_or_default(),
        image_id: container.image.as_ref().map(|image| image.id.hex().to_string()).unwrap_or_default(),
        command: own.args(),
        phase,
        created: Some(container.created.clone()),
        started: container.started.clone(),
        finished,
        pid,
        mounts: mounts(container, &own),
        networks: networks(&container.spec),
        ports: network::published(container).to_vec(),
        labels: own.labels,
        exposed_ports: own.exposed_ports,
        restarts: container.restart_count,
        auto_remove: container.spec.remove,
        size,
        namespaces: if options.namespaces && running { namespaces(pid) } else { BTreeMap::new() },
    })
}

/// Bytes of the writable layer, and of it with all layers below.
pub(super) fn size(engine: &Engine, container: &Container) -> Result<(u64, u64)> {
    let own = engine.store.upper_size(container.dirs())?;
    let mut whole = own;
    for diff_id in &container.layers {
        whole += engine.store.layer(diff_id)?.map_or(0, |layer| layer.record.size);
    }
    Ok((own, whole))
}

fn mounts(container: &Container, own: &crate::engine::bundle::Resolved) -> Vec<String> {
    let users = container.spec.mounts.iter().map(|mount| mount.target.clone());
    users.chain(own.volumes.iter().map(|volume| volume.target.clone())).collect()
}

fn networks(spec: &ContainerSpec) -> Vec<String> {
    match &spec.namespaces.network {
        NetworkMode::Networks => spec.network.attachments.iter().map(|wish| wish.network.clone()).collect(),
        NetworkMode::Host => vec!["host".into()],
        NetworkMode::None | NetworkMode::Default => vec!["none".into()],
        NetworkMode::Container(_) | NetworkMode::Path(_) => Vec::new(),
    }
}

fn namespaces(pid: i32) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for kind in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
        if let Ok(link) = std::fs::read_link(format!("/proc/{pid}/ns/{kind}")) {
            let text = link.to_string_lossy();
            let number = text.split(['[', ']']).nth(1).unwrap_or_default();
            found.insert(kind.to_string(), number.to_string());
        }
    }
    found
}
