//! How a container ended: the record that outlives the monitor.

use super::log::Stamp;
use crate::sys::pidfd::{self, Ended};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::Path;

/// How the container ended. In its run directory before anybody is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// The exit code, 128+n when signal n ended it; `None`: nobody can know any more. Never a false 0.
    pub code: Option<u8>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The kernel killed something in it for want of memory.
    pub oom_killed: bool,
    /// `--timeout` ended it.
    #[serde(default)]
    pub timed_out: bool,
    /// When, RFC 3339 with nanoseconds.
    pub finished: String,
}

impl ExitRecord {
    /// What the kernel tells of somebody else's child that has ended and was waited for; `None`: nothing.
    pub fn of_ended(process: impl AsFd) -> Option<ExitRecord> {
        let ended = pidfd::ended(process)?;
        Some(ExitRecord::new(Some(ended)))
    }

    /// One of now.
    pub(super) fn new(ended: Option<Ended>) -> ExitRecord {
        let (code, signal) = match ended {
            Some(Ended::Code(code)) => (Some(code), None),
            Some(Ended::Signal(number)) => (Some(128 + number as u8), Some(number)),
            None => (None, None),
        };
        ExitRecord { code, signal, oom_killed: false, timed_out: false, finished: Stamp::now().trimmed() }
    }

    /// The record in a container's run directory, if it has ended and its monitor lived to write one.
    pub fn read(run_dir: &Path) -> Result<Option<ExitRecord>> {
        let path = run_dir.join(super::paths::EXIT);
        match std::fs::read(&path) {
            Ok(bytes) => {
                Ok(Some(serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display()))?))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Puts it in place in one step.
    pub fn write(&self, run_dir: &Path) -> Result<()> {
        let temporary = run_dir.join(super::paths::EXIT_TEMPORARY);
        let path = run_dir.join(super::paths::EXIT);
        std::fs::write(&temporary, serde_json::to_vec(self)?)
            .and_then(|()| std::fs::rename(&temporary, &path))
            .with_context(|| format!("writing {}", path.display()))
    }
}
