//! `run`

use crate::cli::error::Usage;
use crate::cli::flags::create::Streams;
use crate::cli::flags::{CreateFlags, Host};
use crate::cli::output;
use crate::cli::terminal::attach::{self, AttachOptions};
use crate::cli::terminal::progress::{Place, progress_in};
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::container::{self, RunOptions, StartOptions, Started};
use crate::fault::Fault;
use anyhow::Result;
use std::io::IsTerminal as _;

/// Run a command in a new container
///
/// Pulls the image when it is not here, shows the container's output until it ends, and leaves with its exit code.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    create: CreateFlags,
    /// Run in the background and print the container's ID
    #[arg(short, long)]
    detach: bool,
    /// Keys that detach: a letter, or ctrl-X, with commas; "" for none
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Pass signals on to its process
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sig_proxy: Option<bool>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let host = Host::new(&engine.config);
    let streams = args.create.streams()?;
    let mut spec = args.create.spec(&host)?;
    spec.detach_keys.clone_from(&args.detach_keys);
    if args.detach && streams.is_some() && host.program == Program::Docker {
        return Err(Usage::new("Conflicting options: -a and -d").into());
    }
    let (terminal, interactive) = (spec.process.terminal, spec.process.interactive);
    if !args.detach && terminal && interactive && !std::io::stdin().is_terminal() {
        if host.program == Program::Docker {
            return Err(Fault::invalid("the input device is not a TTY").into());
        }
        log::warn!("The input device is not a TTY. The --tty and --interactive flags might not work properly");
    }
    let streams = streams.unwrap_or(Streams { stdin: interactive, stdout: true, stderr: true });
    let options = AttachOptions {
        stdin: streams.stdin && interactive,
        stdout: streams.stdout,
        stderr: streams.stderr,
        detach_keys: args.detach_keys.clone(),
        sig_proxy: args.sig_proxy.unwrap_or(true),
    };
    options.check()?;
    let options_of_run = RunOptions {
        create: args.create.options()?,
        start: StartOptions {
            attach: (!args.detach).then(|| options.streams()),
            preserve_fds: spec.process.preserve_fds > 0,
        },
    };
    let id_file = args.create.open_id_file()?;
    let (id, started) =
        container::run(engine, spec, &options_of_run, &*progress_in(host.program, args.create.quiet, Place::Error))?;
    id_file.map(|file| file.write(&id)).transpose()?;
    match started {
        Started::Running { attachment: Some(attachment), .. } => attach::follow(engine, attachment, &options),
        _ => output::line(id),
    }
}
