//! The one description.

use super::*;
use crate::model::name::Name;
use crate::model::network::NetworkOptions;
use crate::model::platform::Platform;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything a user can say of a container, before image defaults are applied. `engine::bundle` turns it into an
/// OCI config: the only mapping there is. Unset (`None`, empty) always means "the image's or the engine's default".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    /// `--name`
    #[serde(skip_serializing_if = "super::is_default")]
    pub name: Option<Name>,
    /// What its root file system is made of.
    pub image: ImageSource,
    /// `--platform`
    #[serde(skip_serializing_if = "super::is_default")]
    pub platform: Option<Platform>,
    /// `--pull`
    #[serde(skip_serializing_if = "super::is_default")]
    pub pull: PullPolicy,
    /// What runs in it.
    #[serde(skip_serializing_if = "super::is_default")]
    pub process: ProcessSpec,
    /// `--hostname`; `None`: the short id.
    #[serde(skip_serializing_if = "super::is_default")]
    pub hostname: Option<String>,
    /// `--domainname`
    #[serde(skip_serializing_if = "super::is_default")]
    pub domainname: Option<String>,
    /// `-v`, `--mount`, `--tmpfs`
    #[serde(skip_serializing_if = "super::is_default")]
    pub mounts: Vec<Mount>,
    /// `--shm-size`, bytes; `None`: 64 MiB.
    #[serde(skip_serializing_if = "super::is_default")]
    pub shm_size: Option<u64>,
    /// `--device`
    #[serde(skip_serializing_if = "super::is_default")]
    pub devices: Vec<Device>,
    /// `--device-cgroup-rule`, in the kernel's form: `c 1:3 rwm`.
    #[serde(skip_serializing_if = "super::is_default")]
    pub device_rules: Vec<String>,
    /// `--pid`, `--ipc`, `--uts`, `--cgroupns`, `--userns`, `--network`
    pub namespaces: Namespaces,
    /// `-m`, `--cpus` …
    #[serde(skip_serializing_if = "super::is_default")]
    pub resources: Resources,
    /// `--cap-add`, `--security-opt`, `--privileged` …
    #[serde(skip_serializing_if = "super::is_default")]
    pub security: Security,
    /// `--sysctl`
    #[serde(skip_serializing_if = "super::is_default")]
    pub sysctls: BTreeMap<String, String>,
    /// `--log-driver`, `--log-opt`
    #[serde(skip_serializing_if = "super::is_default")]
    pub log: LogOptions,
    /// `--label`
    #[serde(skip_serializing_if = "super::is_default")]
    pub labels: BTreeMap<String, String>,
    /// `--annotation`
    #[serde(skip_serializing_if = "super::is_default")]
    pub annotations: BTreeMap<String, String>,
    /// `--restart`
    #[serde(skip_serializing_if = "super::is_default")]
    pub restart: RestartPolicy,
    /// `--rm`
    #[serde(skip_serializing_if = "super::is_default")]
    pub remove: bool,
    /// `--pidfile`
    #[serde(skip_serializing_if = "super::is_default")]
    pub pid_file: Option<PathBuf>,
    /// `--conmon-pidfile`
    #[serde(skip_serializing_if = "super::is_default")]
    pub monitor_pid_file: Option<PathBuf>,
    /// `--detach-keys`; `None`: ctrl-p,ctrl-q; empty: no detaching.
    #[serde(skip_serializing_if = "super::is_default")]
    pub detach_keys: Option<String>,
    /// `--add-host`, `name:address`.
    #[serde(skip_serializing_if = "super::is_default")]
    pub extra_hosts: Vec<String>,
    /// `--no-hosts`
    #[serde(skip_serializing_if = "super::is_default")]
    pub no_hosts: bool,
    /// `--no-hostname`: no /etc/hostname.
    #[serde(skip_serializing_if = "super::is_default")]
    pub no_hostname: bool,
    /// `--network` (which ones), `-p`, `--dns` …
    #[serde(skip_serializing_if = "super::is_default")]
    pub network: NetworkOptions,
    /// The whole command line that made it, for `inspect` (`.Config.CreateCommand`).
    #[serde(skip_serializing_if = "super::is_default")]
    pub create_command: Vec<String>,
}

/// What a container's root file system is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ImageSource {
    /// An image by reference or (partial) id, as the user wrote it.
    Image(String),
    /// `--rootfs DIR`, or with `overlay` `--rootfs DIR:O`: throw-away changes on top.
    Rootfs {
        /// An absolute path on the host.
        path: PathBuf,
        /// Never write to `path` itself.
        overlay: bool,
    },
}

impl Default for ImageSource {
    fn default() -> Self {
        ImageSource::Image(String::new())
    }
}

/// `--pull`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum PullPolicy {
    Always,
    #[default]
    Missing,
    Never,
    Newer,
}
