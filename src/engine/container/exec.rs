//! `exec`: one more process in a running container. It ends with the container.

use super::exited::settled;
use super::{Attachment, Streams, facts, resolved, start};
use crate::config::Program;
use crate::engine::bundle;
use crate::engine::user::{self, Files};
use crate::engine::{Engine, user::Account};
use crate::fault::Fault;
use crate::model::container::{ContainerSpec, LogDriver, UserMode};
use crate::model::digest::Digest;
use crate::model::id::ContainerId;
use crate::model::lifecycle::Phase;
use crate::monitor::client::Client;
use crate::monitor::{self, Descriptors, LogConfig, MonitorConfig, Source};
use crate::runtime::Join;
use crate::store::{Container, ProcessIdentity};
use crate::sys::path::Root;
use crate::sys::pid::start_time;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What is to run, and how. What is left open is as in the container's own process.
#[derive(Debug, Clone, Default)]
pub struct ExecOptions {
    /// The command.
    pub args: Vec<String>,
    /// `-e`, `--env-file`: `K=V`.
    pub env: Vec<String>,
    /// `-w`
    pub working_dir: Option<String>,
    /// `-u`
    pub user: Option<String>,
    /// `-t`
    pub terminal: bool,
    /// `-i`
    pub interactive: bool,
    /// `--privileged`: all capabilities that we have to give.
    pub privileged: bool,
    /// `--preserve-fds`
    pub preserve_fds: u32,
    /// `None`: in the background.
    pub attach: Option<Streams>,
}

/// Runs it. The attachment ends with the process's exit; there is nothing to clean up afterwards.
/// Faults: `CommandNotFound` (127), `NotExecutable` (126).
pub fn exec(engine: &Engine, id: &ContainerId, options: &ExecOptions) -> Result<Session> {
    let container = settled(engine, id)?;
    let process = running(engine, &container)?;
    let spec = adapt(&container.spec, options);
    let config = MonitorConfig {
        services: None,
        id: id.to_string(),
        name: container.name.to_string(),
        source: Source::Exec(Box::new(join(engine, &container, process, &spec, options)?)),
        terminal: options.terminal,
        interactive: options.interactive,
        stdin_once: true,
        run_dir: container.dirs().run.clone(),
        log: LogConfig {
            driver: LogDriver::None,
            path: Default::default(),
            max_size: 0,
            max_files: 1,
            attributes: Default::default(),
            passthrough: false,
        },
        timeout: 0,
        pid_file: None,
        monitor_pid_file: None,
        reap: None,
        preserve_fds: options.preserve_fds,
    };
    let mut descriptors = Descriptors { preserved: start::preserved(options.preserve_fds)?, ..Descriptors::default() };
    let mut attachment = None;
    if let Some(streams) = options.attach {
        let (client, theirs) = Client::pair(streams.wants(options.terminal, false))?;
        let ours = Attachment { client, terminal: options.terminal, id: id.clone(), cleaning: false };
        ours.resize(streams.size)?;
        descriptors.attach = Some(theirs);
        attachment = Some(ours);
    }
    let handle = monitor::spawn(&config, descriptors, engine.take_standby())?;
    let session = session_id(&container, handle.monitor_pid, start_time(handle.monitor_pid)?.unwrap_or(0));
    let started = handle.start(&[])?;
    started.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    Ok(Session { id: session, attachment })
}

/// What runs now.
#[derive(Debug)]
pub struct Session {
    /// 64 hex digits: what `inspect` lists as long as it runs.
    pub id: String,
    /// `None`: in the background.
    pub attachment: Option<Attachment>,
}

fn session_id(container: &Container, pid: i32, start_time: u64) -> String {
    Digest::of(format!("{} {pid} {start_time}", container.id).as_bytes()).hex().to_string()
}

