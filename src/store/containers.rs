//! Containers: one record each, found by name or id, changed only through [`LockedContainer`].
//!
//! A durable record lies in the store. What is only true in this boot (a running process) lies in the run directory,
//! is newer, and is not synced. A container with [`Place::Run`] has no durable record at all.

use super::{Store, names};
use crate::model::container::ContainerSpec;
use crate::model::digest::Digest;
use crate::model::id::ContainerId;
use crate::model::lifecycle::{Change, Phase};
use crate::model::name::Name;
use anyhow::Result;
use nix::fcntl::Flock;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::ops::Deref;
use std::path::PathBuf;

/// Which image a container was made of; stays true when the image loses its names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageIdentity {
    /// The image id.
    pub id: Digest,
    /// The name it was asked for by, normalized; the id when it was asked for by id.
    pub name: String,
    /// The manifest's digest.
    #[serde(default)]
    pub digest: Option<Digest>,
}

/// A process, so that it can never be mistaken for another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Its pid on the host.
    pub pid: i32,
    /// Field 22 of `/proc/PID/stat`.
    pub start_time: u64,
    /// The boot in which this is true.
    pub boot_id: String,
}

/// What else is known of a container's end, beside the code in its phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExitReason {
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The kernel killed it for want of memory.
    pub oom_killed: bool,
    /// Why it could not be started, or was lost.
    pub error: String,
}

/// Everything that is written down about a container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerRecord {
    /// The format: 1.
    #[serde(default)]
    pub version: u32,
    /// Never changes.
    pub id: ContainerId,
    /// May be changed by `rename`.
    pub name: Name,
    /// `None` for `--rootfs`.
    #[serde(default)]
    pub image: Option<ImageIdentity>,
    /// What was asked for.
    #[serde(default)]
    pub spec: ContainerSpec,
    /// Diff ids, bottom first.
    #[serde(default)]
    pub layers: Vec<Digest>,
    /// Where it is in its life.
    pub phase: Phase,
    /// RFC 3339.
    pub created: String,
    /// RFC 3339, of the last start.
    #[serde(default)]
    pub started: Option<String>,
    /// RFC 3339, of the last end.
    #[serde(default)]
    pub finished: Option<String>,
    /// The container's first process, while it runs.
    #[serde(default)]
    pub process: Option<ProcessIdentity>,
    /// The process that looks after it, while it runs.
    #[serde(default)]
    pub monitor: Option<ProcessIdentity>,
    /// How it ended.
    #[serde(default)]
    pub exit: ExitReason,
    /// How often it was started again by policy.
    #[serde(default)]
    pub restart_count: u32,
    /// Where the record is kept.
    #[serde(default)]
    pub place: Place,
    /// What the engine worked out and wants to find again (command line after image defaults, user, paths …).
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub resolved: serde_json::Value,
}

/// Where a container's record is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the store, synced.
    #[default]
    Disk,
    /// In the run directory, not synced: gone after a power cut, with all it had (an attached `run --rm`).
    Run,
}

/// The directories of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerDirs {
    /// On the store's file system: `upper`, `work`, log, generated files. Exists from `create_container` on.
    pub disk: PathBuf,
    /// On the run file system: sockets, fifos, exit record. Exists from `create_container` on, or [`Store::make_run_dir`].
    pub run: PathBuf,
}

impl ContainerDirs {
    /// The writable layer.
    pub fn upper(&self) -> PathBuf {
        self.disk.join("upper")
    }

    /// The overlay's scratch directory.
    pub fn work(&self) -> PathBuf {
        self.disk.join("work")
    }
}

/// A container as it was when it was read.
#[derive(Debug, Clone)]
pub struct Container {
    record: ContainerRecord,
    dirs: ContainerDirs,
}

impl Deref for Container {
    type Target = ContainerRecord;
    fn deref(&self) -> &ContainerRecord {
        &self.record
    }
}

impl Container {
    /// Where its files lie.
    pub fn dirs(&self) -> &ContainerDirs {
        &self.dirs
    }
}

/// A container that nobody else changes: the only type with `set_phase`, `save`, `remove`.
#[derive(Debug)]
pub struct LockedContainer {
    container: Container,
    store: Store,
    _lock: Flock<File>,
}

impl Deref for LockedContainer {
    type Target = Container;
    fn deref(&self) -> &Container {
        &self.container
    }
}

impl Store {
    /// Every container, oldest first. One that can't be read is left out and logged: `check` deals with it.
    pub fn containers(&self) -> Result<Vec<Container>> {
        todo!()
    }

    /// By exact name, exact id or the unique beginning of an id.
    pub fn find_container(&self, name_or_id: &str) -> Result<Container> {
        let _ = (name_or_id, names::lookup);
        todo!()
    }

    /// Reserves the name, makes the directories (`upper` and `work` too) and writes the record.
    pub fn create_container(&self, record: ContainerRecord, place: Place) -> Result<LockedContainer> {
        let _ = (record, place);
        todo!()
    }

    /// Waits for the container's lock and reads it anew.
    pub fn lock_container(&self, id: &ContainerId) -> Result<LockedContainer> {
        let _ = id;
        todo!()
    }

    /// As [`Store::lock_container`], but `None` when somebody has it.
    pub fn try_lock_container(&self, id: &ContainerId) -> Result<Option<LockedContainer>> {
        let _ = id;
        todo!()
    }

    /// Where a container's files lie.
    pub fn container_dirs(&self, id: &ContainerId) -> ContainerDirs {
        ContainerDirs { disk: self.layout.container(id), run: self.layout.run_container(id) }
    }
}

impl LockedContainer {
    /// The record, for changing; keep it with [`LockedContainer::save`].
    pub fn record_mut(&mut self) -> &mut ContainerRecord {
        &mut self.container.record
    }

    /// Moves on in its life, or says why not. Not yet saved.
    pub fn set_phase(&mut self, change: Change) -> Result<()> {
        self.container.record.phase = self.container.record.phase.next(change)?;
        Ok(())
    }

    /// Writes the record: durably for [`Place::Disk`], plainly for [`Place::Run`].
    pub fn save(&mut self) -> Result<()> {
        let _ = &self.store;
        todo!()
    }

    /// Writes what is true in this boot only (started, its processes): never synced, forgotten by a reboot.
    pub fn save_for_this_boot(&mut self) -> Result<()> {
        todo!()
    }

    /// Gives it another name, atomically; saved durably.
    pub fn rename(&mut self, name: &Name) -> Result<()> {
        let _ = name;
        todo!()
    }

    /// Removes record, name and all files. When it returns, a power cut does not bring it back (for [`Place::Disk`]).
    pub fn remove(self) -> Result<()> {
        todo!()
    }
}
