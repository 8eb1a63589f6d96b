//! How layers are kept.

use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// `--storage-driver`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// Layers are lower directories of an overlay mount.
    Overlay,
    /// Layers are copied: for file systems that can't carry an overlay.
    Vfs,
}

impl FromStr for Driver {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "overlay" | "overlay2" => Ok(Driver::Overlay),
            "vfs" => Ok(Driver::Vfs),
            _ => Err(Fault::unsupported(format!("storage driver `{text}`: only overlay and vfs are built"))),
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Driver::Overlay => "overlay",
            Driver::Vfs => "vfs",
        })
    }
}
