//! `oci ps`

use super::Globals;
use crate::cli::output::{self, Table};
use crate::engine::container::process_table;
use crate::fault::Fault;
use anyhow::{Context, Result};

/// List the processes of a container
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
    /// table or json (process ids alone)
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    format: String,
    /// Options of ps(1) for the table
    #[arg(value_name = "PS-OPTION", trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    let pids = globals.containers().open(&args.id)?.pids()?;
    match args.format.as_str() {
        "json" => output::line(serde_json::to_string(&pids).context("writing the list")?),
        "table" => {
            let usual = ["-ef".to_string()];
            let options = if args.options.is_empty() { &usual } else { args.options.as_slice() };
            let processes = process_table(&pids, options, true, Default::default())?;
            let mut table = Table::new(processes.titles);
            processes.rows.into_iter().for_each(|row| table.row(row));
            output::text(table.render(true))
        }
        _ => Err(Fault::invalid("invalid format option").into()),
    }
}
