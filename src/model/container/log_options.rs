//! Where a container's output goes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `--log-driver`, `--log-opt`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogOptions {
    /// `None`: the engine's default (json-file; as podman k8s-file).
    pub driver: Option<LogDriver>,
    /// As written: `max-size`, `max-file`, `tag`, `path` … checked against the driver.
    pub options: BTreeMap<String, String>,
}

/// The log drivers that are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum LogDriver {
    JsonFile,
    K8sFile,
    None,
    Passthrough,
}
