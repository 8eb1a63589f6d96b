//! `oci exec`

use super::relay::{self, Foreground};
use super::{FromExec, Globals};
use crate::engine::container::put_variable;
use crate::fault::Fault;
use crate::runtime::container::{self, Container, ExecOptions};
use crate::sys::pid::PidFd;
use anyhow::{Context, Result};
use oci_spec::runtime::Process;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Run one more process in a container
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
    /// The command, unless --process has it
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// Socket that takes the controlling side of the process's terminal
    #[arg(long, value_name = "PATH")]
    console_socket: Option<PathBuf>,
    /// Working directory in the container
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// Set an environment variable (may be given several times)
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// User: UID or UID:GID
    #[arg(short, long, value_name = "UID[:GID]")]
    user: Option<String>,
    /// A further group (may be given several times)
    #[arg(short = 'g', long, value_name = "GID")]
    additional_gids: Vec<u32>,
    /// Take the process from a JSON file
    #[arg(short, long, value_name = "FILE")]
    process: Option<PathBuf>,
    /// Leave it running
    #[arg(short, long)]
    detach: bool,
    /// Write its process id to a file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// SELinux label
    #[arg(long, value_name = "LABEL")]
    process_label: Option<String>,
    /// AppArmor profile
    #[arg(long, value_name = "PROFILE")]
    apparmor: Option<String>,
    /// No more privileges by executing programs
    #[arg(long)]
    no_new_privs: bool,
    /// Add a capability (may be given several times)
    #[arg(short, long, value_name = "CAPABILITY")]
    cap: Vec<String>,
    /// Pass so many more descriptors on to it, from 3 on
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,
    /// Also in a paused container: it runs when that goes on
    #[arg(long)]
    ignore_paused: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.seal()?;
    exec(args, globals).map_err(|error| match Fault::of(&error).map(|fault| fault.kind) {
        Some(crate::fault::Kind::Exit(_)) => error,
        _ => error.context(FromExec),
    })
}

fn exec(args: &Args, globals: &Globals) -> Result<()> {
    let containers = globals.containers();
    let container = containers.open(&args.id)?;
    let process = process(args, &container)?;
    let foreground = if args.detach { None } else { Some(Foreground::prepare(false)?) };
    let options = ExecOptions {
        console_socket: args.console_socket.clone(),
        pid_file: args.pid_file.clone(),
        preserved: globals.preserved(args.preserve_fds)?.0,
        ignore_paused: args.ignore_paused,
        process,
    };
    let wants_socket = options.process.terminal().unwrap_or(false) && args.detach && args.console_socket.is_none();
    if wants_socket {
        return Err(Fault::invalid("cannot allocate tty if runc will detach without setting console socket").into());
    }
    let running = container::exec(&containers, &container, options)?;
    let Some(foreground) = foreground else { return Ok(()) };
    let Some(process) = PidFd::open(running.pid).context("waiting for the process")? else { return Ok(()) };
    relay::leave_with(foreground.follow(&process, running.terminal)?)
}

/// The process of `--process`, or the container's own with another command.
fn process(args: &Args, container: &Container) -> Result<Process> {
    if let Some(path) = &args.process {
        let text = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        return Ok(
            serde_json::from_slice(&text).map_err(|error| Fault::invalid(format!("{}: {error}", path.display())))?
        );
    }
    if args.command.is_empty() {
        return Err(Fault::invalid("exec args cannot be empty").into());
    }
    let mut process = serde_json::to_value(container.usual_process()?).context("the container's process")?;
    process["args"] = json!(args.command);
    process["terminal"] = json!(args.tty);
    if let Some(cwd) = &args.cwd {
        process["cwd"] = json!(cwd);
    }
    let mut env: Vec<String> = serde_json::from_value(process["env"].clone()).unwrap_or_default();
    args.env.iter().for_each(|variable| put_variable(&mut env, variable));
    process["env"] = json!(env);
    if let Some(user) = &args.user {
        let number = |text: &str| {
            text.parse::<u32>().map_err(|_| Fault::invalid(format!("invalid user {user:?}: not UID or UID:GID")))
        };
        let (uid, gid) = match user.split_once(':') {
            Some((uid, gid)) => (uid, Some(gid)),
            None => (user.as_str(), None),
        };
        process["user"]["uid"] = json!(number(uid)?);
        if let Some(gid) = gid {
            process["user"]["gid"] = json!(number(gid)?);
        }
    }
    if !args.additional_gids.is_empty() {
        process["user"]["additionalGids"] = json!(args.additional_gids);
    }
    if let Some(label) = &args.process_label {
        process["selinuxLabel"] = json!(label);
    }
    if let Some(profile) = &args.apparmor {
        process["apparmorProfile"] = json!(profile);
    }
    if args.no_new_privs {
        process["noNewPrivileges"] = json!(true);
    }
    for capability in &args.cap {
        for set in ["bounding", "effective", "permitted"] {
            if !process["capabilities"][set].is_array() {
                process["capabilities"][set] = json!([]);
            }
            if let Value::Array(list) = &mut process["capabilities"][set] {
                list.push(json!(capability));
            }
        }
    }
    Ok(serde_json::from_value(process).map_err(|error| Fault::invalid(format!("the process: {error}")))?)
}
