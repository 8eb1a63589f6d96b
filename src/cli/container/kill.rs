//! `kill`

use crate::cli::flags::selection::Wanted;
use crate::cli::output;
use crate::engine::Engine;
use crate::engine::container;
use anyhow::Result;
use std::path::PathBuf;

/// Send a signal to one or more running containers
///
/// The first process of each container gets SIGKILL, or the signal that is asked for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Containers, by name or ID
    #[arg(value_name = "CONTAINER [CONTAINER...]")]
    containers: Vec<String>,
    /// Signal all running containers
    #[arg(short, long)]
    all: bool,
    /// Read the container ID from a file (may be given several times)
    #[arg(long = "cidfile", value_name = "FILE")]
    id_files: Vec<PathBuf>,
    /// Act on the container that was created last
    #[arg(short, long)]
    latest: bool,
    /// The signal, by name or number
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL")]
    signal: String,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let signal = container::parse_signal(&args.signal)?;
    let wanted = Wanted {
        names: &args.containers,
        all: args.all,
        latest: args.latest,
        id_files: &args.id_files,
        filters: &[],
        ignore: false,
        running: true,
    };
    let selection = wanted.selection("you must provide at least one name or id")?;
    output::each_selected(engine, &selection, |id| container::kill(engine, id, signal))
}
