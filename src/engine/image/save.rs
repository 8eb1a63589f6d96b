//! `save`: images into an archive or a directory.

use super::find;
use crate::config::Program;
use crate::engine::Engine;
use crate::fault::{Fault, Kind};
use crate::image::format::save::{Saving, plan};
use crate::image::index;
use crate::model::reference::Reference;
use crate::store::{ImageRecord, Images};
use anyhow::{Context as _, Result};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

pub use crate::image::format::save::Format;

/// What to write, and where.
#[derive(Debug, Clone)]
pub struct SaveOptions {
    /// The kind of archive or directory.
    pub format: Format,
    /// Compress layers with gzip; docker's archives can't.
    pub compress: bool,
    /// None: the stream that [`save`] is given.
    pub output: Option<PathBuf>,
}

/// Saves images. Several names of one image are saved as its names; one named by its id is saved without a name.
pub fn save(engine: &Engine, names: &[String], options: &SaveOptions, stream: &mut dyn Write) -> Result<()> {
    let _hold = engine.store.hold()?;
    let images = choose(engine, names)?;
    let scratch = options.compress.then_some(engine.config.tmp.as_path());
    let plan = plan(&engine.store, &images, options.format, scratch)?;
    match &options.output {
        Some(path) if options.format.is_directory() => plan.write_directory(&engine.store, path),
        // Devices and FIFOs are written to, not replaced.
        Some(path) if path.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir()) => {
            let mut file =
                OpenOptions::new().write(true).open(path).with_context(|| format!("opening {}", path.display()))?;
            plan.write_stream(&engine.store, &mut file)
        }
        Some(path) if path.is_dir() => {
            Err(Fault::invalid(format!("invalid output path: \"{}\" is a directory", path.display())).into())
        }
        Some(path) => plan.write_file(&engine.store, path),
        None => plan.write_stream(&engine.store, stream),
    }
}

/// The images that `names` mean, each once, in the order they were named.
fn choose(engine: &Engine, names: &[String]) -> Result<Vec<Saving>> {
    let index = engine.store.images()?;
    let mut chosen: Vec<(ImageRecord, Vec<Reference>)> = Vec::new();
    for name in names {
        let all_tags = all_tags(engine.config.program, name, &index);
        if !all_tags.is_empty() {
            for (name, record) in all_tags {
                add(&mut chosen, record, Some(name));
            }
            continue;
        }
        let local = find::get(engine, name)?;
        add(&mut chosen, local.record, local.name);
    }
    chosen
        .into_iter()
        .map(|(record, names)| {
            let blob = |digest| {
                engine.store.blob(digest)?.ok_or_else(|| {
                    anyhow::Error::from(Fault::new(Kind::Internal, format!("blob {digest}: not in the store")))
                })
            };
            let (config, manifest) = (blob(&record.id)?, blob(&record.manifest)?);
            Ok(Saving { parsed: index::parse_config(&config)?, config, manifest, names })
        })
        .collect()
}

/// docker: a repository without a tag means all its tags.
fn all_tags(program: Program, name: &str, index: &Images) -> Vec<(Reference, ImageRecord)> {
    let repository = match (program, name.parse::<Reference>()) {
        (Program::Docker, Ok(typed)) if typed.tag.is_none() && typed.digest.is_none() => typed.repository(),
        _ => return Vec::new(),
    };
    let tags = index.names().filter(|(name, _)| name.repository() == repository);
    tags.filter_map(|(name, id)| Some((name.clone(), index.get(id)?.clone()))).collect()
}

fn add(chosen: &mut Vec<(ImageRecord, Vec<Reference>)>, record: ImageRecord, name: Option<Reference>) {
    let at = match chosen.iter().position(|(known, _)| known.id == record.id) {
        Some(at) => at,
        None => {
            chosen.push((record, Vec::new()));
            chosen.len() - 1
        }
    };
    let names = &mut chosen[at].1;
    names.extend(name.filter(|name| !names.contains(name)));
}
