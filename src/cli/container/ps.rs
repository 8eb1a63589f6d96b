//! `ps`, `container ls`

mod row;

use crate::cli::error::Usage;
use crate::cli::flags::selection::parse_filters;
use crate::cli::output;
use crate::cli::output::listing::Listing;
use crate::config::{self, Program};
use crate::engine::Engine;
use crate::engine::container::{self, ListOptions, Listed};
use anyhow::Result;
use jiff::Timestamp;
use row::Row;
use serde_json::Value;

/// List containers
///
/// Those that run; with --all, every one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show all containers, not only those that run
    #[arg(short, long)]
    all: bool,
    /// Containers of other programs, too (there are none)
    #[arg(long, hide = true)]
    external: bool,
    /// Only containers that match: key=value
    #[arg(short, long = "filter", value_name = "FILTER")]
    filters: Vec<String>,
    /// Go template, `table TEMPLATE`, or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// The N containers that were created last, in all states
    #[arg(short = 'n', long, value_name = "N", default_value_t = -1, hide_default_value = true)]
    last: i64,
    /// The container that was created last, in any state
    #[arg(short, long)]
    latest: bool,
    /// Show the namespaces of each container
    #[arg(long, visible_alias = "namespace")]
    ns: bool,
    /// Do not shorten IDs and commands
    #[arg(long)]
    no_trunc: bool,
    /// No heading
    #[arg(long)]
    noheading: bool,
    /// Show the pods of containers (there are none)
    #[arg(short, long, hide = true)]
    pod: bool,
    /// Print IDs only
    #[arg(short, long)]
    quiet: bool,
    /// Show the sizes of containers
    #[arg(short, long)]
    size: bool,
    /// Sort by: command, created, id, image, names, runningfor, size, status
    #[arg(long, value_name = "KEY")]
    sort: Option<String>,
    /// Accepted for compatibility: what is shown is always checked against what lives
    #[arg(long, hide = true)]
    sync: bool,
    /// Print again every so many seconds
    #[arg(short, long, value_name = "SECONDS", hide = true)]
    watch: Option<u32>,
}

const SORTS: [&str; 8] = ["command", "created", "id", "image", "names", "runningfor", "size", "status"];

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let _ = (args.external, args.sync);
    let program = engine.config.program;
    if args.watch.is_some() {
        return Err(crate::cli::command::refuse("--watch", "use watch(1)").into());
    }
    if args.last >= 0 && args.latest {
        return Err(Usage::new("last and latest are mutually exclusive").into());
    }
    if args.quiet && args.ns {
        return Err(Usage::new("quiet conflicts with size and namespace").into());
    }
    if args.ns && args.size {
        return Err(Usage::new("size and namespace options conflict").into());
    }
    let sort = args.sort.as_deref().unwrap_or("created").to_ascii_lowercase();
    if !SORTS.contains(&sort.as_str()) {
        return Err(Usage::flag(
            program,
            "ps",
            format!(
                "invalid argument {sort:?} for \"--sort\" flag: {sort:?} is not a valid value.  Choose from: {:?}",
                SORTS.join(", ")
            ),
        )
        .into());
    }
    // docker's config.json may say how its lists look, unless it is ids that are asked for.
    let usual = match args.format {
        None if !args.quiet => config::docker::default_format(&engine.config, "psFormat"),
        _ => None,
    };
    let format = args.format.as_deref().or(usual.as_deref());
    let docker = program == Program::Docker;
    // docker measures when a template asks; podman wants --size.
    let size = args.size || (docker && format.is_some_and(|format| format.contains(".Size")));
    let options = ListOptions {
        all: args.all,
        last: match (args.latest, usize::try_from(args.last)) {
            (true, _) => Some(1),
            (false, Ok(last)) if last > 0 => Some(last),
            _ => None,
        },
        filters: parse_filters(&args.filters)?,
        size,
        namespaces: args.ns || format.is_some_and(|format| format.contains("NS") || format.contains("json")),
    };
    let mut listed = container::list(engine, &options)?;
    arrange(&mut listed, &sort, args.sort.is_some(), program);
    let now = Timestamp::now();
    let rows: Vec<Row<'_>> = listed.iter().map(|listed| Row { listed, now, whole: args.no_trunc, program }).collect();
    // A template wins over --quiet: scripts give both.
    if args.quiet && format.is_none_or(|format| format == "table") {
        return output::text(rows.iter().map(|row| format!("{}\n", row.id())).collect::<String>());
    }
    let is_json = format.is_some_and(|format| matches!(format.trim(), "json" | "{{json .}}" | "{{ json . }}"));
    let values: Vec<Value> =
        if docker && is_json { rows.iter().map(Row::docker).collect() } else { rows.iter().map(Row::fields).collect() };
    let mut default = if args.ns {
        "{{.ID}}\t{{.Names}}\t{{.Pid}}\t{{.CGROUPNS}}\t{{.IPC}}\t{{.MNT}}\t{{.NET}}\t{{.PIDNS}}\t{{.USERNS}}\t{{.UTS}}"
            .to_string()
    } else {
        "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}".to_string()
    };
    if args.pod {
        default.push_str("\t{{.Pod}}\t{{.PodName}}");
    }
    if args.size {
        default.push_str("\t{{.Size}}");
    }
    let listing = Listing {
        command: "ps",
        program,
        format,
        default: &default,
        headings: row::HEADINGS,
        heading: !args.noheading,
        rows: &values,
        json: Some(&|| rows.iter().map(Row::podman).collect()),
    };
    output::text(listing.render()?)
}

/// Newest first comes from the engine; podman shows the oldest first.
fn arrange(listed: &mut [Listed], key: &str, asked: bool, program: Program) {
    match key {
        "command" => listed.sort_by_key(|one| one.command.join(" ")),
        "id" => listed.sort_by(|a, b| a.id.cmp(&b.id)),
        "image" => listed.sort_by(|a, b| a.image.cmp(&b.image)),
        "names" => listed.sort_by(|a, b| a.name.cmp(&b.name)),
        "runningfor" => listed.sort_by(|a, b| b.started.cmp(&a.started)),
        "size" => listed.sort_by_key(|one| one.size),
        "status" => listed.sort_by_key(|one| one.phase.name()),
        _ if program == Program::Docker && !asked => {}
        _ => listed.sort_by(|a, b| a.created.cmp(&b.created)),
    }
}
