//! `save`: images into an archive or a directory.

use super::find;
use crate::config::Program;
use crate::engine::Engine;
use crate::fault::{Fault, Kind};
use crate::image::format::save::{Saving, plan};
use crate::image::index;
use crate::model::reference::Reference;
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
    let mut chosen: Vec<(crate::store::ImageRecord, Vec<Reference>)> = Vec::new();
    for name in names {
        let local = find::get(engine, name)?;
        let mut given: Vec<Reference> = local.name.into_iter().collect();
        // docker: a repository alone means all its tags.
        if let (Program::Docker, [reference]) = (engine.config.program, given.as_slice()) {
            let alone = name.parse::<Reference>().is_ok_and(|typed| typed.tag.is_none() && typed.digest.is_none());
            if alone {
                let repository = reference.repository();
                given = index
                    .names()
                    .map(|(name, _)| name.clone())
                    .filter(|name| name.repository() == repository)
                    .collect();
            }
        }
        if given.is_empty() {
            add(&mut chosen, local.record.clone(), None);
        }
        for name in given {
            if let Some(record) = index.by_name(&name) {
                add(&mut chosen, record.clone(), Some(name));
            }
        }
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

fn add(
    chosen: &mut Vec<(crate::store::ImageRecord, Vec<Reference>)>,
    record: crate::store::ImageRecord,
    name: Option<Reference>,
) {
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
