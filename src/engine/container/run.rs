//! `run`: create and start in one go.

use super::create::make;
use super::start::launch;
use super::{CreateOptions, StartOptions, Started};
use crate::engine::Engine;
use crate::model::container::ContainerSpec;
use crate::model::id::ContainerId;
use crate::model::progress::Progress;
use crate::store::Place;
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
    engine: &Engine,
    spec: ContainerSpec,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<(ContainerId, Started)> {
    let place = if spec.remove && options.start.attach.is_some() { Place::Run } else { Place::Disk };
    let container = make(engine, spec, &options.create, place, progress)?;
    let id = container.id.clone();
    Ok((id, launch(engine, container, &options.start)?))
}
