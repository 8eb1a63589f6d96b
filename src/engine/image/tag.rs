//! `tag` and `untag`.

use super::find;
use crate::config::Program;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::image::tag;
use crate::model::reference::Reference;
use anyhow::Result;

/// Gives the image further names; durable when it returns.
pub fn tag(engine: &Engine, image: &str, names: &[String]) -> Result<()> {
    let names = names.iter().map(|name| normalize(engine, name)).collect::<Result<Vec<_>>>()?;
    let image = find::get(engine, image)?;
    tag::tag(&engine.store, &image.record.id, &names)
}

/// Takes names away from an image: these, or all that it has. The image stays.
pub fn untag(engine: &Engine, image: &str, names: &[String]) -> Result<()> {
    let image = find::get(engine, image)?;
    let names = names.iter().map(|name| known_name(engine, name)).collect::<Result<Vec<_>>>()?;
    tag::untag(&engine.store, &image.record.id, &names).map(drop)
}

/// The name that is meant by a new one: podman keeps short names local, docker and barge put them on Docker Hub.
pub fn normalize(engine: &Engine, name: &str) -> Result<Reference> {
    let parse = |text: &str| text.parse::<Reference>();
    let reference = match (engine.config.program, parse(name)) {
        (Program::Podman, Ok(_)) if !has_domain(name) => parse(&format!("localhost/{name}")),
        (_, result) => result,
    };
    reference.map(Reference::with_default_tag).map_err(|fault| {
        let why = fault.what.rsplit(": ").next().unwrap_or_default().to_string();
        Fault { what: format!("normalizing name \"{name}\": {why}"), ..fault }.into()
    })
}

/// A name to take away: the local image that it stands for knows its full spelling.
fn known_name(engine: &Engine, name: &str) -> Result<Reference> {
    Ok(match find::find(engine, name)?.and_then(|local| local.name) {
        Some(name) => name,
        None => normalize(engine, name)?,
    })
}

fn has_domain(name: &str) -> bool {
    name.split_once('/').is_some_and(|(first, _)| first == "localhost" || first.contains(['.', ':']))
}
