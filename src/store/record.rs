//! JSON records: written beneath a temporary name, synced, renamed, the directory synced. Readers see the old or the
//! new one, after a power cut too.

use super::Store;
use crate::trip;
use anyhow::{Context, Result};
use nix::errno::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Whether a write must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    Durable,
    Unsynced,
}

/// The record, or `None` when there is no such file.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match read_small(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    serde_json::from_slice(&bytes).map(Some).with_context(|| format!("reading {}", path.display()))
}

/// The whole file. Records are short: mostly one read is enough, and it says so itself.
fn read_small(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = vec![0; 16 << 10];
    let mut length = 0;
    loop {
        let room = bytes.len() - length;
        let read = file.read(&mut bytes[length..])?;
        length += read;
        if read < room {
            bytes.truncate(length);
            return Ok(bytes);
        }
        bytes.resize(bytes.len() * 4, 0);
    }
}

/// How much is kept back, so that an index can be written when the disk is full.
const RESERVE: i64 = 256 << 10;

impl Store {
    /// As [`write`], with the reserve when the disk is full: removing things must work then, above all.
    pub(super) fn write_record<T: Serialize>(&self, path: &Path, record: &T, sync: Sync) -> Result<()> {
        let mut bytes = serde_json::to_vec(record).with_context(|| format!("writing {}", path.display()))?;
        bytes.push(b'\n');
        self.write_bytes(path, &bytes, sync)
    }

    /// As [`write_bytes`], with the reserve when the disk is full.
    pub(super) fn write_bytes(&self, path: &Path, bytes: &[u8], sync: Sync) -> Result<()> {
        match write_bytes(path, bytes, sync) {
            Err(error) if is_full(&error) && std::fs::remove_file(self.layout.reserve()).is_ok() => {
                write_bytes(path, bytes, sync)
            }
            other => other,
        }
    }

    /// Lays the reserve by, if there is room.
    pub(super) fn keep_reserve(&self) {
        let path = self.layout.reserve();
        if path.exists() {
            return;
        }
        let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path).map_err(|_| Errno::EIO);
        if made.and_then(|file| nix::fcntl::posix_fallocate(file, 0, RESERVE)).is_err() {
            let _ = std::fs::remove_file(&path);
        }
    }
}

fn is_full(error: &anyhow::Error) -> bool {
    let full = |errno: i32| matches!(errno, libc::ENOSPC | libc::EDQUOT);
    error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().and_then(|error| error.raw_os_error()).is_some_and(full))
}

/// Writes the record whole or not at all.
pub(super) fn write<T: Serialize>(path: &Path, record: &T, sync: Sync) -> Result<()> {
    let mut bytes = serde_json::to_vec(record).with_context(|| format!("writing {}", path.display()))?;
    bytes.push(b'\n');
    write_bytes(path, &bytes, sync)
}

/// Writes a file whole or not at all.
pub(super) fn write_bytes(path: &Path, bytes: &[u8], sync: Sync) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let outcome = replace(path, &temporary, bytes, sync);
    if outcome.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    outcome.with_context(|| format!("writing {}", path.display()))
}

fn replace(path: &Path, temporary: &Path, bytes: &[u8], sync: Sync) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(temporary)?;
    file.write_all(bytes)?;
    if sync == Sync::Durable {
        file.sync_data()?;
    }
    trip!("store.record.rename");
    std::fs::rename(temporary, path)?;
    if sync == Sync::Durable {
        sync_parent(path)?;
    }
    Ok(())
}

/// Makes the names in the directory of `path` durable.
pub(super) fn sync_parent(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
