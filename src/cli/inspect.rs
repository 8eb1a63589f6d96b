//! `inspect`: of whatever has that name.

use crate::cli::error::{self, Usage};
use crate::cli::output;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::{container, image};
use crate::fault::{Fault, Kind};
use anyhow::Result;
use serde_json::Value;

/// Display the configuration of a container or image
///
/// A container wins where both have the name.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Containers or images, by name or ID
    #[arg(value_name = "CONTAINER|IMAGE [CONTAINER|IMAGE...]")]
    names: Vec<String>,
    /// Go template, or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// The container that was created last
    #[arg(short, long)]
    latest: bool,
    /// Show the sizes of containers
    #[arg(short, long)]
    size: bool,
    /// container, image, or all
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A container, else an image.
    Any,
    /// A container.
    Container,
    /// An image.
    Image,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let docker = engine.config.program == Program::Docker;
    let kind = match args.kind.as_deref() {
        None | Some("all" | "") => Wanted::Any,
        Some("container") => Wanted::Container,
        Some("image") => Wanted::Image,
        Some(kind @ ("pod" | "network" | "volume" | "plugin" | "secret")) => {
            return Err(
                crate::cli::command::refuse(&format!("--type {kind}"), "only container and image are built").into()
            );
        }
        Some(kind) if docker => return Err(Usage::new(format!("unknown type: {kind:?}")).into()),
        Some(kind) => {
            return Err(Usage::new(format!(
                "invalid type {kind:?}: must be \"image\", \"container\", \"pod\", \"network\", \"volume\", or \"all\""
            ))
            .into());
        }
    };
    if args.size && kind == Wanted::Image {
        return Err(Usage::new("size is not supported for type \"image\"").into());
    }
    print(engine, &args.names, args.latest, kind, args.size, args.format.as_deref())
}

/// Prints what was found of `names`, then fails if one was not.
pub fn print(
    engine: &Engine,
    names: &[String],
    latest: bool,
    kind: Wanted,
    size: bool,
    format: Option<&str>,
) -> Result<()> {
    if latest && !names.is_empty() {
        return Err(Usage::new("--latest and arguments cannot be used together").into());
    }
    let names = match latest {
        true => vec![container::latest(engine)?.to_string()],
        false => names.to_vec(),
    };
    if names.is_empty() {
        return Err(Usage::new("no names or ids specified").into());
    }
    let mut found = Vec::new();
    let mut last: Option<anyhow::Error> = None;
    for name in &names {
        match look_up(engine, name, kind, size) {
            Ok(document) => found.push(document),
            Err(failure) => {
                if let Some(previous) = last.replace(failure) {
                    output::note(error::line(engine.config.program, &previous));
                }
            }
        }
    }
    // With a template there is nothing to print when nothing was found; the empty list is docker's and podman's.
    if format.is_none() || !found.is_empty() {
        let templates = |fault: anyhow::Error| match engine.config.program {
            Program::Docker => fault,
            _ if fault.to_string().contains("executing") => fault.context("inspecting object: printing inspect output"),
            _ => fault,
        };
        output::documents(&found, format).map_err(templates)?;
    }
    last.map_or(Ok(()), Err)
}

fn look_up(engine: &Engine, name: &str, kind: Wanted, size: bool) -> Result<Value> {
    let docker = engine.config.program == Program::Docker;
    let missing = |what: String| Err(Fault::not_found(what).into());
    if kind != Wanted::Image {
        match container::find(engine, name) {
            Ok(id) => return container::inspect(engine, &id, size),
            Err(failure) if Fault::kind_of(&failure) != Kind::NotFound => return Err(failure),
            Err(_) if kind == Wanted::Container && docker => return missing(format!("No such container: {name}")),
            Err(_) if kind == Wanted::Container => {
                return missing(format!("inspecting object: no such container {name}"));
            }
            Err(_) => {}
        }
    }
    match image::inspect::inspect(engine, name) {
        Ok(document) => Ok(document),
        Err(failure) if Fault::kind_of(&failure) != Kind::NotFound => Err(failure),
        Err(_) => missing(match (kind, docker) {
            (Wanted::Image, true) => format!("No such image: {name}"),
            (Wanted::Image, false) => format!("inspecting object: {name}: image not known"),
            (_, true) => format!("No such object: {name}"),
            (_, false) => format!("inspecting object: no such object: {name:?}"),
        }),
    }
}
