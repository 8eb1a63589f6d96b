//! Images out of archives and directories into the store.
//!
//! A plain archive on a disk is read in place: its layers unpack side by side. What can only be read once (a pipe, a
//! compressed file) is unpacked as it arrives, each layer under the diff id that it turns out to have, and matched with
//! the images when the last document is in; there is never a second copy. Nothing appears in the store unless every
//! image of the archive is whole.

use super::source::{Part, Source};
use super::{docker_archive, oci_layout};
use crate::fault::Fault;
use crate::image::index::{self, Arrival};
use crate::model::digest::Digest;
use crate::model::manifest::{DOCKER_MANIFEST, Descriptor, Manifest, OCI_MANIFEST};
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use crate::store::{StagedLayer, Store};
use anyhow::{Context as _, Result};
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Mutex;

/// More images than any archive has, and more layers than any image.
const IMAGES: usize = 1000;
const LAYERS: usize = 1000;

/// One image that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Its id.
    pub id: Digest,
    /// The names that the archive gave it; often none.
    pub names: Vec<Reference>,
}

/// An image of the archive, before its layers are in.
struct Wanted {
    config: Vec<u8>,
    diff_ids: Vec<Digest>,
    parts: Vec<Part>,
    /// None for docker's archives, which have none.
    manifest: Option<(String, Vec<u8>)>,
    names: Vec<Reference>,
}

/// Loads every image of `source`; of multi-platform images the one for `platform`.
pub fn load(store: &Store, source: &mut Source, platform: &Platform) -> Result<Vec<Loaded>> {
    let result = load_held(store, source, platform);
    if result.is_err() {
        // Layers that were whole before something else was wrong; the first cause is the one that matters.
        *source = Source::spent();
        if let Err(error) = store.sweep() {
            log::warn!("removing the layers of a refused archive: {error:#}");
        }
    }
    result
}

fn load_held(store: &Store, source: &mut Source, platform: &Platform) -> Result<Vec<Loaded>> {
    let _hold = store.hold()?;
    source.arrive(store)?;
    let wanted = describe(source, platform)?;
    let staged = unpack(store, source, &wanted)?;
    if !staged.is_empty() {
        store.commit_layers(staged)?;
    }
    let mut arrivals = Vec::with_capacity(wanted.len());
    for image in wanted {
        let made_up = image.manifest.is_none();
        let (media_type, manifest) = match image.manifest {
            Some(manifest) => manifest,
            None => {
                let mut layers = Vec::with_capacity(image.diff_ids.len());
                for diff_id in &image.diff_ids {
                    let size = store.layer(diff_id)?.map_or(0, |layer| layer.record.size);
                    layers.push((diff_id.clone(), size));
                }
                (DOCKER_MANIFEST.to_string(), docker_archive::make_manifest(&image.config, &layers))
            }
        };
        let Wanted { config, names, .. } = image;
        arrivals.push(Arrival {
            config,
            manifest,
            media_type,
            names,
            repo_digests: Vec::new(),
            blobs: Vec::new(),
            made_up,
        });
    }
    let records = index::keep(store, &arrivals)?;
    Ok(records
        .into_iter()
        .zip(arrivals)
        .map(|(record, arrival)| Loaded { id: record.id, names: arrival.names })
        .collect())
}

/// Which images `source` holds and of which layers they are made.
fn describe(source: &Source, platform: &Platform) -> Result<Vec<Wanted>> {
    let mut images = Vec::new();
    if let Some(bytes) = source.document(oci_layout::INDEX, index::DOCUMENT)? {
        describe_index(source, &bytes, platform, &mut images)?;
    }
    if let Some(bytes) = source.document(docker_archive::MANIFEST, index::DOCUMENT)? {
        let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        match is_object {
            // The `dir` layout: one manifest beside its blobs, which are named by their bare digests.
            true => images.push(describe_manifest(source, bytes, &|digest| digest.hex().to_string())?),
            false => describe_docker(source, &bytes, &mut images)?,
        }
    }
    if images.is_empty() {
        let fault =
            Fault::invalid("payload does not match any of the supported image formats: no manifest.json or index.json");
        return Err(fault
            .hint("docker-archive and oci-archive files and OCI and `dir` directories can be loaded")
            .into());
    }
    Ok(images)
}

