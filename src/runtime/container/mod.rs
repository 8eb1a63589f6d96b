//! Containers that no monitor watches, as other engines want them: a directory of state, and a process that is whoever's
//! child it became. Every call looks at the kernel first; the directory only says where to look.
//!
//! | in the directory | |
//! |---|---|
//! | `lock` | held while the container is made, started, changed or deleted |
//! | `config.json` | the bundle's, as it was at `create` |
//! | `state.json` | a [`Record`]; there when `create` has succeeded |
//! | `start` | a socket; there until the word to start was given |

mod create;
mod delete;
mod exec;
mod load;
mod processes;
mod start;
mod update;

pub use create::{CreateOptions, create};
pub use exec::{ExecOptions, exec};
pub use load::load;
pub use processes::Signalled;
pub use start::start;

use super::cgroup::{self, CgroupDriver, Place};
use crate::fault::{Fault, Kind};
use crate::sys::lock::FileLock;
use crate::sys::pid::PidFd;
use anyhow::{Context, Result};
use oci_spec::runtime::{LinuxNamespaceType, Spec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where containers of one engine have their directories.
#[derive(Debug, Clone)]
pub struct StateRoot {
    dir: PathBuf,
}

/// What is kept of a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The version that its config says.
    pub oci_version: String,
    /// Its name.
    pub id: String,
    /// Its first process, as seen by who made it.
    pub pid: i32,
    /// With the pid its identity.
    pub start_time: u64,
    /// Where its config came from.
    pub bundle: PathBuf,
    /// Its root on the host.
    pub rootfs: PathBuf,
    /// When, in RFC 3339.
    pub created: String,
    /// Whose.
    pub owner: u32,
    /// Where it is counted.
    pub cgroup: Option<Place>,
    /// What it has of its own.
    pub namespaces: Vec<LinuxNamespaceType>,
    /// From its config.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// What it does behind the gate, by number.
    pub steps: Vec<(usize, String)>,
}

/// Where in its life a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Being made, or left behind by a `create` that was killed.
    Creating,
    /// It waits for `start`.
    Created,
    /// Its program runs.
    Running,
    /// It stands still.
    Paused,
    /// Its program has ended.
    Stopped,
}

impl Status {
    /// The spec's word.
    pub fn word(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
        }
    }
}

/// One container, as it is kept.
#[derive(Debug)]
pub struct Container {
    dir: PathBuf,
    /// What is known of it.
    pub record: Record,
}

impl StateRoot {
    /// The containers below this directory, which need not be there yet.
    pub fn at(dir: PathBuf) -> StateRoot {
        StateRoot { dir }
    }

    fn dir_of(&self, id: &str) -> Result<PathBuf> {
        super::validate::id(id)?;
        Ok(self.dir.join(id))
    }

    /// The container of this name.
    pub fn open(&self, id: &str) -> Result<Container> {
        let dir = self.dir_of(id)?;
        let text = match fs::read(dir.join(STATE)) {
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Err(Fault::not_found("container does not exist").into());
            }
            text => text.with_context(|| format!("reading the state of container {id}"))?,
        };
        let record = serde_json::from_slice(&text).with_context(|| format!("reading the state of container {id}"))?;
        Ok(Container { dir, record })
    }

    /// All that can be read, by name.
    pub fn list(&self) -> Result<Vec<Container>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("listing {}", self.dir.display()))?,
        };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names.iter().filter_map(|name| self.open(name).ok()).collect())
    }
}

const STATE: &str = "state.json";
const CONFIG: &str = "config.json";
const GATE: &str = "start";

impl Container {
    fn save(&self) -> Result<()> {
        let text = serde_json::to_vec(&self.record).context("writing the container's state")?;
        replace(&self.dir.join(STATE), &text)
    }

    /// Nobody else changes it meanwhile.
    fn lock(&self) -> Result<FileLock> {
        FileLock::exclusive(&self.dir.join("lock")).context("locking the container")
    }

    fn gate(&self) -> PathBuf {
        self.dir.join(GATE)
    }

    /// The config that it was made with.
    pub fn spec(&self) -> Result<Spec> {
        let text = fs::read(self.dir.join(CONFIG)).context("reading the container's config")?;
        serde_json::from_slice(&text).context("reading the container's config")
    }

    /// Its first process, unless that has ended.
    pub fn process(&self) -> Result<Option<PidFd>> {
        PidFd::open_if(self.record.pid, self.record.start_time).context("looking for the container's process")
    }

    /// Its cgroup, if it has one.
    pub fn cgroup(&self) -> Result<Option<Box<dyn CgroupDriver>>> {
        self.record.cgroup.as_ref().map(cgroup::open).transpose()
    }

    /// What the kernel says now.
    pub fn status(&self) -> Result<Status> {
        if self.process()?.is_none() {
            return Ok(Status::Stopped);
        }
        if self.gate().exists() {
            return Ok(Status::Created);
        }
        let frozen = self.cgroup()?.is_some_and(|cgroup| cgroup.frozen().unwrap_or(false));
        Ok(if frozen { Status::Paused } else { Status::Running })
    }

    /// The state as the spec has it: what hooks get.
    pub fn state(&self, status: Status) -> Value {
        let record = &self.record;
        let mut state = json!({
            "ociVersion": record.oci_version,
            "id": record.id,
            "status": status.word(),
            "bundle": record.bundle,
        });
        if status != Status::Stopped {
            state["pid"] = record.pid.into();
        }
        if !record.annotations.is_empty() {
            state["annotations"] = json!(record.annotations);
        }
        state
    }
}

/// Writes a file so that it is whole or not there.
fn replace(path: &Path, text: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    fs::write(&temporary, text)
        .and_then(|()| fs::rename(&temporary, path))
        .with_context(|| format!("writing {}", path.display()))
}

/// What can't be done in this phase of the container's life.
fn improper(what: impl Into<String>) -> anyhow::Error {
    Fault::new(Kind::Conflict, what).into()
}
