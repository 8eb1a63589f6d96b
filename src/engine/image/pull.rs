//! `pull`, and the pulling that `run` and `create` do by policy.

use super::access::Access;
use super::find::Local;
use crate::engine::Engine;
use crate::model::container::PullPolicy;
use crate::model::digest::Digest;
use crate::model::platform::Platform;
use crate::model::progress::Progress;
use crate::model::reference::Reference;
use anyhow::Result;

/// How to pull.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// `--platform`, or `--os`, `--arch`, `--variant`; empty parts: this machine's.
    pub platform: Option<Platform>,
    /// How to get at the registry.
    pub access: Access,
    /// `--all-tags`
    pub all_tags: bool,
    /// `--policy`; `None`: always.
    pub policy: Option<PullPolicy>,
}

/// One image that was pulled.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulled {
    /// The image id.
    pub id: Digest,
    /// The name it is stored under.
    pub name: Reference,
    /// What the registry calls it: the digest of the manifest or index that the name stands for.
    pub digest: Digest,
    /// The name stood for another image, or none, before.
    pub changed: bool,
}

/// Pulls `name` (or with `all_tags` every tag of it). Durable when it returns.
pub fn pull(_engine: &Engine, _name: &str, _options: &PullOptions, _progress: &dyn Progress) -> Result<Vec<Pulled>> {
    todo!()
}

/// The image for a container: the local one, or pulled, as `policy` says.
pub fn ensure(
    _engine: &Engine,
    _name: &str,
    _policy: PullPolicy,
    _options: &PullOptions,
    _progress: &dyn Progress,
) -> Result<Local> {
    todo!()
}
