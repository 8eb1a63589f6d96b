//! What a container may do.

use serde::{Deserialize, Serialize};

/// `--privileged`, `--cap-*`, `--security-opt`, `--read-only`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Security {
    /// `--privileged`
    #[serde(skip_serializing_if = "super::is_default")]
    pub privileged: bool,
    /// `--cap-add`, upper case with `CAP_`, or `ALL`.
    #[serde(skip_serializing_if = "super::is_default")]
    pub cap_add: Vec<String>,
    /// `--cap-drop`, upper case with `CAP_`, or `ALL`.
    #[serde(skip_serializing_if = "super::is_default")]
    pub cap_drop: Vec<String>,
    /// `no-new-privileges`; `None`: the configuration's, else no.
    #[serde(skip_serializing_if = "super::is_default")]
    pub no_new_privileges: Option<bool>,
    /// `seccomp=…`
    #[serde(skip_serializing_if = "super::is_default")]
    pub seccomp: SeccompProfile,
    /// `socketcall=deny`: 32-bit programs can't use the one call that makes sockets of every family.
    #[serde(skip_serializing_if = "super::is_default")]
    pub deny_socketcall: bool,
    /// `apparmor=…`; `None`: the host's default for containers.
    #[serde(skip_serializing_if = "super::is_default")]
    pub apparmor: Option<String>,
    /// `label=…`
    #[serde(skip_serializing_if = "super::is_default")]
    pub label: Label,
    /// `mask=a:b`
    #[serde(skip_serializing_if = "super::is_default")]
    pub mask: Vec<String>,
    /// `unmask=a:b` or `ALL`
    #[serde(skip_serializing_if = "super::is_default")]
    pub unmask: Vec<String>,
    /// `proc-opts=…`
    #[serde(skip_serializing_if = "super::is_default")]
    pub proc_options: Vec<String>,
    /// `--read-only`
    #[serde(skip_serializing_if = "super::is_default")]
    pub read_only: bool,
    /// `--read-only-tmpfs`; `None`: true, as podman.
    #[serde(skip_serializing_if = "super::is_default")]
    pub read_only_tmpfs: Option<bool>,
}

/// `--security-opt seccomp=…`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum SeccompProfile {
    /// Docker's default profile.
    #[default]
    Default,
    /// None.
    Unconfined,
    /// A profile's JSON text, read when the container was made.
    Json(String),
}

/// SELinux: `--security-opt label=…`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Label {
    pub disable: bool,
    pub user: Option<String>,
    pub role: Option<String>,
    pub kind: Option<String>,
    pub level: Option<String>,
}