/// The sessions that run in a container. Nothing is written down of them: the kernel knows whose monitors have a process
/// in the container's mounts.
pub(super) fn sessions(container: &Container) -> Vec<String> {
    let Some(process) = &container.process else { return Vec::new() };
    let mounts = |pid: i32| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    let Some(own) = mounts(process.pid) else { return Vec::new() };
    let program = |pid: i32| {
        let meta = std::fs::metadata(format!("/proc/{pid}/exe")).ok()?;
        Some((meta.dev(), meta.ino()))
    };
    let ours = program(std::process::id() as i32).or(Some((0, 0)));
    let pids: Vec<i32> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let monitors: BTreeSet<i32> = pids
        .iter()
        .copied()
        .filter(|pid| {
            // One that stood by for its command has that command's words.
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.split(|byte| *byte == 0).take(2).any(|word| word == b"@monitor") || program(*pid) == ours
        })
        .collect();
    let mut sessions = BTreeSet::new();
    for pid in pids.into_iter().filter(|pid| !monitors.contains(pid) && mounts(*pid).as_ref() == Some(&own)) {
        // Its parent, or with a process in between that waits.
        let parent = crate::sys::pid::parent(pid).filter(|parent| *parent > 1);
        let above = parent.and_then(crate::sys::pid::parent);
        let monitor = [parent, above].into_iter().flatten().find(|pid| monitors.contains(pid));
        if let Some(monitor) = monitor.filter(|pid| container.monitor.as_ref().is_none_or(|own| own.pid != *pid))
            && let Ok(Some(time)) = start_time(monitor)
        {
            sessions.insert(session_id(container, monitor, time));
        }
    }
    sessions.into_iter().collect()
}

/// The container's process, unless it can't have another one beside it.
fn running<'a>(engine: &Engine, container: &'a Container) -> Result<&'a ProcessIdentity> {
    let docker = engine.config.program == Program::Docker;
    let words = match container.phase {
        Phase::Running => match &container.process {
            Some(process) => return Ok(process),
            None => "the container's process is not known: container state improper".to_string(),
        },
        Phase::Paused if docker => {
            format!("Container {} is paused, unpause the container before exec", container.name)
        }
        _ if docker => format!("container {} is not running", container.id),
        _ => "can only create exec sessions on running containers: container state improper".to_string(),
    };
    Err(Fault::conflict(words).into())
}

/// The container's description with what this one process has of its own.
fn adapt(spec: &ContainerSpec, options: &ExecOptions) -> ContainerSpec {
    let mut spec = spec.clone();
    spec.process.terminal = options.terminal;
    spec.security.privileged |= options.privileged;
    spec
}

fn join(
    engine: &Engine,
    container: &Container,
    process: &ProcessIdentity,
    spec: &ContainerSpec,
    options: &ExecOptions,
) -> Result<Join> {
    let mut own = resolved(container);
    own.entrypoint = Vec::new();
    own.command.clone_from(&options.args);
    if options.terminal {
        bundle::put_variable(&mut own.env, "TERM=xterm");
    }
    options.env.iter().for_each(|variable| bundle::put_variable(&mut own.env, variable));
    if let Some(dir) = &options.working_dir {
        own.working_dir.clone_from(dir);
    }
    let account = account(engine, container, process, options)?;
    let facts = facts::for_exec(engine, container, spec, account)?;
    let namespaces = bundle::namespace_types(spec, &facts);
    Ok(Join {
        pid: process.pid,
        start_time: process.start_time,
        process: Box::new(bundle::process(spec, &own, &facts)?),
        namespaces,
        seccomp: start::seccomp(&container.spec),
        profile: None,
        keyring: Some(crate::runtime::keyring_name(container.id.as_str())),
        cgroup: own.cgroup,
        cache_dir: engine.store.layout().cache(),
        personality: None,
    })
}

/// Who the process is, by the files that the container sees now.
fn account(
    engine: &Engine,
    container: &Container,
    process: &ProcessIdentity,
    options: &ExecOptions,
) -> Result<Account> {
    let own = resolved(container);
    let who = match (&options.user, &container.spec.namespaces.user) {
        (Some(user), _) => user.clone(),
        (None, UserMode::KeepId { uid, gid }) if own.user.is_empty() => {
            format!("{}:{}", uid.unwrap_or(engine.config.uid), gid.unwrap_or(engine.config.gid))
        }
        _ => own.user.clone(),
    };
    let root = format!("/proc/{}/root", process.pid);
    let root = Root::open(Path::new(&root)).with_context(|| format!("opening the root of {}", container.name))?;
    // Looked at after opening: if it is the right process now, the root is the right one for ever.
    if start_time(process.pid)? != Some(process.start_time) {
        return Err(Fault::conflict(format!("container {} has just ended", container.name)).into());
    }
    let read = |path: &str| root.read_small_file(path, user::MOST_BYTES).ok().flatten().unwrap_or_default();
    let files = Files { passwd: read("etc/passwd"), group: read("etc/group") };
    let mut groups = if options.user.is_none() { container.spec.process.groups.clone() } else { Vec::new() };
    groups.retain(|group| group != "keep-groups");
    user::look_up(&who, &groups, &files)
}
