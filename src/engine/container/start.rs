//! `start`: a created or exited container runs.

use super::exited::{ReapConfig, remove_settled, settle};
use super::logs::{LogSettings, Stamp};
use super::{Attachment, Streams, facts, network, resolved};
use crate::engine::Engine;
use crate::engine::bundle;
use crate::fault::Fault;
use crate::model::container::{ContainerSpec, ImageSource, LogDriver, SeccompProfile, UserMode};
use crate::model::id::ContainerId;
use crate::model::lifecycle::{Change, Phase};
use crate::monitor::{self, Descriptors, LogConfig, MonitorConfig, Reap, Source};
use crate::runtime::{Bundle, RootSource, Seccomp};
use crate::store::{Container, ExitReason, LockedContainer, Place, ProcessIdentity, RootMount};
use anyhow::{Context, Result};
use std::os::fd::OwnedFd;

/// How to start.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// Return a connection that has seen every byte from the first on ([`Attachment::before_start`]).
    pub attach: Option<Streams>,
    /// Hand our descriptors 3.. to the container's process: `--preserve-fds`.
    pub preserve_fds: bool,
}

/// What came of a start.
#[derive(Debug)]
pub enum Started {
    /// It runs now.
    Running {
        /// Its first process, as the host sees it.
        pid: i32,
        /// When it was asked for.
        attachment: Option<Attachment>,
        /// What was done in another way than asked.
        warnings: Vec<String>,
    },
    /// It ran already: nothing was done.
    AlreadyRunning,
}

/// Starts a container. Its command not being found or executable is a `Fault` of that kind (exit codes 127 and 126).
pub fn start(engine: &Engine, id: &ContainerId, options: &StartOptions) -> Result<Started> {
    let mut container = engine.store.lock_container(id)?;
    settle(engine, &mut container)?;
    match container.phase {
        Phase::Running => return Ok(Started::AlreadyRunning),
        Phase::Paused => {
            return Err(Fault::conflict(format!(
                "cannot start container {id}: it is paused: container state improper"
            ))
            .hint("unpause it first")
            .into());
        }
        _ => {}
    }
    launch(engine, container, options)
}

/// Starts a locked container that does not run. When that fails it is what it was, or gone if it was made for one run.
pub(super) fn launch(engine: &Engine, mut container: LockedContainer, options: &StartOptions) -> Result<Started> {
    match try_launch(engine, &mut container, options) {
        Ok(started) => Ok(started),
        Err(error) => {
            if container.spec.remove && container.phase == Phase::Created {
                super::exited::remove_cgroup(&container);
                if let Err(second) = remove_settled(container) {
                    log::warn!("{second:#}");
                }
            }
            Err(error)
        }
    }
}

fn try_launch(engine: &Engine, container: &mut LockedContainer, options: &StartOptions) -> Result<Started> {
    let before = container.record_mut().clone();
    let dirs = container.dirs().clone();
    clear_run_dir(&dirs.run)?;
    let held = network::hold(engine, &container.spec, &resolved(container).exposed_ports)?;
    let mut wiring = network::Wiring::begin(engine, container, held)?;
    container.record_mut().network = wiring.state.clone();
    let mut config = prepare(engine, container)?;
    if let Some(why) = &engine.config.no_systemd {
        log::warn!("cgroups are made without systemd: {why}");
    }
    config.services = wiring.services(container)?;
    let mut descriptors = Descriptors { network: wiring.namespace()?, ..Descriptors::default() };
    let mut attachment = None;
    if let Some(streams) = options.attach {
        config.stdin_once = container.spec.process.interactive && streams.stdin;
        let (ours, theirs) = Attachment::before_start(&container.id, container.spec.process.terminal, streams)?;
        descriptors.attach = Some(theirs);
        attachment = Some(ours);
    }
    if options.preserve_fds {
        descriptors.preserved = preserved(container.spec.process.preserve_fds)?;
    }
    if config.log.passthrough {
        let [stdin, stdout, stderr] = [0, 1, 2].map(crate::sys::fd::duplicate);
        descriptors.passthrough = Some([stdin?, stdout?, stderr?]);
    }
    let handle = monitor::spawn_and(&config, descriptors, engine.take_standby(), || wiring.connect())?;
    let identity = |pid, start_time| ProcessIdentity { pid, start_time, boot_id: engine.store.boot_id().to_string() };
    let pid = handle.pid;
    let process = identity(pid, handle.start_time);
    wiring.connect_late(&process)?;
    container.set_phase(Change::Start)?;
    keep_cgroup(container, handle.cgroup.clone())?;
    let record = container.record_mut();
    record.network = wiring.state.clone();
    record.process = Some(process);
    record.monitor = Some(identity(handle.monitor_pid, handle.monitor_start_time));
    record.adopted = false;
    record.stopped_by_user = false;
    record.started = Some(super::now());
    record.finished = None;
    record.exit = ExitReason::default();
    // Not yet running, but from here on a crash of ours leaves a record that finds the process.
    let outcome = container
        .save_for_this_boot()
        .and_then(|()| wiring.admit(container))
        .and_then(|()| handle.start(&wiring.sockets()));
    match outcome {
        Ok(started) => {
            wiring.keep();
            started.warnings.iter().for_each(|warning| log::warn!("{warning}"));
            if container.place == Place::Disk {
                container.save()?;
            }
            Ok(Started::Running { pid, attachment, warnings: started.warnings })
        }
        Err(error) => {
            let mut known = resolved(container);
            known.failed_start = Some(Fault::kind_of(&error).exit_code());
            let record = container.record_mut();
            *record = before;
            record.resolved = serde_json::to_value(&known)?;
            record.exit.error = format!("{error:#}");
            container.save()?;
            Err(error)
        }
    }
}

