//! `oci list`

use super::Globals;
use crate::cli::output::{self, Table};
use crate::fault::Fault;
use anyhow::{Context, Result};

/// List containers
#[derive(Debug, clap::Args)]
pub struct Args {
    /// table or json
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    format: String,
    /// Show names only
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    let mut shown = Vec::new();
    for container in globals.containers().list()? {
        let status = container.status()?;
        shown.push(super::state::shown(&container, status));
    }
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    if args.quiet {
        return output::text(shown.iter().map(|state| format!("{}\n", text(&state["id"]))).collect::<String>());
    }
    match args.format.as_str() {
        "json" if shown.is_empty() => output::line("null"),
        "json" => output::line(serde_json::to_string(&shown).context("writing the list")?),
        "table" => {
            let names = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"];
            let mut table = Table::new(names);
            for state in &shown {
                let cells = ["id", "pid", "status", "bundle", "created", "owner"].iter().map(|key| text(&state[*key]));
                table.row(cells);
            }
            output::text(table.render(true))
        }
        other => Err(Fault::invalid(format!("invalid format option: {other}")).into()),
    }
}

/// A user's name, or `#UID`.
pub fn owner(uid: u32) -> String {
    crate::sys::user::passwd_by_uid(uid).map_or_else(|| format!("#{uid}"), |entry| entry.name)
}
