//! What runs in a container.

use serde::{Deserialize, Serialize};

/// The process of a container (or, in part, of an `exec`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessSpec {
    /// `--entrypoint`; `None`: the image's; empty: none (and the image's command is dropped too, as docker does).
    pub entrypoint: Option<Vec<String>>,
    /// The words after the image; empty: the image's `Cmd`, unless `entrypoint` was given.
    pub command: Vec<String>,
    /// `-e`, `--env-file`, `--env-host`, already resolved to `K=V`, later ones win.
    pub env: Vec<String>,
    /// `--unsetenv`
    pub unset_env: Vec<String>,
    /// `--unsetenv-all`: the image's variables are dropped.
    pub unset_env_all: bool,
    /// `-w`
    pub working_dir: Option<String>,
    /// `-u`: name, uid, name:group, uid:gid.
    pub user: Option<String>,
    /// `--group-add`: names, ids, or `keep-groups`.
    pub groups: Vec<String>,
    /// `-t`
    pub terminal: bool,
    /// `-i`
    pub interactive: bool,
    /// `--init`
    pub init: bool,
    /// `--stop-signal`, as written (name or number).
    pub stop_signal: Option<String>,
    /// `--stop-timeout`, seconds.
    pub stop_timeout: Option<u32>,
    /// `--timeout`: kill after so many seconds; 0: never.
    pub timeout: u32,
    /// `--umask`, as a mode; `None`: 0022.
    pub umask: Option<u32>,
    /// `--tz`: a zone name or `local`.
    pub timezone: Option<String>,
    /// `--passwd-entry`
    pub passwd_entry: Option<String>,
    /// `--preserve-fds`: how many descriptors from 3 on the process gets.
    pub preserve_fds: u32,
}
