//! `prune`

use crate::cli::error;
use crate::cli::flags::selection::parse_filters;
use crate::cli::output;
use crate::cli::terminal::prompt;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::container;
use crate::model::size::ByteSize;
use anyhow::Result;

/// Remove all containers that do not run
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only containers that match: label=…, label!=…, until=…
    #[arg(long = "filter", value_name = "FILTER")]
    filters: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let filters = parse_filters(&args.filters)?;
    if !args.force
        && !prompt::confirm(match engine.config.program {
            Program::Docker => "WARNING! This will remove all stopped containers.",
            _ => "WARNING! This will remove all non running containers.",
        })?
    {
        return Ok(());
    }
    let mut first = None;
    let mut reclaimed = 0;
    let pruned = container::prune(engine, &filters)?;
    let docker = engine.config.program == Program::Docker;
    if docker && pruned.iter().any(|one| one.outcome.is_ok()) {
        output::line("Deleted Containers:")?;
    }
    for one in pruned {
        match one.outcome {
            Ok(bytes) => {
                reclaimed += bytes;
                output::line(&one.id)?;
            }
            Err(error) => match first {
                None => first = Some(error),
                Some(_) => output::note(error::line(engine.config.program, &error)),
            },
        }
    }
    if docker {
        output::line(format!("\nTotal reclaimed space: {}", ByteSize(reclaimed).decimal()))?;
    }
    first.map_or(Ok(()), Err)
}
