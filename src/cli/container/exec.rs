//! `exec`

use crate::cli::error::Usage;
use crate::cli::flags::Host;
use crate::cli::output;
use crate::cli::terminal::attach::{self, AttachOptions};
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::container::{self, ExecOptions};
use crate::fault::Fault;
use crate::model::container::grammar::{parse_env_file, resolve_env};
use anyhow::Result;
use std::io::IsTerminal as _;

/// Run a process in a running container
///
/// Leaves with the exit code of the process: 126 if it can't be executed, 127 if it is not found.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Container and command
    #[arg(trailing_var_arg = true, value_name = "CONTAINER COMMAND [ARG...]")]
    words: Vec<String>,
    /// Run the process in the background
    #[arg(short, long)]
    detach: bool,
    /// Keys that detach: a letter, or ctrl-X, with commas; "" for none
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Set a variable: NAME=VALUE, or NAME (or PREFIX*) from the environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Read variables from a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<String>,
    /// Give it our standard input
    #[arg(short, long)]
    interactive: bool,
    /// Act on the container that was created last
    #[arg(short, long)]
    latest: bool,
    /// Pass so many descriptors from 3 on
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,
    /// Give it all capabilities
    #[arg(long)]
    privileged: bool,
    /// Allocate a terminal
    #[arg(short, long)]
    tty: bool,
    /// User: name or uid, and group: USER[:GROUP]
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Working directory
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let host = Host::new(&engine.config);
    let (id, command) = match (args.latest, args.words.as_slice()) {
        (true, []) => return Err(Usage::new("must provide a non-empty command to start an exec session").into()),
        (true, command) => (container::latest(engine)?, command),
        (false, []) => {
            return Err(Usage::new("exec requires the name or ID of a container or the --latest flag").into());
        }
        (false, [name, command @ ..]) => (container::find(engine, name)?, command),
    };
    if command.is_empty() {
        return Err(Usage::new("must provide a non-empty command to start an exec session: invalid argument").into());
    }
    if let Some(dir) = args.workdir.as_deref().filter(|dir| !dir.starts_with('/')) {
        let what = format!("the working directory '{dir}' is invalid, it needs to be an absolute path");
        return Err(Fault::invalid(what).into());
    }
    if args.tty && args.interactive && !args.detach && !std::io::stdin().is_terminal() {
        if host.program == Program::Docker {
            return Err(Fault::invalid("the input device is not a TTY").into());
        }
        log::warn!("The input device is not a TTY. The --tty and --interactive flags might not work properly");
    }
    let relayed = AttachOptions {
        stdin: args.interactive,
        stdout: true,
        stderr: true,
        detach_keys: args.detach_keys.clone().or_else(|| engine.config.defaults.detach_keys.clone()),
        sig_proxy: true,
    };
    relayed.check()?;
    let options = ExecOptions {
        args: command.to_vec(),
        env: environment(args, &host)?,
        working_dir: args.workdir.clone(),
        user: args.user.clone().filter(|user| !user.is_empty()),
        terminal: args.tty,
        interactive: args.interactive && !args.detach,
        privileged: args.privileged,
        preserve_fds: args.preserve_fds,
        attach: (!args.detach).then(|| relayed.streams()),
    };
    let session = container::exec(engine, &id, &options)?;
    match session.attachment {
        Some(attachment) => attach::follow_process(attachment, &relayed),
        None if host.program == Program::Docker => Ok(()),
        None => output::line(session.id),
    }
}

fn environment(args: &Args, host: &Host<'_>) -> Result<Vec<String>> {
    let lookup = |name: &str| host.variable(name);
    let all = || host.variables();
    let globs = host.program != Program::Docker;
    let mut env = Vec::new();
    for path in &args.env_file {
        let text = host.read(&format!("parsing env file {path:?}"), path)?;
        for line in parse_env_file(&text)? {
            env.extend(resolve_env(&line, globs, lookup, all)?);
        }
    }
    for text in &args.env {
        env.extend(resolve_env(text, globs, lookup, all)?);
    }
    Ok(env)
}
