//! Which containers a command means.

use super::list::{Filters, live_phase};
use crate::engine::Engine;
use crate::fault::{Fault, Kind};
use crate::model::id::ContainerId;
use crate::model::lifecycle::Phase;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Names, ids and the flags that stand for some of them.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Names, ids, unique id prefixes.
    pub names: Vec<String>,
    /// `--all`
    pub all: bool,
    /// `--latest`
    pub latest: bool,
    /// `--cidfile`
    pub id_files: Vec<PathBuf>,
    /// `--filter`, as `key`, `value`.
    pub filters: Vec<(String, String)>,
    /// `--ignore`: what does not exist is left out.
    pub ignore: bool,
    /// With `all` or `filters`: only those that run (as `stop`, `kill` and `pause` want).
    pub running: bool,
}

/// The container with this name, id or unique id prefix.
pub fn find(engine: &Engine, name: &str) -> Result<ContainerId> {
    Ok(engine.store.find_container(name)?.id.clone())
}

/// Whether [`find`] would find one.
pub fn exists(engine: &Engine, name: &str) -> Result<bool> {
    match find(engine, name) {
        Ok(_) => Ok(true),
        Err(error) if Fault::kind_of(&error) == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The container that was created last.
pub fn latest(engine: &Engine) -> Result<ContainerId> {
    match engine.store.containers()?.last() {
        Some(container) => Ok(container.id.clone()),
        None => Err(Fault::not_found("no containers found: no such container").into()),
    }
}

/// One entry per selected container: what the user called it, and which it is or why there is none. Fails as a whole
/// when the flags themselves make no sense.
pub fn select(engine: &Engine, selection: &Selection) -> Result<Vec<(String, Result<ContainerId>)>> {
    let mut found = Vec::new();
    let mut names = selection.names.clone();
    for path in &selection.id_files {
        match std::fs::read_to_string(path) {
            Ok(text) => names.push(text.lines().next().unwrap_or_default().trim().to_string()),
            Err(error) if selection.ignore && error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("reading cidfile {}", path.display())),
        }
    }
    for name in names {
        match find(engine, &name) {
            Err(error) if selection.ignore && Fault::kind_of(&error) == Kind::NotFound => {}
            outcome => found.push((name, outcome)),
        }
    }
    if selection.latest {
        let id = latest(engine)?;
        found.push((id.to_string(), Ok(id)));
    }
    if selection.all || !selection.filters.is_empty() {
        let filters = Filters::parse(engine, &selection.filters)?;
        for container in engine.store.containers()?.iter().rev() {
            let phase = live_phase(engine, container);
            let wanted = !selection.running || matches!(phase, Phase::Running | Phase::Paused);
            if wanted && filters.match_container(container, phase) {
                found.push((container.id.to_string(), Ok(container.id.clone())));
            }
        }
    }
    Ok(found)
}
