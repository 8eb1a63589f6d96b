//! `network prune`

use crate::cli::flags::selection::parse_filters;
use crate::cli::output;
use crate::cli::terminal::prompt;
use crate::config::Program;
use crate::engine::{Engine, network};
use anyhow::Result;

/// Remove networks that no container uses
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only networks that match: until=TIME, label=KEY[=VALUE], label!=…
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let filters = parse_filters(&args.filter)?;
    let docker = engine.config.program == Program::Docker;
    let question = match docker {
        true => "WARNING! This will remove all custom networks not used by at least one container.",
        false => "WARNING! This will remove all networks not used by at least one container.",
    };
    if !args.force && !prompt::confirm(question)? {
        return Ok(());
    }
    let pruned = network::prune(engine, &filters)?;
    let names: String = pruned.iter().map(|name| format!("{name}\n")).collect();
    match docker && !names.is_empty() {
        true => output::text(format!("Deleted Networks:\n{names}\n")),
        false => output::text(names),
    }
}
