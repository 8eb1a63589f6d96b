//! Relays between our streams and a container's, until it ends or the user detaches.

use crate::engine::container::Attachment;
use crate::fault::Fault;
use anyhow::Result;

/// What to relay, and how.
#[derive(Debug, Clone, Default)]
pub struct AttachOptions {
    /// Give the container our standard input.
    pub stdin: bool,
    /// Show its standard output.
    pub stdout: bool,
    /// Show its standard error.
    pub stderr: bool,
    /// `None`: ctrl-p,ctrl-q; empty: no detaching.
    pub detach_keys: Option<String>,
    /// Pass signals that we get on to its process.
    pub sig_proxy: bool,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The container's process ended with this code; `None`: nobody can know it.
    Exited(Option<u8>),
    /// The user typed the detach keys; the container goes on.
    Detached,
}

/// Relays until the end.
pub fn relay(_attachment: Attachment, _options: &AttachOptions) -> Result<End> {
    Err(Fault::unsupported("attaching: not built yet").into())
}
