//! What is mounted into a container.

use serde::{Deserialize, Serialize};

/// One `-v`, `--mount` or `--tmpfs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mount {
    /// What it is.
    pub kind: MountKind,
    /// Bind: an absolute host path. Otherwise empty.
    #[serde(default)]
    pub source: String,
    /// An absolute path in the container.
    pub target: String,
    /// `ro`
    #[serde(default)]
    pub read_only: bool,
    /// Everything else in mount(8)'s and docker's words, checked: `rslave`, `nosuid`, `noexec`, `z`, `size=64m`, `mode=1777` …
    #[serde(default)]
    pub options: Vec<String>,
    /// `-v` makes a missing source directory (as docker does), `--mount` refuses.
    #[serde(default)]
    pub create_source: bool,
}

/// The kinds of mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum MountKind {
    Bind,
    Tmpfs,
    /// An image's VOLUME: until volumes land, a copied-up directory of the container that goes with it.
    Anonymous,
}

/// One `--device`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// On the host; a directory means every device beneath it.
    pub source: String,
    /// In the container.
    pub target: String,
    /// Of `r`, `w`, `m`.
    pub permissions: String,
}
