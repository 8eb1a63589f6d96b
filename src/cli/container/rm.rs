//! `rm`

use crate::cli::command::refuse;
use crate::cli::error::{self, Usage};
use crate::cli::flags::selection::Wanted;
use crate::cli::output;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::container::{self, RemoveOptions};
use crate::fault::{Fault, Kind};
use anyhow::Result;
use std::path::PathBuf;

/// Remove one or more containers
///
/// A running container is refused unless --force is given; then it is stopped first.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Containers, by name or ID
    #[arg(value_name = "CONTAINER [CONTAINER...]")]
    containers: Vec<String>,
    /// Remove all containers
    #[arg(short, long)]
    all: bool,
    /// Read the container ID from a file (may be given several times)
    #[arg(long = "cidfile", value_name = "FILE")]
    id_files: Vec<PathBuf>,
    /// Remove what depends on it, too (nothing does yet)
    #[arg(long, hide = true)]
    depend: bool,
    /// Only containers that match: key=value
    #[arg(long = "filter", value_name = "FILTER")]
    filters: Vec<String>,
    /// Stop running containers first
    #[arg(short, long)]
    force: bool,
    /// Ignore containers that do not exist
    #[arg(short, long)]
    ignore: bool,
    /// Act on the container that was created last
    #[arg(short, long)]
    latest: bool,
    /// With --force: seconds to wait before SIGKILL
    #[arg(short = 't', long = "time", alias = "timeout", value_name = "SECONDS")]
    time: Option<i64>,
    /// Remove its anonymous volumes, too
    #[arg(short, long)]
    volumes: bool,
    /// Remove a link
    #[arg(long, hide = true)]
    link: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let _ = args.depend;
    if args.link {
        return Err(refuse("--link", "links are not built").into());
    }
    if args.time.is_some() && !args.force {
        return Err(Usage::new("--force option must be specified to use the --time option").into());
    }
    // docker's `rm -f` of what does not exist is a success; podman's is too since 4.4.
    let ignore = args.ignore || args.force;
    let wanted = Wanted {
        names: &args.containers,
        all: args.all,
        latest: args.latest,
        id_files: &args.id_files,
        filters: &args.filters,
        ignore,
        running: false,
    };
    let selection = wanted.selection("you must provide at least one name or id")?;
    let options = RemoveOptions { force: args.force, volumes: args.volumes, timeout: args.time };
    let (mut missing, mut running, mut other) = (false, false, false);
    let result = output::each_selected(engine, &selection, |id| container::remove(engine, id, &options));
    let Err(error) = result else { return Ok(()) };
    match Fault::kind_of(&error) {
        Kind::NotFound => missing = true,
        Kind::Conflict => running = true,
        _ => other = true,
    }
    // podman's codes: 1 when one did not exist, 2 when one was running.
    let code = match (engine.config.program, other, running, missing) {
        (Program::Docker, ..) | (_, _, false, true) => 1,
        (_, false, true, _) => 2,
        _ => 125,
    };
    output::note(error::line(engine.config.program, &error));
    Err(Fault::exit(code).into())
}
