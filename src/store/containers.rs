//! Containers: one record each, found by name or id, changed only through [`LockedContainer`].
//!
//! A durable record lies in the store. What is only true in this boot (a running process) lies in the run directory,
//! is newer, and is not synced. A container with [`Place::Run`] has no durable record at all.

use super::layer::{chain, moved};
use super::{Store, lock, names, record, tree};
use crate::fault::{Fault, Kind};
use crate::model::container::{ContainerSpec, IdMap};
use crate::model::digest::Digest;
use crate::model::id::ContainerId;
use crate::model::lifecycle::{Change, Phase};
use crate::model::name::Name;
use crate::model::network::NetworkState;
use crate::trip;
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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
    /// Its layers are copies with these owners; `None`: the layers themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners: Option<IdMap>,
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
    /// That is not the one it was started with: that one was killed, and with it went the way in (and a terminal).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// Somebody asked for its end: `stop`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped_by_user: bool,
    /// How it ended.
    #[serde(default)]
    pub exit: ExitReason,
    /// How often it was started again by policy.
    #[serde(default)]
    pub restart_count: u32,
    /// Where the record is kept.
    #[serde(default)]
    pub place: Place,
    /// What it has of networks, while it runs.
    #[serde(default, skip_serializing_if = "crate::model::container::is_default")]
    pub network: NetworkState,
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

const RECORD: &str = "container.json";

/// The newer of two records: of the run directory if it is of this boot, else of the store.
#[derive(Serialize, Deserialize)]
struct OfThisBoot {
    boot_id: String,
    record: ContainerRecord,
}

impl Store {
    /// Every container, oldest first. One that can't be read is left out and logged: `check` deals with it.
    pub fn containers(&self) -> Result<Vec<Container>> {
        let newer: BTreeSet<String> = ids_in(&self.layout.run_records())?.into_iter().collect();
        let mut found = Vec::new();
        for name in ids_in(&self.layout.containers())? {
            let Ok(id) = name.parse::<ContainerId>() else { continue };
            match self.read_container(&id, newer.contains(&name)) {
                Ok(Some(container)) if container.phase == Phase::Removing || container.phase == Phase::Creating => {
                    if !self.heal_container(&id)? {
                        found.push(container);
                    }
                }
                Ok(Some(container)) => found.push(container),
                Ok(None) => {
                    self.heal_container(&id)?;
                }
                Err(error) => log::warn!("container {}: {error:#}", id.short()),
            }
        }
        found.sort_by(|one, other| one.created.cmp(&other.created));
        Ok(found)
    }

    /// Every container that has a record, whatever its phase; an error when one can't be read.
    pub(super) fn readable_containers(&self) -> Result<Vec<Container>> {
        let mut found = Vec::new();
        for name in ids_in(&self.layout.containers())? {
            let Ok(id) = name.parse::<ContainerId>() else { continue };
            found.extend(self.read_container(&id, true)?);
        }
        Ok(found)
    }

