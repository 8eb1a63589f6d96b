//! `network ls`

use crate::cli::flags::selection::parse_filters;
use crate::cli::network::inspect::podman_document;
use crate::cli::output;
use crate::cli::output::listing::Listing;
use crate::config::{self, Program};
use crate::engine::Engine;
use crate::engine::network::{self, Inspected, Listed};
use anyhow::Result;
use serde_json::{Value, json};

/// List networks
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only networks that match: name=, id=, driver=, label=, type=, scope=, dangling=, until=
    #[arg(short, long = "filter", value_name = "FILTER")]
    filters: Vec<String>,
    /// Go template, `table TEMPLATE`, or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Do not shorten IDs
    #[arg(long)]
    no_trunc: bool,
    /// No heading
    #[arg(short, long)]
    noheading: bool,
    /// Print names only (docker: IDs)
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let program = engine.config.program;
    let docker = program == Program::Docker;
    let listed = network::list(engine, &parse_filters(&args.filters)?, program != Program::Podman)?;
    if args.quiet && args.format.is_none() {
        let word = |one: &Listed| match docker {
            true => format!("{}\n", if args.no_trunc { &one.id } else { &one.id[..12] }),
            false => format!("{}\n", one.name),
        };
        return output::text(listed.iter().map(word).collect::<String>());
    }
    let rows: Vec<Value> = listed.iter().map(|one| row(one, args.no_trunc, docker)).collect();
    let usual = config::docker::default_format(&engine.config, "networksFormat");
    let listing = Listing {
        command: "network ls",
        program,
        format: args.format.as_deref().or(usual.as_deref()),
        default: if docker {
            "{{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.Scope}}"
        } else {
            "{{.ID}}\\t{{.Name}}\\t{{.Driver}}"
        },
        headings: &[("ID", "NETWORK ID")],
        heading: !args.noheading,
        rows: &rows,
        json: Some(&|| {
            let records = listed.iter().filter_map(|one| one.record.clone());
            records.map(|record| podman_document(&Inspected { record, containers: Vec::new() })).collect()
        }),
    };
    output::text(listing.render()?)
}

fn row(one: &Listed, whole: bool, docker: bool) -> Value {
    let record = one.record.as_ref();
    let labels: Vec<String> =
        record.iter().flat_map(|record| &record.labels).map(|(key, value)| format!("{key}={value}")).collect();
    let bool = |value: bool| if docker { json!(value.to_string()) } else { json!(value) };
    json!({
        "ID": if whole { &one.id } else { &one.id[..12] },
        "Name": one.name,
        "Driver": one.driver,
        "Scope": "local",
        "Internal": bool(record.is_some_and(|record| record.internal)),
        "IPv6": bool(record.is_some_and(|record| record.ipv6())),
        "IPv4": bool(record.is_some()),
        "CreatedAt": record.map_or("", |record| &record.created),
        "Created": record.map_or("", |record| &record.created),
        "Labels": if docker { json!(labels.join(",")) } else { json!(record.map(|record| &record.labels)) },
        "Label": record.map(|record| &record.labels),
    })
}
