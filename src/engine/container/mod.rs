//! Containers: one file per verb.

mod adopt;
mod apparmor;
pub mod attach;
mod create;
pub mod exec;
mod exited;
mod facts;
mod find;
mod identity;
mod ids;
mod inspect;
mod kill;
mod list;
pub mod logs;
mod lower;
pub(crate) mod network;
mod pause;
mod port;
mod prune;
mod remove;
mod rename;
mod restart;
mod run;
mod start;
mod stop;
mod top;
mod volumes;
mod wait;

pub use attach::{Attachment, Streams, attach};
pub use create::{CreateOptions, create};
pub use exec::{ExecOptions, exec};
pub use exited::{exited, reap_role};
pub use find::{Selection, exists, find, latest, select};
pub use inspect::inspect;
pub use kill::{kill, parse_signal};
pub(crate) use list::until;
pub use list::{ListOptions, Listed, list};
pub use pause::{pause, unpause};
pub use port::port;
pub use prune::{Pruned, prune};
pub use remove::{RemoveOptions, remove};
pub use rename::rename;
pub use restart::restart;
pub use run::{RunOptions, run};
pub use start::{StartOptions, Started, seccomp, start};
pub use stop::{StopOptions, Stopped, stop};
pub use top::{Processes, table as process_table, top};
pub use wait::{Condition, wait};

pub use super::bundle::put_variable;

use super::Engine;
use super::bundle::Resolved;
use crate::config::CgroupManager;
use crate::fault::Fault;
use crate::runtime::CgroupChoice;
use crate::runtime::cgroup::{self, CgroupDriver, Scope};
use crate::store::{Container, ContainerRecord};
use anyhow::Result;
use std::path::PathBuf;

/// The time, as records have it.
fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// What was worked out when the container was made. Empty for a record that has none.
fn resolved(record: &ContainerRecord) -> Resolved {
    use serde::Deserialize;
    Resolved::deserialize(&record.resolved).unwrap_or_default()
}

/// Who makes its cgroup, and where.
fn cgroup_choice(engine: &Engine, record: &ContainerRecord) -> Result<CgroupChoice> {
    let limits = &record.spec.resources;
    let config = &engine.config;
    let parent = limits.cgroup_parent.as_deref().filter(|parent| !parent.is_empty());
    Ok(match (config.cgroup_manager, &config.bus) {
        _ if limits.no_cgroup => CgroupChoice::None,
        (CgroupManager::Systemd, Some(bus)) => {
            let usual = if config.rootless { "user.slice" } else { "machine.slice" };
            let slice = parent.map_or(usual, |parent| parent.trim_start_matches('/'));
            if !slice.ends_with(".slice") || slice.contains('/') {
                return Err(Fault::invalid(format!(
                    "did not receive systemd slice as cgroup parent when using systemd to manage cgroups: \
                     `{slice}`: invalid argument"
                ))
                .into());
            }
            CgroupChoice::Systemd(Scope {
                name: format!("barge-{}.scope", record.id),
                slice: slice.to_string(),
                bus: bus.clone(),
                description: format!("barge container {}", record.name),
                stop_timeout: record.spec.process.stop_timeout,
            })
        }
        _ => CgroupChoice::Files,
    })
}

/// Below the hierarchies' mount points.
fn cgroup_path(record: &ContainerRecord) -> PathBuf {
    let parent = record.spec.resources.cgroup_parent.as_deref().filter(|parent| !parent.is_empty()).unwrap_or("/barge");
    PathBuf::from(format!("/{}/{}", parent.trim_matches('/'), record.id))
}

/// The cgroup of a container, if it has one.
fn cgroup(container: &Container) -> Result<Option<Box<dyn CgroupDriver>>> {
    resolved(container).cgroup.map(|place| cgroup::open(&place)).transpose()
}

/// Whether a container that asks for no limit gets the default ones.
fn has_cgroups(engine: &Engine) -> bool {
    !engine.config.rootless
        || engine.config.cgroup_manager == CgroupManager::Systemd
        || cgroup::host().is_ok_and(|host| host.writable && host.version == 2)
}
