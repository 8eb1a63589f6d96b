//! Where the namespace is found: one small JSON file in the user's run directory. Never believed, always checked.

use super::is_ours;
use crate::config::Config;
use crate::sys::idmap::{self, UserNamespace};
use crate::sys::pid::{PidFd, start_time};
use anyhow::{Context, Result, ensure};
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The keeper, and under what circumstances it was started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) pid: i32,
    pub(super) start_time: u64,
    pub(super) boot_id: String,
    /// Of the namespace: when the keeper is gone, others who live in it are known by it.
    pub(super) inode: u64,
    /// See [`super::map::stamp`].
    pub(super) stamp: String,
}

/// The file's place.
pub(super) fn path(user_run: &Path) -> PathBuf {
    user_run.join("userns.json")
}

impl Record {
    /// What others need to find the keeper.
    pub(super) fn of(pid: i32, stamp: &str) -> Result<Record> {
        Ok(Record {
            pid,
            start_time: start_time(pid).ok().flatten().context("the keeper of the user namespace ended")?,
            boot_id: boot_id()?,
            inode: UserNamespace::of(&pid.to_string())?.inode()?,
            stamp: stamp.to_string(),
        })
    }

    /// `None` when there is none, or it is damaged, or not ours: all the same to us.
    pub(super) fn read(user_run: &Path) -> Option<Record> {
        let text = std::fs::read(path(user_run)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Replaces the file at once; it need not survive a power cut.
    pub(super) fn write(&self, user_run: &Path) -> Result<()> {
        let partial = user_run.join("userns.json.new");
        let text = serde_json::to_vec(self).context("writing the record of the user namespace")?;
        if path(user_run).is_dir() {
            std::fs::remove_dir_all(path(user_run))
                .with_context(|| format!("removing {}", path(user_run).display()))?;
        }
        std::fs::write(&partial, text)
            .and_then(|()| std::fs::rename(&partial, path(user_run)))
            .with_context(|| format!("writing {}", path(user_run).display()))
    }

    /// Joins the keeper's namespace, if the keeper is who the record says; tells it that it is needed.
    pub(super) fn join(&self, config: &Config) -> Result<()> {
        idmap::join_user(self.keeper()?)?;
        touch(&config.user_run);
        Ok(())
    }

    fn keeper(&self) -> Result<PidFd> {
        ensure!(boot_id()? == self.boot_id, "the keeper is of an earlier boot");
        PidFd::open_if(self.pid, self.start_time)?.context("the keeper has ended")
    }
}

/// The time of the file is the time of the last command: the keeper looks at it.
fn touch(user_run: &Path) {
    let now = TimeSpec::UTIME_NOW;
    let _ = utimensat(nix::fcntl::AT_FDCWD, &path(user_run), &now, &now, UtimensatFlags::NoFollowSymlink);
}

/// How long ago the last command came; `None` when there is no record.
pub(super) fn idle(user_run: &Path, uid: u32) -> Option<std::time::Duration> {
    let path = path(user_run);
    let modified = std::fs::symlink_metadata(&path).ok()?.modified().ok()?;
    is_ours(&path, uid).then(|| modified.elapsed().unwrap_or_default())
}

/// The kernel's name for the time since the last boot.
fn boot_id() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    Ok(std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?.trim().to_string())
}
