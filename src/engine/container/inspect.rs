//! `inspect`: everything about one container, in docker's and podman's field names.

use crate::engine::Engine;
use crate::model::id::ContainerId;
use anyhow::Result;

/// One container's JSON; `size` adds `SizeRw` and `SizeRootFs`.
pub fn inspect(_engine: &Engine, _id: &ContainerId, _size: bool) -> Result<serde_json::Value> {
    todo!()
}
