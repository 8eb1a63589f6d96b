//! What the host says: environment, configuration files and global flags, read once into one [`Config`].
//!
//! Nobody else reads the environment or a configuration file. [`resolve`] holds the precedence and is pure; [`file`]
//! reads containers.conf and storage.conf (when they exist), [`environment`] takes the snapshot.

pub mod auth;
pub mod defaults;
pub mod docker;
pub mod environment;
pub mod file;
pub mod registries;
pub mod resolve;

pub use defaults::Defaults;
pub use environment::Environment;

use crate::fault::Fault;
use crate::model::container::LogDriver;
use crate::model::storage::Driver;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Under which name we were called: decides wordings, exit codes and a few defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// `barge`, or any other name.
    #[default]
    Barge,
    /// `docker`
    Docker,
    /// `podman`
    Podman,
}

impl Program {
    /// By the last component of argv\[0\].
    pub fn of(argv0: &str) -> Self {
        match argv0.rsplit('/').next().unwrap_or_default() {
            "docker" => Program::Docker,
            "podman" => Program::Podman,
            _ => Program::Barge,
        }
    }

    /// The name to use in usage lines and hints.
    pub fn name(self) -> &'static str {
        match self {
            Program::Barge => "barge",
            Program::Docker => "docker",
            Program::Podman => "podman",
        }
    }
}

/// Who makes cgroups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupManager {
    /// We do, with mkdir.
    #[default]
    Cgroupfs,
    /// systemd, over D-Bus.
    Systemd,
}

impl FromStr for CgroupManager {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "cgroupfs" => Ok(CgroupManager::Cgroupfs),
            "systemd" => Ok(CgroupManager::Systemd),
            _ => Err(Fault::invalid(format!("cgroup manager `{text}`: must be cgroupfs or systemd"))),
        }
    }
}

impl fmt::Display for CgroupManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CgroupManager::Cgroupfs => "cgroupfs",
            CgroupManager::Systemd => "systemd",
        })
    }
}

/// The parsed global flags, paths made absolute; `None` and empty: not given.
#[derive(Debug, Clone, Default)]
pub struct Globals {
    /// From argv\[0\].
    pub program: Program,
    /// `--root`
    pub root: Option<PathBuf>,
    /// `--runroot`
    pub runroot: Option<PathBuf>,
    /// `--tmpdir`
    pub tmpdir: Option<PathBuf>,
    /// `--storage-driver`
    pub storage_driver: Option<String>,
    /// `--storage-opt`
    pub storage_opt: Vec<String>,
    /// `--cgroup-manager`
    pub cgroup_manager: Option<String>,
    /// `--config`: docker's directory of config.json.
    pub config: Option<PathBuf>,
    /// `--hooks-dir`
    pub hooks_dir: Vec<PathBuf>,
}

/// Everything that the host says, resolved. A plain value: roles get it (without the environment) by JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Config {
    /// Under which name we were called.
    pub program: Program,
    /// Where images and containers are kept.
    pub root: PathBuf,
    /// Where the state of this boot is kept: sockets, exit records, the records of `--rm` containers.
    pub run: PathBuf,
    /// The user's own run directory, whatever `--runroot` says: here the rootless namespace is found.
    pub user_run: PathBuf,
    /// For large temporary files.
    pub tmp: PathBuf,
    /// `None`: overlay where the file system can carry it, else vfs.
    pub driver: Option<Driver>,
    /// We are not the machine's root: an ordinary user, or root of some user namespace.
    pub rootless: bool,
    /// The caller's effective uid as seen outside of the rootless namespace.
    pub uid: u32,
    /// The caller's effective gid as seen outside of the rootless namespace.
    pub gid: u32,
    /// The caller's name, when /etc/passwd has one.
    pub user: Option<String>,
    /// HOME, or what /etc/passwd says, or `/`.
    pub home: PathBuf,
    /// XDG_CONFIG_HOME or `~/.config`.
    pub config_home: PathBuf,
    /// docker's `--config`/DOCKER_CONFIG directory (default `~/.docker`).
    pub docker_config: PathBuf,
    /// Who makes cgroups.
    pub cgroup_manager: CgroupManager,
    /// Where systemd is to be found: the socket of the system's bus, or of the user's session.
    pub bus: Option<PathBuf>,
    /// Why it is not systemd, which was asked for.
    pub no_systemd: Option<String>,
    /// What containers get when nobody says otherwise (containers.conf).
    pub defaults: Defaults,
    /// The files that were read, in order: `info` shows them.
    pub files: Vec<PathBuf>,
    /// The environment as it was when we were started.
    #[serde(skip)]
    pub environment: Environment,
}

impl Config {
    /// Where a container's output goes when nobody says otherwise.
    pub fn log_driver(&self) -> LogDriver {
        let built_in = if self.program == Program::Podman { LogDriver::K8sFile } else { LogDriver::JsonFile };
        self.defaults.log_driver.unwrap_or(built_in)
    }
}

/// Reads environment, files and flags. One call a process, before any thread; creates nothing.
pub fn read(globals: &Globals) -> Result<Config> {
    let environment = Environment::snapshot();
    let caller = environment::Caller::read(&environment);
    let files = file::read(&environment, &caller)?;
    resolve::resolve(globals, environment, caller, files)
}

/// For fuzzers: files of settings.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_settings(text: &str) {
    let _ = file::parse(text);
    let mut registries = crate::model::registries::Registries::default();
    if registries::merge(&mut registries, text).is_ok() {
        for name in ["x", "a.example/x:1", "localhost:5000/x"] {
            for one in registries.candidates(name).into_iter().flatten() {
                let _ = registries.sources(&one);
            }
        }
    }
    for legacy in [false, true] {
        if let Ok(auth) = crate::model::credentials::AuthFile::parse(text, legacy) {
            let _ = auth.find("a.example/x");
        }
    }
}
