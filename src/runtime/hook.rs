//! Programs that a bundle wants to be run at moments of the container's life: they get its state as JSON on standard
//! input, and must end with 0 in time.
//!
//! Those of the runtime's own namespaces are run by [`run`]; those of the container's by [`Hook::run_inside`], in the
//! child.

use crate::fault::{Fault, Kind};
use crate::sys::pid::PidFd;
use crate::sys::process::{self, Strings};
use anyhow::{Context, Result};
use oci_spec::runtime as oci;
use serde_json::Value;
use std::ffi::CString;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Refuses hooks that can't be run: before there is anything to clean up.
pub fn check(hooks: &oci::Hooks) -> Result<(), Fault> {
    let lists = [
        all_before(hooks),
        hooks.create_container().iter().flatten().collect(),
        hooks.start_container().iter().flatten().collect(),
        hooks.poststart().iter().flatten().collect(),
        hooks.poststop().iter().flatten().collect(),
    ];
    for hook in lists.into_iter().flatten() {
        if !hook.path().is_absolute() {
            return Err(Fault::invalid(format!("hook {}: its path is not absolute", hook.path().display())));
        }
        if hook.timeout().is_some_and(|seconds| seconds <= 0) {
            return Err(Fault::invalid(format!("hook {}: a timeout must be more than 0", hook.path().display())));
        }
    }
    Ok(())
}

/// `prestart` (of old bundles), then `createRuntime`.
#[allow(deprecated)]
pub fn all_before(hooks: &oci::Hooks) -> Vec<&oci::Hook> {
    hooks.prestart().iter().flatten().chain(hooks.create_runtime().iter().flatten()).collect()
}

/// Runs these one after the other in our own namespaces; ends with the first that fails.
pub fn run(kind: &str, hooks: &[&oci::Hook], state: &Value) -> Result<()> {
    hooks.iter().enumerate().try_for_each(|(index, hook)| {
        one(hook, state).with_context(|| format!("error running {kind} hook #{index} ({})", hook.path().display()))
    })
}

/// Runs those for the end of a container; a failure is told, and the others run nevertheless.
pub fn after(hooks: &oci::Hooks, state: &Value) {
    for hook in hooks.poststop().iter().flatten() {
        if let Err(error) = run("poststop", &[hook], state) {
            log::warn!("{error:#}");
        }
    }
}

fn one(hook: &oci::Hook, state: &Value) -> Result<()> {
    let mut command = Command::new(hook.path());
    if let Some((name, rest)) = hook.args().as_ref().and_then(|args| args.split_first()) {
        std::os::unix::process::CommandExt::arg0(&mut command, name).args(rest);
    }
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.envs(hook.env().iter().flatten().filter_map(|variable| variable.split_once('=')));
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that reads nothing is none the worse for it.
        let _ = stdin.write_all(state.to_string().as_bytes());
    }
    let limit = hook.timeout().map(|seconds| Duration::from_secs(seconds as u64));
    let process = PidFd::open(child.id() as i32).context("opening the hook's process")?;
    if let Some(process) = process
        && !process.wait(limit)?
    {
        let _ = child.kill();
        let _ = child.wait();
        return Err(Fault::new(Kind::Unavailable, "hook ran past its timeout").into());
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let how = match (output.status.code(), output.status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or(0)),
    };
    let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
    Err(Fault::new(Kind::Internal, format!("{how}, stderr: {said}")).into())
}

/// A hook for the container's namespaces, ready to be run by the child.
#[derive(Debug)]
pub struct Hook {
    /// For messages.
    pub name: String,
    path: CString,
    arguments: Strings,
    environment: Strings,
    timeout: Option<Duration>,
    /// The state, but for the process id, which only the child knows.
    state: (String, String),
}

impl Hook {
    /// Of a bundle; `state` without `pid`.
    pub fn new(kind: &str, hook: &oci::Hook, state: &Value) -> Result<Hook> {
        let strings = |list: &Option<Vec<String>>| -> Result<Vec<CString>> {
            list.iter().flatten().map(super::plan::text).collect()
        };
        let path = super::plan::text(hook.path())?;
        let mut arguments = strings(hook.args())?;
        if arguments.is_empty() {
            arguments.push(path.clone());
        }
        let text = state.to_string();
        let (open, rest) = text.split_at(1);
        Ok(Hook {
            name: format!("{kind} hook {}", hook.path().display()),
            path,
            arguments: Strings::new(arguments),
            environment: Strings::new(strings(hook.env())?),
            timeout: hook.timeout().map(|seconds| Duration::from_secs(seconds as u64)),
            state: (format!("{open}\"pid\":"), format!(",{rest}")),
        })
    }

    /// Runs it in a process of its own; the error is the kernel's number, or minus the hook's exit status.
    pub fn run_inside(&self) -> Result<(), i32> {
        let number = |error: std::io::Error| error.raw_os_error().unwrap_or(libc::EIO);
        let (reader, writer) = crate::sys::fd::pipe().map_err(number)?;
        let Some(pid) = process::fork().map_err(number)? else {
            let prepared =
                process::duplicate_to(reader.as_fd(), 0).and_then(|()| crate::sys::fd::close_on_exec_from(3));
            if prepared.is_ok() {
                process::reset_signals();
                process::execute(&self.path, &self.arguments, &self.environment);
            }
            process::leave(127);
        };
        drop(reader);
        let text = format!("{}{}{}", self.state.0, process::own_pid(), self.state.1);
        // A pipe holds 64 KiB; a hook that reads nothing is none the worse for it.
        let _ = nix::sys::signal::SigSet::from(nix::sys::signal::Signal::SIGPIPE).thread_block();
        let _ = nix::unistd::write(&writer, text.as_bytes());
        drop(writer);
        let process = crate::sys::pidfd::open(pid).map_err(number)?;
        let ended = crate::sys::poll::wait_for(&process, crate::sys::poll::Interest::READ, self.timeout);
        if !ended.map_err(number)?.any() {
            let _ = process::kill(process.as_fd(), libc::SIGKILL);
            let _ = crate::sys::pidfd::wait(&process);
            return Err(libc::ETIMEDOUT);
        }
        match crate::sys::pidfd::wait(&process).map_err(number)? {
            crate::sys::pidfd::Ended::Code(0) => Ok(()),
            crate::sys::pidfd::Ended::Code(code) => Err(-i32::from(code)),
            crate::sys::pidfd::Ended::Signal(signal) => Err(-(128 + signal)),
        }
    }
}
