//! `image inspect`: one document with docker's and podman's fields.

use super::find;
use super::list::Listed;
use crate::config::Program;
use crate::engine::Engine;
use crate::fault::{Fault, Kind};
use crate::image::index;
use crate::model::image::ImageConfig;
use crate::model::manifest::OCI_MANIFEST;
use crate::model::reference::Reference;
use crate::store::{Driver, ImageRecord};
use anyhow::Result;
use serde_json::{Value, json};

/// What is known of an image, in the shape that scripts expect. Called as docker, names are written as docker does.
pub fn inspect(engine: &Engine, name: &str) -> Result<Value> {
    let local = find::get(engine, name)?;
    let images = engine.store.images()?;
    let names: Vec<Reference> = images.names_of(&local.record.id).into_iter().cloned().collect();
    let image = Listed { record: local.record, names, containers: 0 };
    let bytes = blob(engine, &image.record.id)?;
    let config: Value = serde_json::from_slice(&bytes)?;
    let manifest = blob(engine, &image.record.manifest)?;
    let manifest: Value = serde_json::from_slice(&manifest)?;
    Ok(render(engine, &image, &config, &manifest))
}

/// An image's config.
pub fn config(engine: &Engine, record: &ImageRecord) -> Result<ImageConfig> {
    Ok(index::parse_config(&blob(engine, &record.id)?)?)
}

fn blob(engine: &Engine, digest: &crate::model::digest::Digest) -> Result<Vec<u8>> {
    engine.store.blob(digest)?.ok_or_else(|| {
        let fault = Fault::new(Kind::Internal, format!("blob {digest}: not in the store"));
        fault.hint("`barge system check` tells what else is missing; pull or load the image again").into()
    })
}

fn render(engine: &Engine, image: &Listed, config: &Value, manifest: &Value) -> Value {
    let docker = engine.config.program == Program::Docker;
    let record = &image.record;
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_string();
    let names: Vec<String> =
        image.names.iter().map(|name| if docker { name.familiar() } else { name.to_string() }).collect();
    // docker knows only the digests that registries have told.
    let digests: Vec<String> = match docker {
        true => {
            let familiar = |digest: &String| digest.parse::<Reference>().map_or(digest.clone(), |name| name.familiar());
            record.repo_digests.iter().map(familiar).collect()
        }
        false => image.repo_digests(),
    };
    let history = config["history"].as_array().cloned().unwrap_or_default();
    // As podman has it: OCI's configs have no comment, so the first step's stands in.
    let comment = match record.media_type == OCI_MANIFEST {
        true => history.first().map(|step| text(step, "comment")).unwrap_or_default(),
        false => text(config, "comment"),
    };
    let id = if docker { record.id.to_string() } else { record.id.hex().to_string() };
    let container_config = execution(&config["config"], docker);
    let labels = config["config"]["Labels"].clone();
    json!({
        "Id": id,
        "Digest": record.manifest,
        "RepoTags": names,
        "RepoDigests": digests,
        "Parent": text(config, "parent"),
        "Comment": comment,
        "Created": config["created"].as_str().unwrap_or("0001-01-01T00:00:00Z"),
        "Config": container_config,
        "Version": text(config, "docker_version"),
        "DockerVersion": text(config, "docker_version"),
        "Author": text(config, "author"),
        "Architecture": record.platform.architecture,
        "Variant": record.platform.variant.clone().unwrap_or_default(),
        "Os": record.platform.os,
        "Size": record.size,
        "VirtualSize": record.size,
        "GraphDriver": graph_driver(engine, record),
        "RootFS": {"Type": "layers", "Layers": record.diff_ids},
        "Labels": labels,
        "Annotations": if manifest["annotations"].is_object() { manifest["annotations"].clone() } else { json!({}) },
        "ManifestType": record.media_type,
        "User": text(&config["config"], "User"),
        "History": history,
        "NamesHistory": names,
        "HealthCheck": config["config"]["Healthcheck"],
        "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
    })
}

/// The config's `config`, with the keys that docker always has when called as docker.
fn execution(config: &Value, docker: bool) -> Value {
    let mut fields = config.as_object().cloned().unwrap_or_default();
    if docker {
        for (key, empty) in [
            ("User", json!("")),
            ("ExposedPorts", Value::Null),
            ("Env", Value::Null),
            ("Cmd", Value::Null),
            ("Volumes", Value::Null),
            ("WorkingDir", json!("")),
            ("Entrypoint", Value::Null),
            ("OnBuild", Value::Null),
            ("Labels", Value::Null),
        ] {
            fields.entry(key).or_insert(empty);
        }
    }
    Value::Object(fields)
}

fn graph_driver(engine: &Engine, record: &ImageRecord) -> Value {
    let chain: Vec<String> = record.diff_ids.iter().rev().map(|diff_id| diff_id.hex().to_string()).collect();
    let name = match engine.store.driver() {
        Driver::Overlay => "overlay",
        Driver::Vfs => "vfs",
    };
    json!({"Name": name, "Data": {"Layers": chain}})
}
