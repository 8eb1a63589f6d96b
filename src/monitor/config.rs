//! What a monitor is told: plain data, handed over as JSON in a sealed memory file.

use super::services::ServicesConfig;
use crate::model::container::LogDriver;
use crate::runtime::cgroup::Place;
use crate::runtime::{Bundle, Join};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything the monitor of one container needs; see [`super::spawn`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MonitorConfig {
    /// The container's id.
    pub id: String,
    /// Its name: the monitor's title in `ps`, and for log tags.
    pub name: String,
    /// What runs.
    pub source: Source,
    /// `-t`: one pty instead of three streams.
    pub terminal: bool,
    /// `-i`: standard input stays open (for whoever attaches); otherwise it is `/dev/null`.
    pub interactive: bool,
    /// Close standard input when the first attached client that gave any goes (docker's StdinOnce): `run -i` without `-d`.
    pub stdin_once: bool,
    /// The container's own directory for sockets, FIFOs and the exit record; it must exist. See [`super::paths`].
    pub run_dir: PathBuf,
    /// Where output goes.
    pub log: LogConfig,
    /// `--timeout`: SIGKILL after so many seconds; 0: never.
    pub timeout: u32,
    /// `--pidfile`
    pub pid_file: Option<PathBuf>,
    /// `--conmon-pidfile`
    pub monitor_pid_file: Option<PathBuf>,
    /// What it does for the container's network, if anything.
    #[serde(default)]
    pub services: Option<ServicesConfig>,
    /// What to start when the container has ended and no attached client does the cleaning up.
    pub reap: Option<Reap>,
    /// How many descriptors from 3 on the process gets (`--preserve-fds`); they are handed to [`super::spawn`].
    pub preserve_fds: u32,
}

/// A container's main process, or one more process in a running container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Source {
    /// A new container.
    Container(Box<Bundle>),
    /// One more process in a running container: `exec`. It has no log and no FIFOs.
    Exec(Box<Join>),
    /// A container whose monitor was killed: take over its output and wait for its end.
    Adopt {
        /// Its main process.
        pid: i32,
        /// When that was started, in the kernel's clock ticks: with the pid, its identity.
        start_time: u64,
        /// Where it is counted.
        cgroup: Option<Place>,
    },
}

/// Where output is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogConfig {
    /// The format.
    pub driver: LogDriver,
    /// The file; rotated ones get `.1`, `.2` … Unused by `none` and `passthrough`.
    pub path: PathBuf,
    /// Rotate before the file grows beyond so many bytes; 0: never.
    pub max_size: u64,
    /// How many files there may be, the current one included; at least 1.
    pub max_files: u32,
    /// What `--log-opt tag`, `labels` and `env` ask for: kept in each json-file record as docker does (`attrs`).
    pub attributes: BTreeMap<String, String>,
    /// Copy output to the monitor's own standard output and error, which are the spawner's (`passthrough`).
    pub passthrough: bool,
}

/// What to do at the end: a role to spawn, into whose configuration the monitor doesn't look, or files to remove.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reap {
    /// `@reap`
    pub role: String,
    /// Its configuration.
    pub config: serde_json::Value,
    /// The trees to remove when an attached client has withdrawn the container and left them to us.
    #[serde(default)]
    pub rest: Vec<PathBuf>,
}
