//! `start`

use crate::cli::error::Usage;
use crate::cli::flags::selection::Wanted;
use crate::cli::output;
use crate::cli::terminal::attach::{self, AttachOptions};
use crate::engine::Engine;
use crate::engine::container::{self, StartOptions, Started};
use anyhow::Result;

/// Start one or more containers
///
/// Containers that run already are left alone.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Containers, by name or ID
    #[arg(value_name = "CONTAINER [CONTAINER...]")]
    containers: Vec<String>,
    /// Start all containers
    #[arg(long)]
    all: bool,
    /// Show its output until it ends, and leave with its exit code
    #[arg(short, long)]
    attach: bool,
    /// Keys that detach: a letter, or ctrl-X, with commas; "" for none
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Only containers that match: key=value
    #[arg(short, long = "filter", value_name = "FILTER")]
    filters: Vec<String>,
    /// Give it our standard input
    #[arg(short, long)]
    interactive: bool,
    /// Act on the container that was created last
    #[arg(short, long)]
    latest: bool,
    /// Pass signals on to its process (true with --attach)
    #[arg(long)]
    sig_proxy: Option<bool>,
    /// Restore from a checkpoint
    #[arg(long, value_name = "NAME", hide = true)]
    checkpoint: Option<String>,
    /// Where checkpoints are kept
    #[arg(long, value_name = "DIR", hide = true)]
    checkpoint_dir: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    if args.checkpoint.is_some() || args.checkpoint_dir.is_some() {
        return Err(crate::cli::command::refuse("--checkpoint", "checkpoints are not built").into());
    }
    let wanted = Wanted {
        names: &args.containers,
        all: args.all,
        latest: args.latest,
        id_files: &[],
        filters: &args.filters,
        ignore: false,
        running: false,
    };
    let selection = wanted.selection("start requires at least one argument")?;
    let attached = args.attach || args.interactive;
    if !attached {
        if args.sig_proxy == Some(true) {
            return Err(Usage::new("you cannot use sig-proxy without --attach: invalid argument").into());
        }
        return output::each_selected(engine, &selection, |id| {
            container::start(engine, id, &StartOptions::default()).map(|_| ())
        });
    }
    let mut selected = container::select(engine, &selection)?;
    if selected.len() != 1 {
        return Err(Usage::new("you cannot start and attach multiple containers at once: invalid argument").into());
    }
    let Some((_, found)) = selected.pop() else { return Ok(()) };
    let id = found?;
    let options = AttachOptions {
        stdin: args.interactive,
        stdout: true,
        stderr: true,
        detach_keys: args.detach_keys.clone(),
        sig_proxy: args.sig_proxy.unwrap_or(true),
    };
    options.check()?;
    let streams = Some(options.streams());
    match container::start(engine, &id, &StartOptions { attach: streams, ..StartOptions::default() })? {
        Started::Running { attachment: Some(attachment), .. } => attach::follow(engine, attachment, &options),
        _ => Ok(()),
    }
}
