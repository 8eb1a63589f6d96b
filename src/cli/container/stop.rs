//! `stop`

use crate::cli::flags::selection::Wanted;
use crate::cli::output;
use crate::engine::Engine;
use crate::engine::container::{self, StopOptions, Stopped};
use anyhow::Result;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// Stop one or more running containers
///
/// The first process gets the stop signal of its container, then, after the grace period, SIGKILL.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Containers, by name or ID
    #[arg(value_name = "CONTAINER [CONTAINER...]")]
    containers: Vec<String>,
    /// Stop all running containers
    #[arg(short, long)]
    all: bool,
    /// Read the container ID from a file (may be given several times)
    #[arg(long = "cidfile", value_name = "FILE")]
    id_files: Vec<PathBuf>,
    /// Only containers that match: key=value
    #[arg(short, long = "filter", value_name = "FILTER")]
    filters: Vec<String>,
    /// Ignore containers that do not exist
    #[arg(short, long)]
    ignore: bool,
    /// Act on the container that was created last
    #[arg(short, long)]
    latest: bool,
    /// Signal to send instead of the stop signal
    #[arg(short, long, value_name = "SIGNAL")]
    signal: Option<String>,
    /// Seconds to wait before SIGKILL; -1: for ever (default: the container's own, else 10)
    #[arg(short = 't', long = "time", alias = "timeout", value_name = "SECONDS")]
    time: Option<i64>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let signal = args.signal.as_deref().map(container::parse_signal).transpose()?;
    let options = StopOptions { signal, timeout: args.time };
    let wanted = Wanted {
        names: &args.containers,
        all: args.all,
        latest: args.latest,
        id_files: &args.id_files,
        filters: &args.filters,
        ignore: args.ignore,
        running: true,
    };
    let selection = wanted.selection("you must provide at least one name or id")?;
    let mut stubborn = 0;
    let result = output::each_selected(engine, &selection, |id| {
        stubborn += u32::from(container::stop(engine, id, &options)? == Stopped::Killed);
        Ok(())
    });
    // Scripts expect nothing on standard error; people may wonder where ten seconds went.
    if stubborn > 0 && args.time != Some(0) && std::io::stderr().is_terminal() {
        output::note(
            "Hint: it took SIGKILL. A first process ignores signals that it has no handler for: try --init, or --stop-signal",
        );
    }
    result
}
