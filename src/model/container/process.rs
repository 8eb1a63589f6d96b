//! What runs in a container.

use serde::{Deserialize, Serialize};

/// The process of a container (or, in part, of an `exec`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessSpec {
    /// `--entrypoint`; `None`: the image's; empty: none (and the image's command is dropped too, as docker does).
    #[serde(skip_serializing_if = "super::is_default")]
    pub entrypoint: Option<Vec<String>>,
    /// The words after the image; empty: the image's `Cmd`, unless `entrypoint` was given.
    #[serde(skip_serializing_if = "super::is_default")]
    pub command: Vec<String>,
    /// `-e`, `--env-file`, `--env-host`, already resolved to `K=V`, later ones win.
    #[serde(skip_serializing_if = "super::is_default")]
    pub env: Vec<String>,
    /// `--unsetenv`
    #[serde(skip_serializing_if = "super::is_default")]
    pub unset_env: Vec<String>,
    /// `--unsetenv-all`: the image's variables are dropped.
    #[serde(skip_serializing_if = "super::is_default")]
    pub unset_env_all: bool,
    /// `-w`
    #[serde(skip_serializing_if = "super::is_default")]
    pub working_dir: Option<String>,
    /// `-u`: name, uid, name:group, uid:gid.
    #[serde(skip_serializing_if = "super::is_default")]
    pub user: Option<String>,
    /// `--group-add`: names, ids, or `keep-groups`.
    #[serde(skip_serializing_if = "super::is_default")]
    pub groups: Vec<String>,
    /// `-t`
    #[serde(skip_serializing_if = "super::is_default")]
    pub terminal: bool,
    /// `-i`
    #[serde(skip_serializing_if = "super::is_default")]
    pub interactive: bool,
    /// `--init`
    #[serde(skip_serializing_if = "super::is_default")]
    pub init: bool,
    /// `--stop-signal`, as written (name or number).
    #[serde(skip_serializing_if = "super::is_default")]
    pub stop_signal: Option<String>,
    /// `--stop-timeout`, seconds.
    #[serde(skip_serializing_if = "super::is_default")]
    pub stop_timeout: Option<u32>,
    /// `--timeout`: kill after so many seconds; 0: never.
    #[serde(skip_serializing_if = "super::is_default")]
    pub timeout: u32,
    /// `--umask`, as a mode; `None`: 0022.
    #[serde(skip_serializing_if = "super::is_default")]
    pub umask: Option<u32>,
    /// `--tz`: a zone name or `local`.
    #[serde(skip_serializing_if = "super::is_default")]
    pub timezone: Option<String>,
    /// `--passwd-entry`
    #[serde(skip_serializing_if = "super::is_default")]
    pub passwd_entry: Option<String>,
    /// `--preserve-fds`: how many descriptors from 3 on the process gets.
    #[serde(skip_serializing_if = "super::is_default")]
    pub preserve_fds: u32,
}
