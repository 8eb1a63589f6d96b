//! `wait`

use crate::cli::error::{self, Usage};
use crate::cli::output;
use crate::engine::Engine;
use crate::engine::container::{self, Condition, Selection};
use crate::fault::{Fault, Kind};
use anyhow::Result;

/// Block on one or more containers
///
/// Waits until each container is in the wanted state (stopped), then prints its exit code.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Containers, by name or ID
    #[arg(value_name = "CONTAINER [CONTAINER...]")]
    containers: Vec<String>,
    /// State to wait for: stopped, exited, running, created, paused, removed (may be given several times)
    #[arg(long = "condition", value_name = "STATE", value_delimiter = ',')]
    conditions: Vec<String>,
    /// Print -1 for containers that do not exist
    #[arg(long)]
    ignore: bool,
    /// Accepted for compatibility: nothing polls
    #[arg(short, long, value_name = "TIME", hide = true)]
    interval: Option<String>,
    /// Act on the container that was created last
    #[arg(short, long)]
    latest: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let _ = &args.interval;
    let conditions = args.conditions.iter().map(|text| condition(text)).collect::<Result<Vec<_>>>()?;
    if args.containers.is_empty() && !args.latest {
        return Err(Usage::new(format!(
            "\"{} wait\" requires a name, id, or the \"--latest\" flag",
            engine.config.program.name()
        ))
        .into());
    }
    let selection = Selection { names: args.containers.clone(), latest: args.latest, ..Selection::default() };
    let mut first = None;
    for (_, found) in container::select(engine, &selection)? {
        let ended = found.and_then(|id| container::wait(engine, &id, &conditions));
        match ended {
            Ok(code) => output::line(code.map_or(-1, i32::from))?,
            Err(error) if args.ignore && Fault::kind_of(&error) == Kind::NotFound => output::line(-1)?,
            Err(error) => match first {
                None => first = Some(error),
                Some(_) => output::note(error::line(engine.config.program, &error)),
            },
        }
    }
    first.map_or(Ok(()), Err)
}

fn condition(text: &str) -> Result<Condition> {
    Ok(match text {
        "stopped" | "not-running" => Condition::Stopped,
        "exited" => Condition::Exited,
        "next-exit" => Condition::NextExit,
        "removed" | "removing" => Condition::Removed,
        "created" | "configured" | "initialized" => Condition::Created,
        "running" => Condition::Running,
        "paused" => Condition::Paused,
        other => return Err(Fault::invalid(format!("unknown container state: {other}: invalid argument")).into()),
    })
}
