//! `exited`: what is done once when a container's process is gone, by whoever comes first.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;
use std::ffi::OsString;

/// Records the end of a container whose process is gone, removes its cgroup and, with `--rm`, itself. Idempotent: the
/// first caller under the lock does it. Returns the exit code, `None` when nobody can know it.
pub fn exited(_engine: &Engine, _id: &ContainerId) -> Result<Option<u8>> {
    todo!()
}

/// The role `@reap`: calls [`exited`] for one container when no command is there to do it.
pub fn reap_role(_arguments: &[OsString]) -> u8 {
    todo!()
}
