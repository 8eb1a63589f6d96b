//! `top`: a container's processes, read from the host's side.
//!
//! Nothing runs in the container for it. `ps` formats are read here, too, so that no `ps` of any distribution's making
//! decides what comes out.

mod column;
mod process;

use super::exited;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::user::Files;
use crate::fault::Fault;
use crate::model::id::ContainerId;
use crate::store::Container;
use anyhow::{Context, Result};
use column::{Column, Facts};
use process::Process;
use std::collections::BTreeSet;

/// A table of processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processes {
    /// Column titles.
    pub titles: Vec<String>,
    /// One row per process, as many cells as titles.
    pub rows: Vec<Vec<String>>,
}

/// The processes of a running container. `format`: podman's descriptors (`pid`, `hpid`, `user` …; several words or one
/// with commas), or ps options (`aux`, `-ef`, `-o pid,comm`); empty: the default of the program we were called as.
pub fn top(engine: &Engine, id: &ContainerId, format: &[String]) -> Result<Processes> {
    let container = exited::settled(engine, id)?;
    if !exited::runs(&container) {
        return Err(Fault::conflict("top can only be used on running containers: container state improper").into());
    }
    let docker = engine.config.program == Program::Docker;
    table(&pids(&container)?, format, docker, users(&container))
}

/// These processes, also of a container that is not the engine's. No format: docker's columns if `docker`, else podman's.
pub fn table(pids: &[i32], format: &[String], docker: bool, users: Files) -> Result<Processes> {
    let columns = column::parse(format, docker)?;
    let facts = Facts::read(users);
    // One may have ended since it was listed.
    let mut processes: Vec<Process> = pids.iter().filter_map(|pid| Process::read(*pid)).collect();
    processes.sort_by_key(|process| (process.started, process.pid));
    let rows = processes.iter().map(|process| columns.iter().map(|column| column.cell(process, &facts)).collect());
    Ok(Processes {
        titles: columns.iter().map(|column: &Column| column.title.to_string()).collect(),
        rows: rows.collect(),
    })
}

/// The container's passwd and group, if it is not too much to ask.
fn users(container: &Container) -> Files {
    let Some(process) = &container.process else { return Files::default() };
    let Ok(root) = crate::sys::path::Root::open(std::path::Path::new(&format!("/proc/{}/root", process.pid))) else {
        return Files::default();
    };
    let read =
        |path: &str| root.read_small_file(path, crate::engine::user::MOST_BYTES).ok().flatten().unwrap_or_default();
    Files { passwd: read("/etc/passwd"), group: read("/etc/group") }
}

/// All processes in the container: by its cgroup, else those in its pid namespace.
fn pids(container: &Container) -> Result<Vec<i32>> {
    if let Some(cgroup) = super::cgroup(container)? {
        let pids: BTreeSet<i32> = cgroup.procs()?.into_iter().collect();
        return Ok(pids.into_iter().collect());
    }
    let init = container.process.as_ref().map_or(0, |process| process.pid);
    let own = std::fs::read_link(format!("/proc/{init}/ns/pid")).context("reading the container's pid namespace")?;
    let mut pids = Vec::new();
    for entry in std::fs::read_dir("/proc").context("reading /proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        if std::fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|link| link == own) {
            pids.push(pid);
        }
    }
    Ok(pids)
}
