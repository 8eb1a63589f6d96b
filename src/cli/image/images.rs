//! `images`, `image ls`

use crate::cli::flags::selection::parse_filters;
use crate::cli::output;
use crate::cli::output::listing::Listing;
use crate::config::{self, Program};
use crate::engine::Engine;
use crate::engine::image::list::{self, ListOptions, Listed};
use crate::fault::Fault;
use crate::model::duration;
use crate::model::reference::Reference;
use crate::model::size::ByteSize;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};

/// List images in local storage
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only images of this name, with this tag, or matching this pattern
    #[arg(value_name = "IMAGE")]
    image: Option<String>,
    /// Show all images (there are no intermediate ones)
    #[arg(short, long)]
    all: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Only images that match: reference=…, label=…, dangling=true, before=…, since=…, until=…, containers=…, id=…
    #[arg(short, long = "filter", value_name = "FILTER")]
    filters: Vec<String>,
    /// Show a Go template, `table TEMPLATE`, or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Show the names that an image has had
    #[arg(long)]
    history: bool,
    /// Do not shorten IDs
    #[arg(long)]
    no_trunc: bool,
    /// Do not print column headings
    #[arg(short, long)]
    noheading: bool,
    /// Print only IDs
    #[arg(short, long)]
    quiet: bool,
    /// Sort by created, id, repository, size or tag
    #[arg(long, value_name = "KEY", default_value = "created")]
    sort: String,
}

/// An image under one of its names.
struct Row<'a> {
    image: &'a Listed,
    name: Option<&'a Reference>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let options = ListOptions { filters: parse_filters(&args.filters)?, name: args.image.clone() };
    let docker = engine.config.program == Program::Docker;
    let images = list::list(engine, &options)?;
    let mut rows: Vec<Row> = images.iter().flat_map(rows).collect();
    sort(&mut rows, &args.sort)?;
    if args.quiet && args.format.is_none() {
        let mut ids: Vec<String> = rows.iter().map(|row| id(row.image, args.no_trunc)).collect();
        if !docker {
            let mut seen = std::collections::HashSet::new();
            ids.retain(|id| seen.insert(id.clone()));
        }
        return output::text(ids.iter().map(|id| format!("{id}\n")).collect::<String>());
    }
    let now = Timestamp::now();
    let shape = if docker { docker_row } else { podman_row };
    let values: Vec<Value> = rows.iter().map(|row| shape(row, args.no_trunc, now)).collect();
    let digest = if args.digests { "{{.Digest}}\\t" } else { "" };
    let history = if args.history { "\\t{{.History}}" } else { "" };
    let usual = config::docker::default_format(&engine.config, "imagesFormat");
    let listing = Listing {
        command: "images",
        program: engine.config.program,
        format: args.format.as_deref().or(usual.as_deref()),
        default: &format!(
            "{{{{.Repository}}}}\\t{{{{.Tag}}}}\\t{digest}{{{{.ID}}}}\\t{{{{.CreatedSince}}}}\\t{{{{.Size}}}}{history}"
        ),
        headings: &[("ID", "IMAGE ID"), ("CreatedSince", "CREATED")],
        heading: !args.noheading,
        rows: &values,
        json: Some(&|| rows.iter().map(|row| podman_json(row.image)).collect()),
    };
    output::text(listing.render()?)
}

fn rows(image: &Listed) -> Vec<Row<'_>> {
    match image.names.is_empty() {
        true => vec![Row { image, name: None }],
        false => image.names.iter().map(|name| Row { image, name: Some(name) }).collect(),
    }
}

fn sort(rows: &mut [Row], key: &str) -> Result<()> {
    let repository = |row: &Row| row.name.map(Reference::repository).unwrap_or_default();
    let tag = |row: &Row| row.name.and_then(|name| name.tag.clone()).unwrap_or_default();
    match key {
        "created" => {}
        "id" => rows.sort_by_key(|row| row.image.record.id.clone()),
        "repository" => rows.sort_by_key(|row| (repository(row), tag(row))),
        "size" => rows.sort_by_key(|row| row.image.record.size),
        "tag" => rows.sort_by_key(tag),
        other => {
            let what = format!(
                "\"{other}\" is not a valid field for sorting. Choose from: created, id, repository, size, tag"
            );
            return Err(Fault::invalid(what).into());
        }
    }
    Ok(())
}