    /// By exact name, exact id or the unique beginning of an id.
    pub fn find_container(&self, name_or_id: &str) -> Result<Container> {
        let unknown =
            || Fault::not_found(format!("no container with name or ID {name_or_id:?} found: no such container"));
        // Docker's API shows names with a slash in front, and people copy them.
        let text = name_or_id.strip_prefix('/').unwrap_or(name_or_id);
        if let Ok(name) = text.parse::<Name>()
            && let Some(id) = names::lookup(self, &name)?
            && let Some(container) = self.read_container(&id, true)?
        {
            return Ok(container);
        }
        if let Ok(id) = text.parse::<ContainerId>() {
            return Ok(self.read_container(&id, true)?.ok_or_else(unknown)?);
        }
        if text.is_empty() || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(unknown().into());
        }
        let mut ids = ids_in(&self.layout.containers())?;
        ids.retain(|id| id.starts_with(text));
        let mut found = None;
        for id in ids {
            let Ok(id) = id.parse::<ContainerId>() else { continue };
            if let Some(container) = self.read_container(&id, true)?
                && found.replace(container).is_some()
            {
                return Err(Fault::invalid(format!(
                    "more than one result for container name or ID {name_or_id:?}: container already exists"
                ))
                .hint("type more digits of the ID")
                .into());
            }
        }
        Ok(found.ok_or_else(unknown)?)
    }

    /// Reserves the name, makes the directories (`upper` and `work` too) and writes the record.
    pub fn create_container(&self, mut record: ContainerRecord, place: Place) -> Result<LockedContainer> {
        record.place = place;
        record.version = 1;
        let dirs = self.container_dirs(&record.id);
        // Held until the record names the layers: a sweep must not take them away meanwhile.
        let hold = self.hold()?;
        for diff_id in &record.layers {
            if !self.layout.layer(diff_id).is_dir() {
                return Err(
                    Fault::not_found(format!("layer {diff_id}: it was removed meanwhile: image not known")).into()
                );
            }
        }
        let lock = loop {
            std::fs::create_dir(&dirs.disk).map_err(|error| room(error, &dirs.disk))?;
            // Somebody who heals may take the empty directory away before it is locked.
            if let Some(lock) = lock_dir(&dirs.disk, FlockArg::LockExclusive)? {
                break lock;
            }
        };
        let mut container = LockedContainer { container: Container { record, dirs }, store: self.clone(), _lock: lock };
        if let Err(error) = container.make() {
            if let Err(second) = container.remove() {
                log::warn!("taking a half-made container back: {second:#}");
            }
            return Err(error);
        }
        drop(hold);
        Ok(container)
    }

    /// Waits for the container's lock and reads it anew.
    pub fn lock_container(&self, id: &ContainerId) -> Result<LockedContainer> {
        let gone = || Fault::not_found(format!("no container with ID {id} found in database: no such container"));
        let lock = lock_dir(&self.layout.container(id), FlockArg::LockExclusive)?.ok_or_else(gone)?;
        let container = self.read_container(id, true)?.ok_or_else(gone)?;
        Ok(LockedContainer { container, store: self.clone(), _lock: lock })
    }

    /// As [`Store::lock_container`], but `None` when somebody has it.
    pub fn try_lock_container(&self, id: &ContainerId) -> Result<Option<LockedContainer>> {
        let gone = || Fault::not_found(format!("no container with ID {id} found in database: no such container"));
        match lock_dir(&self.layout.container(id), FlockArg::LockExclusiveNonblock) {
            Ok(Some(lock)) => {
                let container = self.read_container(id, true)?.ok_or_else(gone)?;
                Ok(Some(LockedContainer { container, store: self.clone(), _lock: lock }))
            }
            Ok(None) => Err(gone().into()),
            Err(error) if is_busy(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where the files of a withdrawn container lie until somebody deletes them.
    pub fn leavings(&self, id: &ContainerId) -> [PathBuf; 2] {
        [self.layout.run_container(id), self.layout.trash().join(id.as_str())]
    }

    /// Where a container's files lie.
    pub fn container_dirs(&self, id: &ContainerId) -> ContainerDirs {
        ContainerDirs { disk: self.layout.container(id), run: self.layout.run_container(id) }
    }

    /// The container, or `None` when there is no record of it. `started`: it may have one in the run directory.
    pub(super) fn read_container(&self, id: &ContainerId, started: bool) -> Result<Option<Container>> {
        let dirs = self.container_dirs(id);
        if started {
            match record::read::<OfThisBoot>(&self.layout.run_record(id)) {
                Ok(Some(newer)) if newer.boot_id == self.boot_id && newer.record.id == *id => {
                    return Ok(Some(Container { record: newer.record, dirs }));
                }
                Ok(_) => {}
                // A run directory that is not a tmpfs may hold what a power cut made of the file.
                Err(error) => log::debug!("container {}: {error:#}", id.short()),
            }
        }
        let Some(record) = record::read::<ContainerRecord>(&dirs.disk.join(RECORD))? else { return Ok(None) };
        Ok(Some(Container { record, dirs }))
    }

    /// Takes away what a crash left of a container that was being made or removed; says whether it is gone.
    pub(super) fn heal_container(&self, id: &ContainerId) -> Result<bool> {
        let lock = match lock_dir(&self.layout.container(id), FlockArg::LockExclusiveNonblock) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Ok(true),
            Err(error) if is_busy(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        let dirs = self.container_dirs(id);
        match self.read_container(id, true)? {
            Some(container) if !matches!(container.phase, Phase::Creating | Phase::Removing) => Ok(false),
            Some(container) => {
                log::info!("removing container {}, which a crash left half-made", id.short());
                LockedContainer { container, store: self.clone(), _lock: lock }.remove()?;
                Ok(true)
            }
            None => {
                log::info!("removing container {}, which a crash left without a record", id.short());
                self.discard_container(&dirs, None, record::Sync::Unsynced)?;
                Ok(true)
            }
        }
    }

    /// Moves a container's files out of sight, frees its name, then deletes the files.
    fn discard_container(&self, dirs: &ContainerDirs, name: Option<&Name>, sync: record::Sync) -> Result<()> {
        self.withdraw_container(dirs, name, sync)?;
        tree::remove(&dirs.run)?;
        tree::remove(&self.layout.trash().join(dirs.disk.file_name().unwrap_or_default()))
    }

    /// Moves a container's files out of sight and frees its name: it is gone for everybody.
    fn withdraw_container(&self, dirs: &ContainerDirs, name: Option<&Name>, sync: record::Sync) -> Result<()> {
        let id = dirs.disk.file_name().unwrap_or_default();
        let away = self.layout.trash().join(id);
        trip!("store.container.remove");
        match std::fs::rename(&dirs.disk, &away) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            // A full disk may not even have room for a name, and a crash may have left one of the same.
            Err(_) => {
                let _ = std::fs::remove_file(dirs.disk.join(RECORD));
                tree::remove(&dirs.disk)?;
            }
        }
        if let Some(name) = name {
            names::release(self, name, id)?;
        }
        if sync == record::Sync::Durable {
            record::sync_parent(&dirs.disk)?;
            record::sync_parent(&self.layout.names().join("x"))?;
        }
        trip!("store.container.trash");
        if let Some(id) = id.to_str() {
            super::prune::remove_file(&self.layout.run_records().join(id))?;
        }
        Ok(())
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
        if self.record.place == Place::Run {
            return self.save_for_this_boot();
        }
        self.store.write_record(&self.dirs.disk.join(RECORD), &self.record, record::Sync::Durable)?;
        super::prune::remove_file(&self.store.layout.run_record(&self.record.id))
    }

    /// Writes what is true in this boot only (started, its processes): never synced, forgotten by a reboot.
    pub fn save_for_this_boot(&mut self) -> Result<()> {
        let newer = OfThisBoot { boot_id: self.store.boot_id.clone(), record: self.record.clone() };
        let path = self.store.layout.run_record(&self.record.id);
        match record::write(&path, &newer, record::Sync::Unsynced) {
            Err(error) if !self.dirs.run.is_dir() || !self.store.layout.run_records().is_dir() => {
                log::debug!("{error:#}");
                super::root::make_dir(&self.dirs.run)?;
                super::root::make_dir(&self.store.layout.run_records())?;
                record::write(&path, &newer, record::Sync::Unsynced)
            }
            outcome => outcome,
        }
    }

    /// Gives it another name, atomically; saved durably.
    pub fn rename(&mut self, name: &Name) -> Result<()> {
        let old = self.record.name.clone();
        if old == *name {
            return Ok(());
        }
        names::reserve(&self.store, name, &self.record.id)?;
        let in_this_boot = self.store.layout.run_record(&self.record.id).exists();
        self.container.record.name = name.clone();
        trip!("store.container.rename");
        if let Err(error) = self.save() {
            self.container.record.name = old;
            names::release(&self.store, name, self.record.id.as_str().as_ref())?;
            return Err(error);
        }
        if in_this_boot {
            self.save_for_this_boot()?;
        }
        names::release(&self.store, &old, self.record.id.as_str().as_ref())?;
        if self.record.place == Place::Disk {
            record::sync_parent(&self.store.layout.name(name))?;
        }
        Ok(())
    }

    /// As [`LockedContainer::remove`], but its files only move out of sight: somebody else deletes [`Store::leavings`].
    pub fn withdraw(self) -> Result<()> {
        let sync = self.sync();
        self.store
            .withdraw_container(&self.dirs, Some(&self.record.name), sync)
            .with_context(|| format!("removing container {}", self.record.id.short()))
    }

    fn sync(&self) -> record::Sync {
        match self.record.place {
            Place::Disk => record::Sync::Durable,
            Place::Run => record::Sync::Unsynced,
        }
    }

    /// Removes record, name and all files. When it returns, a power cut does not bring it back (for [`Place::Disk`]).
    pub fn remove(self) -> Result<()> {
        let sync = self.sync();
        self.store
            .discard_container(&self.dirs, Some(&self.record.name), sync)
            .with_context(|| format!("removing container {}", self.record.id.short()))
    }

    /// Everything that a container is, in an order in which a crash leaves what [`Store::heal_container`] knows.
    fn make(&mut self) -> Result<()> {
        let dirs = &self.container.dirs;
        for dir in [dirs.upper(), dirs.work()] {
            super::root::make_dir(&dir)?;
        }
        if self.store.driver == super::Driver::Overlay {
            // The writable directory is the container's `/`: it must look as the image says.
            let chain = chain::settle(&self.store, &self.record.layers)?;
            chain::dress_root(&chain, &dirs.upper())?;
            if let Some(owners) = &self.record.owners {
                moved::move_root(&dirs.upper(), owners)?;
            }
        }
        match std::fs::create_dir(&dirs.run) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(room(error, &dirs.run)),
            _ => {}
        }
        names::reserve(&self.store, &self.record.name, &self.record.id)?;
        trip!("store.container.record");
        self.save()?;
        if self.record.place == Place::Disk {
            record::sync_parent(&self.dirs.disk)?;
            record::sync_parent(&self.store.layout.name(&self.record.name))?;
        }
        Ok(())
    }
}

/// The names in a directory that look like ids; none when the directory is not there.
fn ids_in(dir: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("reading {}", dir.display())),
    };
    let mut ids = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.with_context(|| format!("reading {}", dir.display()))?.file_name().into_string()
            && name.len() == 64
        {
            ids.push(name);
        }
    }
    Ok(ids)
}

