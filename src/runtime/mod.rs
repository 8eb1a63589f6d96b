//! One bundle → one process. Knows the OCI `config.json`; knows no images, names or records of ours.
//!
//! The order is always: validate (pure), plan (open every file, compile every filter, write every word), clone, and
//! then a child that walks a list of steps and answers with two numbers if one fails. Only a process with one thread
//! may clone: `create` and `exec` refuse in any other.
//!
//! What a bundle says is done or refused by name. Nothing in a container's tree is reached by a host path, nothing
//! of it is executed but the container's own command, and nothing of ours that it can see is writable.

pub mod cgroup;
mod child;
pub mod container;
mod copy_up;
mod create;
mod exec;
mod facts;
mod handshake;
mod hook;
pub mod init;
mod options;
mod plan;
mod root;
pub mod seccomp;
mod step;
mod user_namespace;
mod validate;
mod words;

pub use create::{Create, Created, Running, create, run};
pub use exec::{Exec, exec};
pub use options::names as mount_option_names;
pub use plan::can_map_layers;
pub use plan::keyring_name;
pub use root::RootSource;

use oci_spec::runtime::{LinuxNamespaceType, Process, Spec};
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Everything that describes one container to the runtime; a plain value that travels to the monitor as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bundle {
    /// Names its cgroup and messages: `[a-zA-Z0-9][a-zA-Z0-9_.-]*`.
    pub id: String,
    /// The OCI config. `root.path` is not used ([`Bundle::root`] is); `root.readonly` is.
    pub spec: Box<Spec>,
    /// What its root file system is made of.
    pub root: RootSource,
    /// Which system calls it may make.
    pub seccomp: Seccomp,
    /// Where its processes are counted and limited.
    pub cgroup: CgroupChoice,
    /// `--init`: our own first process starts the command, reaps, and forwards signals.
    #[serde(default)]
    pub init: bool,
    /// What differs from our own containers.
    #[serde(default)]
    pub manner: Manner,
    /// A directory of ours (0700) for compiled filters, shared by all containers.
    pub cache_dir: PathBuf,
    /// A directory of ours (0700) for this container alone, on a local file system; it must exist.
    pub state_dir: PathBuf,
}

/// What other engines may ask for and ours never does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manner {
    /// Change the root by moving a mount, without `pivot_root`.
    pub no_pivot: bool,
    /// Leave the caller's session keyring to it.
    pub no_new_keyring: bool,
    /// The bundle's directory, which hooks are told.
    pub bundle: PathBuf,
}

/// The annotation with which crun, and we, leave a container the supplementary groups of whoever starts it.
pub const KEEP_GROUPS: &str = "run.oci.keep_original_groups";

/// Which system calls a container may make.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Seccomp {
    /// Docker's default profile, for the capabilities that the process has.
    #[default]
    Default,
    /// The same without i386's `socketcall(2)`, whose arguments lie in memory, where a filter can't look.
    DefaultWithoutSocketcall,
    /// All.
    Unconfined,
    /// A profile's JSON text: docker's form (with `archMap`, `includes`, `excludes`) or OCI's.
    Json(String),
    /// `linux.seccomp` of the spec; none: all.
    Spec,
}

/// Where a container's processes are counted and limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CgroupChoice {
    /// A cgroup of its own at `linux.cgroupsPath` (`/barge/ID` when empty), made through the file system. Where we may
    /// make none (rootless on v1, no delegation on v2), the container runs without one as long as no limit is asked for.
    #[default]
    Files,
    /// A cgroup of its own in a scope that systemd makes. Whoever starts the container goes into that scope, too.
    Systemd(cgroup::Scope),
    /// The same in every hierarchy that there is, also where there is nothing to limit: who asked for the container looks
    /// at all of them.
    Everywhere,
    /// None: it stays in the cgroup of whoever starts it; limits are refused.
    None,
}

/// The standard streams of a process.
#[derive(Debug)]
pub enum Stdio {
    /// Three descriptors; they become 0, 1 and 2.
    Descriptors {
        /// Becomes 0.
        stdin: OwnedFd,
        /// Becomes 1.
        stdout: OwnedFd,
        /// Becomes 2.
        stderr: OwnedFd,
    },
    /// A pty made in the container's own devpts; its controlling side comes back in [`Running::terminal`].
    Terminal {
        /// Initial height; 0: unknown.
        rows: u16,
        /// Initial width; 0: unknown.
        columns: u16,
    },
}

/// One more process for a running container; a plain value that travels to the monitor as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Join {
    /// The container's main process, as seen from here.
    pub pid: i32,
    /// When that was started, in the kernel's clock ticks (`/proc/PID/stat` field 22): with the pid, its identity.
    pub start_time: u64,
    /// What to run: args, env, cwd, user, capabilities, rlimits, terminal …
    pub process: Box<Process>,
    /// The namespaces that the container has of its own: the types listed in its spec.
    pub namespaces: Vec<LinuxNamespaceType>,
    /// As the container's.
    pub seccomp: Seccomp,
    /// `linux.seccomp` of the container, for [`Seccomp::Spec`].
    #[serde(default)]
    pub profile: Option<oci_spec::runtime::LinuxSeccomp>,
    /// Names the container's session keyring, which the process joins; `None`: it keeps ours.
    #[serde(default)]
    pub keyring: Option<String>,
    /// The container's cgroup: [`Running::cgroup`] when it was started.
    pub cgroup: Option<cgroup::Place>,
    /// As [`Bundle::cache_dir`].
    pub cache_dir: PathBuf,
    /// `linux.personality` of the container.
    #[serde(default)]
    pub personality: Option<oci_spec::runtime::LinuxPersonality>,
}

/// For fuzzers: whether a `config.json` makes sense.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_config(bytes: &[u8]) -> Result<(), crate::fault::Fault> {
    let spec = serde_json::from_slice(bytes).map_err(|error| crate::fault::Fault::invalid(error.to_string()))?;
    validate::spec(&spec)
}