fn describe_index(source: &Source, bytes: &[u8], platform: &Platform, images: &mut Vec<Wanted>) -> Result<()> {
    let oci_layout::Document::Index(list) = oci_layout::parse(bytes)? else {
        return Err(Fault::invalid(format!("reading the archive's {}: not an index", oci_layout::INDEX)).into());
    };
    if list.manifests.len() > IMAGES {
        return Err(Fault::invalid("reading the archive: too many images").into());
    }
    let mut by_manifest: BTreeMap<Digest, usize> = BTreeMap::new();
    for entry in list.manifests.iter().filter(|entry| oci_layout::is_image(entry)) {
        let name = oci_layout::name_of(entry);
        if let Some(at) = by_manifest.get(&entry.digest) {
            let wanted: &mut Wanted = &mut images[*at];
            wanted.names.extend(name.filter(|name| !wanted.names.contains(name)));
            continue;
        }
        let document = document(source, entry)?;
        let manifest = match oci_layout::parse_entry(entry, &document)? {
            oci_layout::Document::Manifest(_) => document,
            oci_layout::Document::Index(inner) => {
                let chosen = oci_layout::choose(&inner, platform).ok_or_else(|| {
                    let (os, architecture) = (&platform.os, &platform.architecture);
                    Fault::not_found(format!("the archive has no image for {os}/{architecture}"))
                })?;
                self::document(source, chosen)?
            }
        };
        let mut wanted = describe_manifest(source, manifest, &oci_layout::blob_path)?;
        wanted.names.extend(name);
        by_manifest.insert(entry.digest.clone(), images.len());
        images.push(wanted);
    }
    Ok(())
}

/// The bytes of a manifest that an index names, checked.
fn document(source: &Source, entry: &Descriptor) -> Result<Vec<u8>> {
    checked(source, &oci_layout::blob_path(&entry.digest), Some(entry), index::DOCUMENT)
}

fn checked(source: &Source, path: &str, entry: Option<&Descriptor>, limit: u64) -> Result<Vec<u8>> {
    let bytes = source
        .document(path, limit)?
        .ok_or_else(|| Fault::invalid(format!("reading the archive: {path} is missing")))?;
    let fits = |entry: &Descriptor| entry.size == bytes.len() as u64 && Digest::of(&bytes) == entry.digest;
    if !entry.is_none_or(fits) {
        return Err(Fault::invalid(format!("reading the archive: {path} does not match its digest")).into());
    }
    Ok(bytes)
}

fn describe_manifest(source: &Source, bytes: Vec<u8>, path: &dyn Fn(&Digest) -> String) -> Result<Wanted> {
    let oci_layout::Document::Manifest(manifest) = oci_layout::parse(&bytes)? else {
        return Err(Fault::invalid("reading the archive: an index in place of a manifest").into());
    };
    let Manifest { config, layers, media_type, .. } = manifest;
    let config = checked(source, &path(&config.digest), Some(&config), index::CONFIG)?;
    let parts = layers.into_iter().map(|layer| Part { path: path(&layer.digest), blob: Some(layer) }).collect();
    let media_type = media_type.filter(|kind| !kind.is_empty()).unwrap_or_else(|| OCI_MANIFEST.into());
    finish(config, parts, Some((media_type, bytes)), Vec::new())
}

fn describe_docker(source: &Source, bytes: &[u8], images: &mut Vec<Wanted>) -> Result<()> {
    let items = docker_archive::parse(bytes)?;
    if items.len() > IMAGES {
        return Err(Fault::invalid("reading the archive: too many images").into());
    }
    for item in items {
        let config = checked(source, &item.config, None, index::CONFIG)?;
        if docker_archive::claimed_digest(&item.config).is_some_and(|claimed| claimed != Digest::of(&config)) {
            let path = item.config;
            return Err(Fault::invalid(format!("reading the archive: {path} does not match its digest")).into());
        }
        let mut names = Vec::new();
        for name in item.repo_tags.unwrap_or_default() {
            let name: Reference = name.parse().context("reading the archive's names")?;
            names.push(name.with_default_tag());
        }
        // Newer dockers list the same images in index.json too.
        match images.iter_mut().find(|image| image.config == config) {
            Some(image) => {
                let fresh: Vec<_> = names.into_iter().filter(|name| !image.names.contains(name)).collect();
                image.names.extend(fresh);
            }
            None => {
                let layers = item.layers.unwrap_or_default();
                let parts = layers.into_iter().map(|path| Part { path, blob: None }).collect();
                images.push(finish(config, parts, None, names)?);
            }
        }
    }
    Ok(())
}

