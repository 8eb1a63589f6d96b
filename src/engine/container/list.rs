//! `list`: one row per container, in one pass, verified against the processes that live.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use crate::model::lifecycle::Phase;
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
    /// How often it was started again.
    pub restarts: u32,
    /// `--rm`
    pub auto_remove: bool,
    /// Bytes of the writable layer and of the whole root, when asked for.
    pub size: Option<(u64, u64)>,
    /// Namespace links (`ps --namespace`): kind → inode number, for running ones when asked by format.
    pub namespaces: BTreeMap<String, String>,
}

/// The containers that `options` ask for, newest first.
pub fn list(_engine: &Engine, _options: &ListOptions) -> Result<Vec<Listed>> {
    todo!()
}
