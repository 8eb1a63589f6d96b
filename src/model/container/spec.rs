//! The one description.

use super::*;
use crate::model::name::Name;
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
    pub name: Option<Name>,
    /// What its root file system is made of.
    pub image: ImageSource,
    /// `--platform`
    pub platform: Option<Platform>,
    /// `--pull`
    pub pull: PullPolicy,
    /// What runs in it.
    pub process: ProcessSpec,
    /// `--hostname`; `None`: the short id.
    pub hostname: Option<String>,
    /// `--domainname`
    pub domainname: Option<String>,
    /// `-v`, `--mount`, `--tmpfs`
    pub mounts: Vec<Mount>,
    /// `--shm-size`, bytes; `None`: 64 MiB.
    pub shm_size: Option<u64>,
    /// `--device`
    pub devices: Vec<Device>,
    /// `--device-cgroup-rule`, in the kernel's form: `c 1:3 rwm`.
    pub device_rules: Vec<String>,
    /// `--pid`, `--ipc`, `--uts`, `--cgroupns`, `--userns`, `--network`
    pub namespaces: Namespaces,
    /// `-m`, `--cpus` …
    pub resources: Resources,
    /// `--cap-add`, `--security-opt`, `--privileged` …
    pub security: Security,
    /// `--sysctl`
    pub sysctls: BTreeMap<String, String>,
    /// `--log-driver`, `--log-opt`
    pub log: LogOptions,
    /// `--label`
    pub labels: BTreeMap<String, String>,
    /// `--annotation`
    pub annotations: BTreeMap<String, String>,
    /// `--restart`
    pub restart: RestartPolicy,
    /// `--rm`
    pub remove: bool,
    /// `--pidfile`
    pub pid_file: Option<PathBuf>,
    /// `--conmon-pidfile`
    pub monitor_pid_file: Option<PathBuf>,
    /// `--detach-keys`; `None`: ctrl-p,ctrl-q; empty: no detaching.
    pub detach_keys: Option<String>,
    /// `--add-host`, `name:address`.
    pub extra_hosts: Vec<String>,
    /// `--no-hosts`
    pub no_hosts: bool,
    /// `--no-hostname`: no /etc/hostname.
    pub no_hostname: bool,
    /// The whole command line that made it, for `inspect` (`.Config.CreateCommand`).
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
