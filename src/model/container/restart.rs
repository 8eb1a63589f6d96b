//! When a container is started again.

use serde::{Deserialize, Serialize};

/// `--restart`; policies other than `no` come with a later issue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
}