/// The descriptors that whoever called us left open for the container. Ours are all close-on-exec, so that none of
/// them can be taken for one.
pub(super) fn preserved(count: u32) -> Result<Vec<OwnedFd>> {
    let missing = |number: i32| {
        Fault::invalid(format!(
            "file descriptor {number} is not available - the preserve-fds option requires that file descriptors must be passed"
        ))
    };
    (3..)
        .take(count as usize)
        .map(|number| Ok(crate::sys::fd::duplicate_inherited(number).map_err(|_| missing(number))?))
        .collect()
}

/// What the runtime made of the wish for a cgroup must be found again: by pause, top, stats and the cleaning up.
fn keep_cgroup(container: &mut LockedContainer, cgroup: Option<crate::runtime::cgroup::Place>) -> Result<()> {
    let mut known = resolved(container);
    if known.cgroup != cgroup || known.failed_start.is_some() {
        known.cgroup = cgroup;
        known.failed_start = None;
        container.record_mut().resolved = serde_json::to_value(&known)?;
    }
    Ok(())
}

/// The last run's files must not be taken for this run's.
fn clear_run_dir(dir: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    for name in [monitor::paths::EXIT, monitor::paths::ATTACH] {
        match std::fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("clearing {}", dir.display()));
            }
            _ => {}
        }
    }
    // It went with the last boot.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("making {}", dir.display()))
}

/// What the monitor is told.
fn prepare(engine: &Engine, container: &Container) -> Result<MonitorConfig> {
    let spec = &container.spec;
    let dirs = container.dirs();
    let (mount, root) = root(engine, container)?;
    let facts = facts::gather(engine, container, &mount)?;
    let own = resolved(container);
    let config = bundle::config(spec, &own, &facts)?;
    let bundle = Bundle {
        id: container.id.to_string(),
        spec: Box::new(config),
        root,
        seccomp: seccomp(spec),
        cgroup: super::cgroup_choice(engine, container)?,
        manner: Default::default(),
        init: spec.process.init,
        cache_dir: engine.store.layout().cache(),
        state_dir: dirs.run.clone(),
    };
    Ok(MonitorConfig {
        id: container.id.to_string(),
        name: container.name.to_string(),
        source: Source::Container(Box::new(bundle)),
        terminal: spec.process.terminal,
        interactive: spec.process.interactive,
        stdin_once: false,
        run_dir: dirs.run.clone(),
        log: log(engine, container)?,
        timeout: spec.process.timeout,
        pid_file: spec.pid_file.clone(),
        monitor_pid_file: spec.monitor_pid_file.clone(),
        services: None,
        reap: Some(reap(engine, container)?),
        preserve_fds: spec.process.preserve_fds,
    })
}

