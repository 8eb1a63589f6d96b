//! `pause`

use crate::cli::flags::selection::Wanted;
use crate::cli::output;
use crate::engine::Engine;
use crate::engine::container;
use anyhow::Result;
use std::path::PathBuf;

/// Pause all the processes in one or more containers
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Containers, by name or ID
    #[arg(value_name = "CONTAINER [CONTAINER...]")]
    containers: Vec<String>,
    /// Pause all running containers
    #[arg(short, long)]
    all: bool,
    /// Read the container ID from a file (may be given several times)
    #[arg(long = "cidfile", value_name = "FILE")]
    id_files: Vec<PathBuf>,
    /// Only containers that match: key=value
    #[arg(short, long = "filter", value_name = "FILTER")]
    filters: Vec<String>,
    /// Act on the container that was created last
    #[arg(short, long)]
    latest: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let wanted = Wanted {
        names: &args.containers,
        all: args.all,
        latest: args.latest,
        id_files: &args.id_files,
        filters: &args.filters,
        ignore: false,
        running: true,
    };
    let selection = wanted.selection("you must provide at least one name or id")?;
    output::each_selected(engine, &selection, |id| container::pause(engine, id))
}