fn finish(
    config: Vec<u8>,
    parts: Vec<Part>,
    manifest: Option<(String, Vec<u8>)>,
    names: Vec<Reference>,
) -> Result<Wanted> {
    let diff_ids = index::parse_config(&config)?.rootfs.diff_ids;
    if diff_ids.len() > LAYERS {
        return Err(Fault::invalid("reading the archive: an image has too many layers").into());
    }
    if diff_ids.len() != parts.len() {
        let (said, there) = (diff_ids.len(), parts.len());
        return Err(Fault::invalid(format!("the image's config names {said} layers, its manifest {there}")).into());
    }
    Ok(Wanted { config, diff_ids, parts, manifest, names })
}

/// Unpacks what is not in the store yet, several layers at once; on a failure everything staged is dropped.
fn unpack(store: &Store, source: &mut Source, wanted: &[Wanted]) -> Result<Vec<StagedLayer>> {
    let mut missing: BTreeMap<&Digest, &Part> = BTreeMap::new();
    for image in wanted {
        for (diff_id, part) in image.diff_ids.iter().zip(&image.parts) {
            if source.verify(part, diff_id)? || missing.contains_key(diff_id) {
                continue;
            }
            if store.layer(diff_id)?.is_none() {
                missing.insert(diff_id, part);
            }
        }
    }
    let mut staged = source.take_arrived(wanted.iter().flat_map(|image| &image.diff_ids));
    let mut queue: Vec<_> = missing.into_iter().collect();
    // The largest first: what is popped is the last.
    queue.sort_by_key(|(_, part)| source.size_of(part));
    let workers = queue.len().min(4);
    let (queue, results, source) = (Mutex::new(queue), Mutex::new(Vec::new()), &*source);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().ok().and_then(|mut queue| queue.pop());
                    let Some((diff_id, part)) = next else { return };
                    let result = unpack_one(store, source, diff_id, part);
                    if let (Err(_), Ok(mut queue)) = (&result, queue.lock()) {
                        queue.clear();
                    }
                    if let Ok(mut results) = results.lock() {
                        results.push(result);
                    }
                }
            });
        }
    });
    for result in results.into_inner().unwrap_or_default() {
        staged.push(result?);
    }
    Ok(staged)
}

fn unpack_one(store: &Store, source: &Source, diff_id: &Digest, part: &Part) -> Result<StagedLayer> {
    let mut content = source.content(part)?;
    // The digest of an uncompressed layer is its diff id, which the store checks.
    let blob = part.blob.as_ref().filter(|blob| blob.digest != *diff_id);
    let writer = store.unpack(Some(diff_id))?;
    let (staged, digest, size) = pour(&mut content, writer, blob.is_some())?;
    let fits = |blob: &Descriptor| size == blob.size && digest.as_ref().is_none_or(|digest| *digest == blob.digest);
    if !part.blob.as_ref().is_none_or(fits) {
        return Err(Fault::invalid(format!("layer {}: does not match its digest", part.path)).into());
    }
    Ok(staged)
}

/// Feeds a layer's bytes to its unpacking; returns how many they were and, if asked for, their digest.
pub(super) fn pour(
    content: &mut dyn Read,
    mut writer: crate::store::LayerWriter,
    hash: bool,
) -> Result<(StagedLayer, Option<Digest>, u64)> {
    let mut hasher = hash.then(sha2::Sha256::new);
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        let count = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).context("reading the archive"),
        };
        if let Some(hasher) = &mut hasher {
            hasher.update(&buffer[..count]);
        }
        size += count as u64;
        if let Err(error) = writer.write_all(&buffer[..count]) {
            // The unpacking has stopped; it knows why, the pipe does not.
            return Err(writer.finish().err().unwrap_or_else(|| error.into()));
        }
    }
    let staged = writer.finish()?;
    Ok((staged, hasher.map(|hasher| Digest::from_sha256(&hasher.finalize().into())), size))
}