fn id(image: &Listed, whole: bool) -> String {
    match whole {
        true => image.record.id.to_string(),
        false => image.record.id.short().to_string(),
    }
}

/// `7.8 MB`, as podman separates number and unit.
pub fn spaced_size(bytes: u64) -> String {
    let text = ByteSize(bytes).listed();
    match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(unit) => format!("{} {}", &text[..unit], &text[unit..]),
        None => text,
    }
}

/// `3 weeks ago`
pub fn since(created: Timestamp, now: Timestamp) -> String {
    format!("{} ago", duration::in_words(now.duration_since(created).as_secs_f64()))
}

/// `2023-11-14 22:13:20 +0000 UTC`: how Go prints a time.
pub fn go_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
}

const NONE: &str = "<none>";

fn tag_of(row: &Row) -> String {
    row.name.and_then(|name| name.tag.clone()).unwrap_or_else(|| NONE.into())
}

fn podman_row(row: &Row, whole: bool, now: Timestamp) -> Value {
    let (record, created) = (&row.image.record, row.image.created());
    json!({
        "ID": id(row.image, whole),
        "Id": record.id.hex(),
        "Repository": row.name.map_or_else(|| NONE.into(), Reference::repository),
        "Tag": tag_of(row),
        "Digest": record.manifest,
        "Created": since(created, now),
        "CreatedSince": since(created, now),
        "CreatedAt": go_time(created),
        "CreatedTime": go_time(created),
        "Size": spaced_size(record.size),
        "VirtualSize": record.size,
        "SharedSize": 0,
        "Names": row.image.names,
        "RepoTags": row.image.names,
        "RepoDigests": row.image.repo_digests(),
        "History": row.image.names.iter().map(Reference::to_string).collect::<Vec<_>>().join(", "),
        "Labels": record.labels,
        "Containers": row.image.containers,
        "Dangling": row.image.names.is_empty(),
        "ReadOnly": false,
        "ParentId": "",
        "Os": record.platform.os,
        "Arch": record.platform.architecture,
    })
}

/// docker: every value a string.
fn docker_row(row: &Row, whole: bool, now: Timestamp) -> Value {
    let (record, created) = (&row.image.record, row.image.created());
    let repository = row.name.map(|name| Reference { tag: None, digest: None, ..name.clone() }.familiar());
    // Only registries give digests in docker's eyes.
    let prefix = row.name.map(|name| format!("{}@", name.repository())).unwrap_or_default();
    let digest =
        record.repo_digests.iter().find_map(|known| known.strip_prefix(&prefix).filter(|_| !prefix.is_empty()));
    let size = ByteSize(record.size).listed();
    json!({
        "Containers": "N/A",
        "CreatedAt": go_time(created),
        "CreatedSince": since(created, now),
        "Digest": digest.unwrap_or(NONE),
        "ID": id(row.image, whole),
        "Repository": repository.unwrap_or_else(|| NONE.into()),
        "SharedSize": "N/A",
        "Size": size,
        "Tag": tag_of(row),
        "UniqueSize": "N/A",
        "VirtualSize": size,
    })
}

/// An element of podman's `--format json`.
fn podman_json(image: &Listed) -> Value {
    let created = image.created();
    json!({
        "Id": image.record.id.hex(),
        "ParentId": "",
        "RepoTags": image.names,
        "RepoDigests": image.repo_digests(),
        "Size": image.record.size,
        "SharedSize": 0,
        "VirtualSize": image.record.size,
        "Labels": image.record.labels,
        "Containers": image.containers,
        "Names": image.names,
        "Digest": image.record.manifest,
        "History": image.names,
        "Created": created.as_second(),
        "CreatedAt": created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "Dangling": image.names.is_empty(),
        "Arch": image.record.platform.architecture,
        "Os": image.record.platform.os,
    })
}
