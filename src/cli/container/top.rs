//! `top`

use crate::cli::error::Usage;
use crate::cli::output::{self, Table};
use crate::engine::Engine;
use crate::engine::container;
use anyhow::Result;

/// Display the running processes of a container
///
/// Columns are podman's descriptors (`pid user comm`, also with commas), or ps options (`aux`, `-o pid,comm`).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Container, then columns or ps options
    #[arg(trailing_var_arg = true, value_name = "CONTAINER [COLUMN...]")]
    words: Vec<String>,
    /// Act on the container that was created last
    #[arg(short, long)]
    latest: bool,
    /// List the columns that can be asked for
    #[arg(long)]
    list_descriptors: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    if args.list_descriptors {
        return output::line(DESCRIPTORS.join("\n"));
    }
    let (id, format) = match (args.latest, args.words.split_first()) {
        (true, _) => (container::latest(engine)?, &args.words[..]),
        (false, Some((name, format))) => (container::find(engine, name)?, format),
        (false, None) => {
            return Err(Usage::new("you must provide the name or id of a running container").into());
        }
    };
    let processes = container::top(engine, &id, format)?;
    let mut table = Table::new(processes.titles);
    table.rows.extend(processes.rows);
    output::text(table.render(true))
}

/// podman's names for columns.
const DESCRIPTORS: [&str; 32] = [
    "args", "capamb", "capbnd", "capeff", "capinh", "capprm", "comm", "etime", "group", "groups", "hgroup", "hgroups",
    "hpid", "huser", "label", "nice", "pcpu", "pgid", "pid", "ppid", "rgroup", "ruser", "seccomp", "state", "stime",
    "time", "tty", "user", "vsz", "rss", "hppid", "hgid",
];
