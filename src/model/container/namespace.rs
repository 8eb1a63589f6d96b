//! Which namespaces are a container's own.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One mode per kind of namespace; `None`: the engine's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Namespaces {
    /// `--pid`
    pub pid: NamespaceMode,
    /// `--ipc` (`none` and `shareable` are `Private` here)
    pub ipc: NamespaceMode,
    /// `--uts`
    pub uts: NamespaceMode,
    /// `--cgroupns`
    pub cgroup: NamespaceMode,
    /// `--network`
    pub network: NetworkMode,
    /// `--userns`, `--uidmap` …
    pub user: UserMode,
}

/// Where a namespace comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum NamespaceMode {
    /// Its own.
    #[default]
    Private,
    /// The host's.
    Host,
    /// That of another container, by name or id.
    Container(String),
    /// `ns:PATH`
    Path(PathBuf),
}

/// `--network`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum NetworkMode {
    /// As root the default bridge; an ordinary user's as `None`, but for the files in /etc.
    #[default]
    Default,
    /// Networks of ours: `ContainerSpec::network` says which.
    Networks,
    /// A namespace of its own with loopback only.
    None,
    /// The host's.
    Host,
    /// That of another container, by name or id.
    Container(String),
    /// `ns:PATH`
    Path(PathBuf),
}

/// `--userns` and the id map flags.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum UserMode {
    /// As root: the host's. Rootless: the user's namespace, where the user is root.
    #[default]
    Default,
    /// `host`
    Host,
    /// `keep-id[:uid=U,gid=G]`: the calling user has the same (or that) id inside.
    KeepId {
        /// The uid inside; `None`: the caller's.
        uid: Option<u32>,
        /// The gid inside; `None`: the caller's.
        gid: Option<u32>,
    },
    /// `nomap`: the calling user is not mapped.
    NoMap,
    /// `auto[:size=N]`
    Auto {
        /// How many ids; `None`: as many as the image needs.
        size: Option<u32>,
    },
    /// `container:ID`
    Container(String),
    /// `ns:PATH`
    Path(PathBuf),
    /// `--uidmap`, `--gidmap` (or `--subuidname`, resolved).
    Map(IdMap),
}

/// Two lists of ranges, as in `/proc/PID/uid_map`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdMap {
    /// uid_map
    pub uids: Vec<IdRange>,
    /// gid_map
    pub gids: Vec<IdRange>,
}

/// One line of an id map: `inside outside count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// First id inside.
    pub inside: u32,
    /// First id outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}
