//! `create`: a record, a writable layer and its generated files; nothing runs yet.

use crate::engine::Engine;
use crate::model::container::ContainerSpec;
use crate::model::id::ContainerId;
use crate::model::progress::Progress;
use anyhow::Result;

/// How to create.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// `--replace`: remove a container of the same name first.
    pub replace: bool,
}

/// Makes a container: pulls the image by policy, reserves the name, writes the record. Durable when it returns.
pub fn create(
    _engine: &Engine,
    _spec: ContainerSpec,
    _options: &CreateOptions,
    _progress: &dyn Progress,
) -> Result<ContainerId> {
    todo!()
}
