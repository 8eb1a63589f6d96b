//! `run`: create and start in one go.

use super::{CreateOptions, StartOptions, Started};
use crate::engine::Engine;
use crate::model::container::ContainerSpec;
use crate::model::id::ContainerId;
use crate::model::progress::Progress;
use anyhow::Result;

/// How to run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// As for `create`.
    pub create: CreateOptions,
    /// As for `start`. An attached `--rm` container is kept in the run directory and never synced.
    pub start: StartOptions,
}

/// Creates and starts. When the start fails, a `--rm` container is gone again, any other stays as `Created`.
pub fn run(
    _engine: &Engine,
    _spec: ContainerSpec,
    _options: &RunOptions,
    _progress: &dyn Progress,
) -> Result<(ContainerId, Started)> {
    todo!()
}
