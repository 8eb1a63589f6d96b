//! Typed locks: all are `flock`s, which the kernel releases when their holder dies.

use super::Store;
use crate::model::digest::Digest;
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// While it lives, no layer, blob or chain is swept away: taken by whoever is about to refer to one.
#[derive(Debug)]
pub struct Hold(#[allow(dead_code)] Flock<File>);

/// The right to download one blob, or to make one layer.
#[derive(Debug)]
pub struct LayerLock {
    path: PathBuf,
    _lock: Flock<File>,
}

/// The file goes while it is still locked: whoever waits for it sees that it was unlinked, and makes a new one.
impl Drop for LayerLock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Store {
    /// Keeps every layer and blob in place until dropped. Take it before looking whether a layer is there, and keep
    /// it until the image or container that refers to the layer is saved.
    pub fn hold(&self) -> Result<Hold> {
        Ok(Hold(take(&self.layout.layers_lock(), FlockArg::LockShared)?))
    }

    /// Waits until nobody else downloads this blob or makes this layer.
    pub fn lock_layer(&self, key: &Digest) -> Result<LayerLock> {
        let path = self.layout.layer_lock(key);
        let _lock = take(&path, FlockArg::LockExclusive)?;
        Ok(LayerLock { path, _lock })
    }
}

impl Store {
    /// The right to give ids to a container that gets a range of its own; kept until its record names them.
    pub fn lock_ids(&self) -> Result<Hold> {
        Ok(Hold(take_dir(&self.layout.run_containers())?))
    }

    /// As [`Store::lock_layer`], but `None` when somebody has it.
    pub fn try_lock_layer(&self, key: &Digest) -> Result<Option<LayerLock>> {
        let path = self.layout.layer_lock(key);
        Ok(try_take(&path)?.map(|_lock| LayerLock { path, _lock }))
    }
}

/// Opens (making it if need be) and locks a lock file; waits. A file that was unlinked meanwhile is opened anew.
pub(super) fn take(path: &Path, how: FlockArg) -> Result<Flock<File>> {
    loop {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("opening {}", path.display()))?;
        let lock = lock(file, how).with_context(|| format!("locking {}", path.display()))?;
        if lock.metadata()?.nlink() > 0 {
            return Ok(lock);
        }
    }
}

/// Waits for the lock of a directory that is always there.
fn take_dir(path: &Path) -> Result<Flock<File>> {
    let dir = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    lock(dir, FlockArg::LockExclusive).with_context(|| format!("locking {}", path.display()))
}

/// As [`take`], exclusive; `None` when somebody else has it.
pub(super) fn try_take(path: &Path) -> Result<Option<Flock<File>>> {
    match take(path, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.downcast_ref::<Errno>() == Some(&Errno::EWOULDBLOCK) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Locks an open file or directory; waits, through signals.
pub(super) fn lock(mut file: File, how: FlockArg) -> nix::Result<Flock<File>> {
    loop {
        match Flock::lock(file, how) {
            Ok(lock) => return Ok(lock),
            Err((again, nix::errno::Errno::EINTR)) => file = again,
            Err((_, error)) => return Err(error),
        }
    }
}
