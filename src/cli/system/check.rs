//! `system check`

use crate::cli::output;
use crate::engine::Engine;
use crate::engine::system::check::{CheckOptions, check};
use crate::fault::Fault;
use anyhow::Result;

/// Check the store for what a crash has left, and repair it
///
/// Prints a line for everything that was found. Leaves with 1 when something is left to repair.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only tell what was found
    #[arg(long, visible_alias = "dry-run")]
    no_repair: bool,
    /// Skip what takes long: do not read every file of every layer
    #[arg(short, long)]
    quick: bool,
    /// Accepted for compatibility: repairing is the default
    #[arg(short, long, hide = true)]
    repair: bool,
    /// Accepted for compatibility: damaged containers are removed
    #[arg(short, long, hide = true)]
    force: bool,
    /// Accepted for compatibility
    #[arg(short, long, value_name = "AGE", hide = true)]
    max: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let _ = (args.repair, args.force, &args.max);
    let report = check(engine, CheckOptions { repair: !args.no_repair, thorough: !args.quick })?;
    for leftover in &report.leftovers {
        let done = if leftover.healed { "repaired" } else { "not repaired" };
        output::line(format!("{} ({done})", output::printable(&leftover.what)))?;
    }
    if report.leftovers.iter().all(|leftover| leftover.healed) { Ok(()) } else { Err(Fault::exit(1).into()) }
}