/// What another monitor is told that takes over a running container.
pub(super) fn adoption(engine: &Engine, container: &Container, pid: i32, start_time: u64) -> Result<MonitorConfig> {
    let spec = &container.spec;
    // What is left of `--timeout`; it is never lifted by the loss of a monitor.
    let started = container.started.as_deref().and_then(Stamp::parse);
    let ran = started.map_or(0, |started| Stamp::now().seconds.saturating_sub(started.seconds));
    let left = spec.process.timeout.saturating_sub(u32::try_from(ran).unwrap_or(0)).max(1);
    Ok(MonitorConfig {
        id: container.id.to_string(),
        name: container.name.to_string(),
        source: Source::Adopt { pid, start_time, cgroup: resolved(container).cgroup },
        terminal: spec.process.terminal,
        interactive: false,
        stdin_once: false,
        run_dir: container.dirs().run.clone(),
        log: log(engine, container)?,
        timeout: if spec.process.timeout > 0 { left } else { 0 },
        pid_file: None,
        monitor_pid_file: spec.monitor_pid_file.clone(),
        services: None,
        reap: Some(reap(engine, container)?),
        preserve_fds: 0,
    })
}

fn reap(engine: &Engine, container: &Container) -> Result<Reap> {
    let config = serde_json::to_value(ReapConfig { config: engine.config.clone(), id: container.id.clone() })?;
    Ok(Reap { role: "@reap".into(), config, rest: engine.store.leavings(&container.id).into() })
}

/// Which system calls it may make.
pub fn seccomp(spec: &ContainerSpec) -> Seccomp {
    match &spec.security.seccomp {
        _ if spec.security.privileged => Seccomp::Unconfined,
        SeccompProfile::Default if spec.security.deny_socketcall => Seccomp::DefaultWithoutSocketcall,
        SeccompProfile::Default => Seccomp::Default,
        SeccompProfile::Unconfined => Seccomp::Unconfined,
        SeccompProfile::Json(text) => Seccomp::Json(text.clone()),
    }
}

/// What its root is made of: for looking things up in it, and for the runtime.
fn root(engine: &Engine, container: &Container) -> Result<(RootMount, RootSource)> {
    let userxattr = engine.config.rootless;
    match &container.spec.image {
        ImageSource::Rootfs { path, overlay: false } => {
            Ok((RootMount::Directory(path.clone()), RootSource::Directory(path.clone())))
        }
        ImageSource::Rootfs { path, overlay: true } => {
            let scratch = container.dirs().disk.join("scratch");
            Ok((RootMount::Directory(path.clone()), RootSource::Throwaway { path: path.clone(), scratch, userxattr }))
        }
        ImageSource::Image(_) => {
            let volatile = container.place == Place::Run;
            let mount =
                engine.store.root_mount(&container.layers, container.dirs(), volatile, container.owners.as_ref())?;
            let source = match mount.clone() {
                RootMount::Overlay { mut lower, upper, work, volatile, userxattr } => {
                    let spec = &container.spec;
                    // In a user namespace of its own the files would be nobody's.
                    let plain = matches!(spec.namespaces.user, UserMode::Default | UserMode::Host);
                    if plain && container.owners.is_none() && !spec.no_hosts && !spec.no_hostname {
                        lower.extend(engine.store.mount_points());
                    }
                    let owned = container.owners.is_some();
                    RootSource::Overlay { lower, upper, work, volatile, userxattr, owned }
                }
                RootMount::Directory(dir) => RootSource::Directory(dir),
            };
            Ok((mount, source))
        }
    }
}

/// The log driver of a container.
pub(super) fn log_driver(engine: &Engine, spec: &ContainerSpec) -> LogDriver {
    spec.log.driver.unwrap_or_else(|| engine.config.log_driver())
}

/// The log file of a container.
pub(super) fn log_path(engine: &Engine, container: &Container) -> std::path::PathBuf {
    match LogSettings::of(container, log_driver(engine, &container.spec)) {
        Ok(settings) => settings.path(&container.dirs().disk, &container.id),
        Err(_) => std::path::PathBuf::new(),
    }
}

fn log(engine: &Engine, container: &Container) -> Result<LogConfig> {
    Ok(LogSettings::of(container, log_driver(engine, &container.spec))?.config(container))
}
