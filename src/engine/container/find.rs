//! Which containers a command means.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;
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
pub fn find(_engine: &Engine, _name: &str) -> Result<ContainerId> {
    todo!()
}

/// Whether [`find`] would find one.
pub fn exists(_engine: &Engine, _name: &str) -> Result<bool> {
    todo!()
}

/// The container that was created last.
pub fn latest(_engine: &Engine) -> Result<ContainerId> {
    todo!()
}

/// One entry per selected container: what the user called it, and which it is or why there is none. Fails as a whole
/// when the flags themselves make no sense.
pub fn select(_engine: &Engine, _selection: &Selection) -> Result<Vec<(String, Result<ContainerId>)>> {
    todo!()
}
