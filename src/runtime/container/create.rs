//! A container that waits for `start`.

use super::{CONFIG, Container, GATE, Record, STATE, StateRoot, Status, load::load, replace};
use crate::fault::{Fault, Kind};
use crate::runtime::hook;
use crate::runtime::{Bundle, CgroupChoice, Create, Manner, RootSource, Seccomp, Stdio, create as runtime};
use crate::sys::lock::FileLock;
use crate::sys::socket;
use crate::undo::Undo;
use anyhow::{Context, Result};
use oci_spec::runtime::{LinuxNamespaceType, Process, Spec};
use serde_json::{Value, json};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// How a container is to be made.
#[derive(Debug, Default)]
pub struct CreateOptions {
    /// Where its config is.
    pub bundle: PathBuf,
    /// A socket that takes the controlling side of its terminal.
    pub console_socket: Option<PathBuf>,
    /// Where its process id is written.
    pub pid_file: Option<PathBuf>,
    /// Descriptors for it, from 3 on.
    pub preserved: Vec<OwnedFd>,
    /// How many of these systemd passes: it is told by LISTEN_FDS.
    pub listen: u32,
    /// Leave the caller's session keyring to it.
    pub no_new_keyring: bool,
    /// Change the root by moving a mount: for a host whose root is its initial RAM disk.
    pub no_pivot: bool,
}

