//! `history`

use super::images::{go_time, since, spaced_size};
use crate::cli::output;
use crate::cli::output::listing::Listing;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::image::history::{Step, history};
use crate::model::size::ByteSize;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Show how an image was made
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image, by name or ID
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
    /// Show a Go template, `table TEMPLATE`, or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Sizes and times for people
    #[arg(short = 'H', long, default_value_t = true, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    human: bool,
    /// Do not shorten IDs and commands
    #[arg(long)]
    no_trunc: bool,
    /// Print only IDs
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let steps = history(engine, &args.image)?;
    let docker = engine.config.program == Program::Docker;
    let now = Timestamp::now();
    let values: Vec<Value> = steps.iter().map(|step| row(step, args, docker, now)).collect();
    if args.quiet && args.format.is_none() {
        let lines = values.iter().filter_map(|row| row["ID"].as_str()).map(|id| format!("{id}\n"));
        return output::text(lines.collect::<String>());
    }
    let created = if docker && !args.human { "CreatedAt" } else { "Created" };
    let listing = Listing {
        command: "history",
        program: engine.config.program,
        format: args.format.as_deref(),
        default: &format!("{{{{.ID}}}}\\t{{{{.{created}}}}}\\t{{{{.CreatedBy}}}}\\t{{{{.Size}}}}\\t{{{{.Comment}}}}"),
        headings: &[
            ("ID", if docker { "IMAGE" } else { "ID" }),
            ("Created", "CREATED"),
            ("CreatedSince", "CREATED"),
            ("CreatedAt", if docker { "CREATED AT" } else { "CREATED" }),
        ],
        heading: true,
        rows: &values,
        json: Some(&|| steps.iter().map(podman_json).collect()),
    };
    output::text(listing.render()?)
}

fn id(step: &Step, docker: bool, whole: bool) -> String {
    match (&step.id, whole) {
        (None, _) => "<missing>".into(),
        (Some(id), true) if docker => id.to_string(),
        (Some(id), true) => id.hex().to_string(),
        (Some(id), false) => id.short().to_string(),
    }
}

fn row(step: &Step, args: &Args, docker: bool, now: Timestamp) -> Value {
    let created = step.created.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    let created = created.unwrap_or(Timestamp::UNIX_EPOCH);
    let exact = created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let by = step.created_by.replace('\t', " ");
    let by = match args.no_trunc {
        true => by,
        false => shortened(&by, if docker { "…" } else { "..." }),
    };
    let size = match (args.human, docker) {
        (false, _) => step.size.to_string(),
        (true, true) => ByteSize(step.size).listed(),
        (true, false) => spaced_size(step.size),
    };
    let mut row = json!({
        "ID": id(step, docker, args.no_trunc),
        "CreatedSince": if args.human || docker { since(created, now) } else { exact.clone() },
        "CreatedAt": if docker { exact.clone() } else { go_time(created) },
        "CreatedBy": by,
        "Size": size,
        "Comment": step.comment,
    });
    if !args.format.as_deref().is_some_and(|_| docker) {
        // podman's own, and what our tables use.
        row["Created"] = if args.human { since(created, now) } else { exact }.into();
        row["Tags"] = json!([]);
        row["Author"] = step.author.clone().into();
    }
    row
}

/// At most 45 characters, the last of them a sign that more was there.
fn shortened(text: &str, sign: &str) -> String {
    match text.chars().count() > 45 {
        true => text.chars().take(45 - sign.chars().count()).collect::<String>() + sign,
        false => text.to_string(),
    }
}

/// An element of podman's `--format json`.
fn podman_json(step: &Step) -> Value {
    json!({
        "id": id(step, false, true),
        "created": step.created,
        "CreatedBy": step.created_by,
        "size": step.size,
        "comment": step.comment,
        "Created": step.created,
    })
}
