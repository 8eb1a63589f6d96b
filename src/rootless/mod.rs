//! Rootless without set-up: every command of an ordinary user joins that user's one user namespace, first thing.
//!
//! In it the user is root and owns the ranges of `/etc/subuid` and `/etc/subgid` ([`map`]); without ranges it is root and
//! nobody else. The two setuid helpers that write the maps cost tens of milliseconds, so the namespace is made once
//! and then kept by a tiny process, the [`keeper`] (role `@userns`), while a container lives and ten seconds after the
//! last command. It is found through a [`record`] in the user's run directory. All of it may be killed, emptied or
//! garbled at any time: the next command finds the namespace through any monitor that lives in it, or makes another.

mod directory;
mod explain;
pub mod keeper;
mod map;
mod record;

pub use directory::make_private;
pub use map::Shortage;

use crate::config::Config;
use crate::fault::{Fault, Kind};
use crate::sys::idmap;
use crate::sys::lock::FileLock;
use anyhow::{Context, Result};
use map::Plan;
use record::Record;
use std::path::Path;

/// Whether a command of this caller has to [`enter`] before it touches the store. Inside, everybody is root already.
pub fn needed(config: &Config) -> bool {
    config.uid != 0 && !nix::unistd::geteuid().is_root()
}

/// Joins the user's namespace, or makes it. To be called before any thread is started and before the store is opened;
/// afterwards this process is root of that namespace.
pub fn enter(config: &Config) -> Result<()> {
    if !needed(config) {
        return Ok(());
    }
    make_private(&config.user_run, config.uid)?;
    directory::check_writable(&config.root, config.uid)?;
    let stamp = map::stamp();
    if Record::read(&config.user_run).is_some_and(|record| record.stamp == stamp && record.join(config).is_ok()) {
        return Ok(());
    }
    let _lock = FileLock::exclusive(&config.user_run.join("userns.lock"))
        .with_context(|| format!("locking {}", config.user_run.display()))?;
    enter_locked(config, &stamp)
}

/// One command at a time comes here: the namespace is not there, its keeper is gone, or the ranges have changed.
fn enter_locked(config: &Config, stamp: &str) -> Result<()> {
    let plan = Plan::for_user(config);
    let record = Record::read(&config.user_run);
    if let Some(record) = &record {
        // Somebody else was faster, or only the stamp is old.
        if keeps(record.pid, &plan) && record.join(config).is_ok() {
            return Record { stamp: stamp.to_string(), ..record.clone() }.write(&config.user_run);
        }
    }
    // Where containers live, theirs is the namespace, whatever the ranges say by now.
    let residents = keeper::residents(config, record.map(|record| record.inode));
    let inhabited = residents.iter().any(|resident| !resident.is_keeper);
    for resident in residents {
        if !inhabited && !keeps(resident.pid, &plan) {
            resident.end();
        } else if resident.join(config.uid).is_ok() {
            let keeper = if resident.is_keeper {
                resident.record(stamp)?
            } else {
                keeper::start_inside(config)?.record(stamp)?
            };
            return keeper.write(&config.user_run);
        }
    }
    let (keeper, shortage) = keeper::start(config, &plan)?;
    let record = keeper.record(stamp)?;
    record.write(&config.user_run)?;
    record.join(config).context("joining the user namespace that was just made")?;
    if let Some(line) = shortage.map(|shortage| shortage.line(config)) {
        let told = std::fs::read_to_string(config.user_run.join(TOLD)).is_ok_and(|told| told == line);
        if !told {
            std::fs::write(config.user_run.join(NOTICE), line).context("leaving a notice for the user")?;
        }
    }
    Ok(())
}

/// What the user should know, and where it is kept once it was said.
const NOTICE: &str = "userns.notice";
const TOLD: &str = "userns.told";

/// A line for the user's terminal, once a boot (or login): the run directory remembers what was said.
pub fn take_notice(config: &Config) -> Option<String> {
    let (notice, told) = (config.user_run.join(NOTICE), config.user_run.join(TOLD));
    let line = std::fs::read_to_string(&notice).ok()?;
    std::fs::rename(notice, told).ok()?;
    Some(line)
}

/// Whether a process lives under the map that we would make now.
fn keeps(pid: i32, plan: &Plan) -> bool {
    let lines = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).map(|text| idmap::parse_map(&text));
    lines("uid_map").is_ok_and(|lines| lines == plan.uids) && lines("gid_map").is_ok_and(|lines| lines == plan.gids)
}

/// What stands in the way of a full map, if anything: for `info`, and for the hint of a failed chown.
pub fn shortage(config: &Config) -> Option<Shortage> {
    (config.uid != 0).then(|| Plan::for_user(config).shortage).flatten()
}

/// A file below the user's run directory must be ours to be believed.
fn is_ours(path: &Path, uid: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.uid() == uid && meta.is_file())
}

/// What could not be done, with the cause that the host's settings suggest.
fn refused(what: &str, error: &std::io::Error) -> anyhow::Error {
    let fault = Fault::new(Kind::Denied, format!("{what}: {}", explain::words(error)));
    match explain::hint(error, &explain::Facts::read()) {
        Some(hint) => fault.hint(hint).into(),
        None => fault.into(),
    }
}