/// Makes a container. It runs when [`super::start`] says so. The controlling side of its terminal comes back where no
/// socket takes it.
pub fn create(root: &StateRoot, id: &str, options: CreateOptions) -> Result<(Container, Option<OwnedFd>)> {
    let dir = root.dir_of(id)?;
    let bundle = fs::canonicalize(&options.bundle)
        .with_context(|| format!("looking for the bundle {}", options.bundle.display()))?;
    // Relative paths in a config begin in its bundle.
    nix::unistd::chdir(&bundle).with_context(|| format!("changing to the bundle {}", bundle.display()))?;
    let mut loaded = load(&bundle)?;
    if options.listen > 0 {
        tell_listening(&mut loaded.spec, options.listen);
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .with_context(|| format!("making {}", dir.display()))?;
    let lock = claim(&dir)?;
    let mut undo = Undo::default();
    let made = dir.clone();
    undo.push("removing the container's state", move || Ok(fs::remove_dir_all(&made)?));

    replace(&dir.join(CONFIG), &loaded.text)?;
    let process = loaded.spec.process().as_ref();
    let stdio = stdio(process, options.console_socket.as_deref())?;
    let gate = socket::listen(&dir.join(GATE), socket::Kind::Messages).context("making the container's gate")?;
    let cache_dir = root.cache()?;
    let described = Bundle {
        id: id.to_string(),
        spec: Box::new(loaded.spec),
        root: RootSource::Bundle(loaded.rootfs.clone()),
        seccomp: Seccomp::Spec,
        cgroup: CgroupChoice::Everywhere,
        init: false,
        manner: Manner { no_pivot: options.no_pivot, no_new_keyring: options.no_new_keyring, bundle: bundle.clone() },
        cache_dir,
        state_dir: dir.clone(),
    };
    let request = Create { bundle: &described, stdio, preserved: options.preserved, network: None };
    if !has_own_mounts(&described.spec) {
        let rootfs = loaded.rootfs.clone();
        undo.push("unmounting the container's root", move || Ok(crate::sys::mount::let_go(&rootfs)?));
    }
    let hooks = described.spec.hooks().clone().unwrap_or_default();
    let mut reached = false;
    let moment = &mut |pid| {
        reached = true;
        hook::run("createRuntime", &hook::all_before(&hooks), &state(&described, Status::Creating, Some(pid)))
    };
    let waiting = runtime::leave_waiting(request, gate, moment);
    if waiting.is_err() && reached {
        hook::after(&hooks, &state(&described, Status::Stopped, None));
    }
    let mut waiting = waiting?;
    let running = &mut waiting.running;
    let (pidfd, place) = (running.pidfd.try_clone().context("keeping the container's pidfd")?, running.cgroup.clone());
    undo.push("ending the container's process", move || {
        let _ = crate::sys::process::kill(pidfd.as_fd(), libc::SIGKILL);
        let _ = crate::sys::pidfd::wait(&pidfd);
        place.map_or(Ok(()), |place| crate::runtime::cgroup::open(&place)?.remove())
    });
    for warning in &running.warnings {
        log::warn!("{warning}");
    }
    let spec = &described.spec;
    let linux = spec.linux().as_ref();
    let namespaces = linux.and_then(|linux| linux.namespaces().as_deref()).unwrap_or_default();
    let container = Container {
        dir,
        record: Record {
            oci_version: spec.version().clone(),
            id: id.to_string(),
            pid: running.pid,
            start_time: running.start_time,
            bundle,
            rootfs: loaded.rootfs,
            created: jiff::Timestamp::now().to_string(),
            owner: nix::unistd::getuid().as_raw(),
            cgroup: running.cgroup.clone(),
            namespaces: namespaces.iter().map(|namespace| namespace.typ()).collect(),
            annotations: spec.annotations().clone().unwrap_or_default().into_iter().collect(),
            steps: std::mem::take(&mut waiting.steps),
        },
    };
    let terminal = match (running.terminal.take(), &options.console_socket) {
        (Some(terminal), Some(path)) => {
            hand_over(path, &terminal)?;
            None
        }
        (terminal, _) => terminal,
    };
    container.save()?;
    if let Some(path) = &options.pid_file {
        replace(path, container.record.pid.to_string().as_bytes())?;
    }
    waiting.leave()?;
    // The container's process has a copy of it.
    lock.release().context("unlocking the container")?;
    undo.keep();
    Ok((container, terminal))
}

/// Whether its mounts go with its namespace.
fn has_own_mounts(spec: &Spec) -> bool {
    let linux = spec.linux().as_ref();
    let namespaces = linux.and_then(|linux| linux.namespaces().as_deref()).unwrap_or_default();
    namespaces.iter().any(|namespace| namespace.typ() == LinuxNamespaceType::Mount)
}

/// What hooks are told before there is a record.
fn state(bundle: &Bundle, status: Status, pid: Option<i32>) -> Value {
    let mut state = json!({
        "ociVersion": bundle.spec.version(),
        "id": bundle.id,
        "status": status.word(),
        "bundle": bundle.manner.bundle,
    });
    if let Some(pid) = pid {
        state["pid"] = pid.into();
    }
    if let Some(annotations) = bundle.spec.annotations().as_ref().filter(|list| !list.is_empty()) {
        state["annotations"] = json!(annotations);
    }
    state
}

/// systemd's way to say which descriptors are sockets.
fn tell_listening(spec: &mut Spec, count: u32) {
    if let Some(mut process) = spec.process().clone() {
        let mut env = process.env().clone().unwrap_or_default();
        env.extend([format!("LISTEN_FDS={count}"), "LISTEN_PID=1".to_string()]);
        process.set_env(Some(env));
        spec.set_process(Some(process));
    }
}

/// Takes the directory for a new container. What a killed `create` left in it is no container.
fn claim(dir: &Path) -> Result<FileLock> {
    let taken = || Fault::new(Kind::Conflict, "container with given ID already exists");
    let lock = FileLock::try_exclusive(&dir.join("lock")).context("locking the container")?.ok_or_else(taken)?;
    if dir.join(STATE).exists() {
        return Err(taken().into());
    }
    let _ = fs::remove_file(dir.join(GATE));
    Ok(lock)
}

/// Our own streams, or a terminal.
pub(super) fn stdio(process: Option<&Process>, console_socket: Option<&Path>) -> Result<Stdio> {
    let terminal = process.is_some_and(|process| process.terminal().unwrap_or(false));
    if terminal {
        let size = process.and_then(|process| process.console_size());
        let (rows, columns) = size.map_or((0, 0), |size| (size.height() as u16, size.width() as u16));
        return Ok(Stdio::Terminal { rows, columns });
    }
    if console_socket.is_some() {
        return Err(Fault::invalid("cannot use console socket if the process has no terminal").into());
    }
    let standard = |number| crate::sys::fd::duplicate(number).or_else(|_| null());
    let copies = (standard(0), standard(1), standard(2));
    let (stdin, stdout, stderr) = (copies.0?, copies.1?, copies.2?);
    Ok(Stdio::Descriptors { stdin, stdout, stderr })
}

/// In place of a stream that we were not given.
fn null() -> std::io::Result<OwnedFd> {
    Ok(fs::OpenOptions::new().read(true).write(true).open("/dev/null")?.into())
}

/// Sends a terminal to who listens at `path`, with its name.
pub(super) fn hand_over(path: &Path, terminal: &OwnedFd) -> Result<()> {
    let what = || format!("sending the terminal to {}", path.display());
    let caller = socket::connect(path, socket::Kind::Stream).with_context(what)?;
    crate::sys::fd::send_with_fds(&caller, b"/dev/ptmx", &[terminal.as_fd()]).with_context(what)?;
    Ok(())
}

impl StateRoot {
    /// Where compiled filters are kept. Its name is no container's.
    pub(super) fn cache(&self) -> Result<PathBuf> {
        let dir = self.dir.join("#cache");
        match fs::DirBuilder::new().mode(0o700).create(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(error).with_context(|| format!("making {}", dir.display()))
            }
            _ => Ok(dir),
        }
    }
}