/// Locks a container's directory; `None` when it is not (or no longer) there.
fn lock_dir(path: &Path, how: FlockArg) -> Result<Option<Flock<File>>> {
    let dir = match File::open(path) {
        Ok(dir) => dir,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("opening {}", path.display())),
    };
    let lock = lock::lock(dir, how).with_context(|| format!("locking {}", path.display()))?;
    // It may have been moved out of sight while we waited.
    let ours = lock.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) if there.ino() == ours.ino() && there.dev() == ours.dev() => Ok(Some(lock)),
        _ => Ok(None),
    }
}

fn is_busy(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Errno>().is_some_and(|errno| *errno == Errno::EWOULDBLOCK)
}

/// A file could not be made: in plain words when there is no room.
fn room(error: std::io::Error, path: &Path) -> anyhow::Error {
    let kind = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSPC | Errno::EDQUOT) => Kind::Unavailable,
        _ => Kind::Internal,
    };
    anyhow::Error::new(error).context(Fault::new(kind, format!("making {}", path.display())))
}

/// A container that is being made.
#[cfg(test)]
pub(super) fn record_for_test(digit: u8, name: &str, layers: Vec<Digest>) -> ContainerRecord {
    ContainerRecord {
        version: 1,
        id: ContainerId::from_bytes([digit; 32]),
        name: name.parse().unwrap(),
        image: None,
        spec: ContainerSpec::default(),
        owners: None,
        layers,
        phase: Phase::Creating,
        created: format!("2026-01-01T00:00:{digit:02}Z"),
        started: None,
        finished: None,
        process: None,
        monitor: None,
        adopted: false,
        stopped_by_user: false,
        exit: ExitReason::default(),
        restart_count: 0,
        place: Place::Disk,
        network: NetworkState::default(),
        resolved: serde_json::Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Roots;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let roots = Roots {
            root: dir.path().join("root"),
            run: dir.path().join("run"),
            driver: Some(crate::store::Driver::Vfs),
            rootless: false,
        };
        let store = Store::open(&roots).unwrap();
        (dir, store)
    }

    fn record(digit: u8, name: &str) -> ContainerRecord {
        record_for_test(digit, name, Vec::new())
    }

    fn make(store: &Store, digit: u8, name: &str, place: Place) -> LockedContainer {
        let mut container = store.create_container(record(digit, name), place).unwrap();
        container.set_phase(Change::Made).unwrap();
        container.save().unwrap();
        container
    }

    #[test]
    fn a_container_is_found_by_name_id_and_beginning() {
        let (_dir, store) = store();
        for place in [Place::Disk, Place::Run] {
            drop(make(&store, 1, "web", place));
            drop(make(&store, 2, "db", place));
            for text in ["web", "/web", "0101", &"01".repeat(32)] {
                assert_eq!(store.find_container(text).unwrap().name.as_str(), "web", "{text}");
            }
            let error = store.find_container("0").unwrap_err();
            assert_eq!(Fault::kind_of(&error), Kind::Invalid);
            let error = store.find_container("ww").unwrap_err();
            assert_eq!(format!("{error:#}"), "no container with name or ID \"ww\" found: no such container");
            let names: Vec<_> = store.containers().unwrap().iter().map(|one| one.name.to_string()).collect();
            assert_eq!(names, ["web", "db"]);
            for name in ["web", "db"] {
                let id = store.find_container(name).unwrap().id.clone();
                store.lock_container(&id).unwrap().remove().unwrap();
            }
            assert!(store.containers().unwrap().is_empty());
            for dir in ["containers", "names", "trash"] {
                assert_eq!(std::fs::read_dir(store.layout.root().join(dir)).unwrap().count(), 0, "{dir}");
            }
        }
    }

    #[test]
    fn a_name_is_held_by_one_and_freed_by_rename() {
        let (_dir, store) = store();
        let mut web = make(&store, 1, "web", Place::Disk);
        let error = store.create_container(record(2, "web"), Place::Disk).unwrap_err();
        assert_eq!(Fault::kind_of(&error), Kind::Conflict);
        assert!(format!("{error:#}").contains("already in use"), "{error:#}");
        web.rename(&"other".parse().unwrap()).unwrap();
        drop(make(&store, 2, "web", Place::Disk));
        assert_eq!(store.find_container("other").unwrap().id, web.id);
    }

    #[test]
    fn what_crashes_leave_is_healed_by_looking() {
        let (_dir, store) = store();
        // Killed after the directory, after the name, after the record.
        std::fs::create_dir_all(store.layout.container(&record(1, "a").id).join("upper")).unwrap();
        std::os::unix::fs::symlink(record(2, "b").id.as_str(), store.layout.names().join("b")).unwrap();
        drop(store.create_container(record(3, "c"), Place::Disk).unwrap());
        assert!(store.containers().unwrap().is_empty());
        for (digit, name) in [(4, "a"), (5, "b"), (6, "c")] {
            drop(make(&store, digit, name, Place::Disk));
        }
        assert_eq!(store.containers().unwrap().len(), 3);
        assert_eq!(std::fs::read_dir(store.layout.containers()).unwrap().count(), 3);
    }

    #[test]
    fn what_is_true_in_one_boot_is_forgotten_in_the_next() {
        let (_dir, mut store) = store();
        let mut web = make(&store, 1, "web", Place::Disk);
        web.set_phase(Change::Start).unwrap();
        web.save_for_this_boot().unwrap();
        assert_eq!(store.find_container("web").unwrap().phase, Phase::Running);
        store.boot_id = "another".into();
        assert_eq!(store.find_container("web").unwrap().phase, Phase::Created);
    }
}
