//! `top`: a container's processes, read from the host's side.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

/// A table of processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processes {
    /// Column titles.
    pub titles: Vec<String>,
    /// One row per process, as many cells as titles.
    pub rows: Vec<Vec<String>>,
}

/// The processes of a running container. `format`: podman's descriptors (`pid`, `hpid`, `user` …; several words or one
/// with commas), or ps options (`aux`, `-ef`, `-o pid,comm`); empty: the default of the program we were called as.
pub fn top(_engine: &Engine, _id: &ContainerId, _format: &[String]) -> Result<Processes> {
    todo!()
}
