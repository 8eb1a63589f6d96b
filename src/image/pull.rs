//! `pull`: from a registry into the store. Manifest, platform, config; then every missing layer in one pass each,
//! several at once; then one sync and the index.

use super::index::{self, Arrival};
use super::select;
use crate::fault::{Fault, Kind};
use crate::model::digest::Digest;
use crate::model::image::ImageConfig;
use crate::model::manifest::{DOCKER_CONFIG, Descriptor, Manifest, OCI_CONFIG};
use crate::model::platform::Platform;
use crate::model::progress::{Event, Progress, Step};
use crate::model::reference::Reference;
use crate::model::registries::Source;
use crate::registry::{self, Client, Failure, Fetched, MANIFEST_LIMIT, Ranged, Repository};
use crate::store::{ImageRecord, KnownBlob, LayerWriter, PartialBlob, StagedLayer, Store};
use anyhow::{Context, Result};
use sha2::Digest as _;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// So many layers at once: more wait for the disk only.
const AT_ONCE: usize = 4;
/// The kernel mounts no more lower directories on each other.
const MOST_LAYERS: usize = 500;
/// Smaller blobs are fetched again rather than kept when a download breaks off.
const WORTH_KEEPING: u64 = 4 << 20;
const BUFFER: usize = 256 << 10;

/// What to pull.
pub struct Request<'a> {
    /// The name it will have here.
    pub name: &'a Reference,
    /// Where to look, best first.
    pub sources: &'a [Source],
    /// What for; `None`: this machine.
    pub platform: Option<&'a Platform>,
}

/// What was pulled.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// As it stands in the index now.
    pub record: ImageRecord,
    /// What the registry calls it: the digest of the manifest or index that the name stands for.
    pub digest: Digest,
    /// The name stood for another image, or none, before.
    pub changed: bool,
    /// The image is for another platform than was asked for.
    pub foreign: Option<Platform>,
}

/// Pulls an image from the first source that has it.
pub fn pull(store: &Store, client: &Client<'_>, request: &Request<'_>, progress: &dyn Progress) -> Result<Outcome> {
    let mut last = None;
    for source in request.sources {
        match pull_from(store, client, request, source, progress) {
            Ok(outcome) => return Ok(outcome),
            Err(error) => {
                // Layers that came whole wait for the next try, but not for one that would fail again.
                if is_wrong(&error) || is_full(&error) {
                    store.sweep()?;
                }
                if source.mirror {
                    log::info!("mirror {}: {error:#}", source.reference.repository());
                }
                last = Some(error);
            }
        }
    }
    Err(last.unwrap_or_else(|| Fault::invalid(format!("{}: no registry to pull from", request.name)).into()))
}

fn pull_from(
    store: &Store,
    client: &Client<'_>,
    request: &Request<'_>,
    source: &Source,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let there = &source.reference;
    let repository = client.repository(&there.domain, &there.path, source.insecure);
    let reference = match &there.digest {
        Some(digest) => digest.to_string(),
        None => there.tag_or_latest().unwrap_or("latest").to_string(),
    };
    let initializing = || format!("initializing source docker://{there}");
    repository
        .reach()
        .map_err(|failure| failure.fault(format!("pinging container registry {}", there.domain)))
        .with_context(initializing)?;
    let top = fetch_manifest(&repository, &reference).with_context(initializing)?;
    let platform = select::wanted(request.platform);
    let (fetched, index) = if top.is_index() {
        let index = registry::parse_index(&top.bytes)?;
        let entry = select::choose(&index, &platform).map_err(|fault| Fault {
            what: format!("choosing an image from manifest list {there}: {fault}"),
            ..fault
        })?;
        (fetch_child(store, &repository, entry)?, Some(&top))
    } else {
        (top.clone(), None)
    };
    let manifest = registry::parse_manifest(&fetched.bytes)?;
    let config_bytes = fetch_config(store, &repository, &manifest.config)?;
    let config = index::parse_config(&config_bytes)?;
    let layers = layers(&manifest, &config)?;

    let _hold = store.hold()?;
    let missing = fetch_layers(store, &repository, &layers, progress)?;
    let mut digests = vec![&top.digest];
    let mut blobs = Vec::new();
    if let Some(index) = index {
        blobs.push(store.put_blob(&index.bytes)?);
        digests.push(&fetched.digest);
    }
    let name = request.name.clone().with_default_tag();
    let name = if name.digest.is_some() { Reference { tag: None, ..name } } else { name };
    let before = store.images()?.by_name(&name).map(|image| image.id.clone());
    let arrival = Arrival {
        config: config_bytes,
        manifest: fetched.bytes.clone(),
        media_type: fetched.media_type.clone(),
        repo_digests: digests.iter().map(|digest| format!("{}@{digest}", name.repository())).collect(),
        names: vec![name],
        blobs,
        made_up: false,
    };
    let mut records = index::keep(store, &[arrival])?;
    let record = records.pop().context("the index lost an image")?;
    for (descriptor, diff_id) in &layers {
        let known = KnownBlob {
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            media_type: descriptor.media_type.clone(),
            repositories: vec![there.repository()],
        };
        store.remember_blob(diff_id, &known)?;
    }
    // What earlier tries left of these layers is of no use any more, by whomever they were fetched.
    for descriptor in missing {
        store.partial(&descriptor.digest)?.remove()?;
    }
    let fits = config.os == platform.os && (config.architecture == platform.architecture);
    let foreign = (!fits && !config.architecture.is_empty()).then(|| record.platform.clone());
    Ok(Outcome { changed: before.as_ref() != Some(&record.id), digest: top.digest.clone(), foreign, record })
}

fn fetch_manifest(repository: &Repository<'_>, reference: &str) -> Result<Fetched> {
    repository.manifest(reference).map_err(|failure| {
        if failure.status().is_none() && !matches!(failure, Failure::Bad(_) | Failure::Ours(_)) {
            return failure.fault(format!("pinging container registry {}", repository.registry()));
        }
        failure.fault(format!("reading manifest {reference} in {}", repository.name()))
    })
}

/// The manifest that an index names: its size, digest and type must be those of the index.
fn fetch_child(store: &Store, repository: &Repository<'_>, entry: &Descriptor) -> Result<Fetched> {
    let bad = |why: String| Fault::new(Kind::Denied, format!("manifest {}: {why}", entry.digest));
    if entry.size > MANIFEST_LIMIT {
        return Err(bad(format!("{} bytes are too many for a manifest", entry.size)).into());
    }
    let known = store.blob(&entry.digest).ok().flatten().filter(|_| !entry.media_type.is_empty());
    let fetched = match known {
        Some(bytes) => Fetched { bytes, digest: entry.digest.clone(), media_type: entry.media_type.clone() },
        None => fetch_manifest(repository, entry.digest.as_str())?,
    };
    if fetched.bytes.len() as u64 != entry.size {
        return Err(bad(format!("it has {} bytes, its index says {}", fetched.bytes.len(), entry.size)).into());
    }
    if !entry.media_type.is_empty() && entry.media_type != fetched.media_type {
        return Err(bad(format!("it is {:?}, its index says {:?}", fetched.media_type, entry.media_type)).into());
    }
    if fetched.is_index() {
        return Err(bad("an index within an index".into()).into());
    }
    Ok(fetched)
}

fn fetch_config(store: &Store, repository: &Repository<'_>, descriptor: &Descriptor) -> Result<Vec<u8>> {
    if !matches!(descriptor.media_type.as_str(), OCI_CONFIG | DOCKER_CONFIG) {
        let what = format!("unsupported image-specific operation on artifact with type {:?}", descriptor.media_type);
        return Err(Fault::unsupported(what).into());
    }
    if descriptor.size > index::CONFIG {
        let what = format!("config {}: {} bytes are too many", descriptor.digest, descriptor.size);
        return Err(Fault::new(Kind::Denied, what).into());
    }
    if let Ok(Some(bytes)) = store.blob(&descriptor.digest) {
        return Ok(bytes);
    }
    repository
        .small_blob(&descriptor.digest, descriptor.size)
        .map_err(|failure| failure.fault(format!("reading config {} in {}", descriptor.digest, repository.name())))
}

/// Each layer's blob with its diff id, bottom first.
fn layers(manifest: &Manifest, config: &ImageConfig) -> Result<Vec<(Descriptor, Digest)>, Fault> {
    let (there, said) = (manifest.layers.len(), config.rootfs.diff_ids.len());
    if there != said {
        return Err(Fault::new(Kind::Denied, format!("the image's config names {said} layers, its manifest {there}")));
    }
    if there > MOST_LAYERS {
        return Err(Fault::unsupported(format!(
            "an image of {there} layers: the kernel can't mount more than {MOST_LAYERS}"
        )));
    }
    Ok(manifest.layers.iter().cloned().zip(config.rootfs.diff_ids.iter().cloned()).collect())
}

/// Brings in the layers that are not here; gives back their descriptors. All or nothing is kept.
fn fetch_layers<'l>(
    store: &Store,
    repository: &Repository<'_>,
    layers: &'l [(Descriptor, Digest)],
    progress: &dyn Progress,
) -> Result<Vec<&'l Descriptor>> {
    let missing = |wanted: BTreeMap<&'l Digest, &'l Descriptor>| -> Result<BTreeMap<&'l Digest, &'l Descriptor>> {
        let mut missing = BTreeMap::new();
        for (diff_id, descriptor) in wanted {
            if store.layer(diff_id)?.is_none() {
                missing.insert(diff_id, descriptor);
            }
        }
        Ok(missing)
    };
    let mut wanted = missing(layers.iter().map(|(descriptor, diff_id)| (diff_id, descriptor)).collect())?;
    // Who needs a layer that somebody else is fetching waits for him. Everybody locks in the same order.
    let keys: BTreeSet<&Digest> =
        wanted.iter().flat_map(|(diff_id, descriptor)| [*diff_id, &descriptor.digest]).collect();
    let _locks = keys.into_iter().map(|key| store.lock_layer(key)).collect::<Result<Vec<_>>>()?;
    wanted = missing(wanted)?;
    for (descriptor, diff_id) in layers {
        let step = if wanted.contains_key(diff_id) { Step::Download } else { Step::Present };
        progress.event(event(descriptor, step, 0));
    }
    // The largest first: what is popped is the last.
    let mut queue: Vec<_> = wanted.iter().map(|(diff_id, descriptor)| (*diff_id, *descriptor)).collect();
    queue.sort_by_key(|(_, descriptor)| descriptor.size);
    let workers = queue.len().min(AT_ONCE);
    let results: Mutex<Vec<Result<StagedLayer>>> = Mutex::default();
    let (queue, stop) = (Mutex::new(queue), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let mut buffer = vec![0; BUFFER];
                loop {
                    let next = queue.lock().ok().and_then(|mut queue| queue.pop());
                    let Some((diff_id, descriptor)) = next.filter(|_| !stop.load(Ordering::Relaxed)) else { return };
                    let mut fetch =
                        Fetch { store, repository, descriptor, diff_id, progress, stop: &stop, buffer: &mut buffer };
                    let result = fetch.run();
                    let failed = result.is_err();
                    // First told, then stopped: the first failure is the one that counts.
                    if let Ok(mut results) = results.lock() {
                        results.push(result);
                    }
                    if failed {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_default();
    let committed = results.into_iter().collect::<Result<Vec<_>>>().and_then(|staged| store.commit_layers(staged));
    if let Err(error) = committed {
        if is_full(&error) {
            // The space is given back, also that of what could have been taken up later.
            for descriptor in wanted.values() {
                store.partial(&descriptor.digest)?.remove()?;
            }
        }
        return Err(error);
    }
    Ok(wanted.into_values().collect())
}

fn event(descriptor: &Descriptor, step: Step, done: u64) -> Event {
    Event::Blob { digest: descriptor.digest.clone(), step, done, total: Some(descriptor.size) }
}

/// One layer on its way from the registry into its directory.
struct Fetch<'a> {
    store: &'a Store,
    repository: &'a Repository<'a>,
    descriptor: &'a Descriptor,
    diff_id: &'a Digest,
    progress: &'a dyn Progress,
    stop: &'a AtomicBool,
    buffer: &'a mut [u8],
}

impl Fetch<'_> {
    fn run(&mut self) -> Result<StagedLayer> {
        let mut partial = self.store.partial(&self.descriptor.digest)?;
        let resumes = !partial.is_empty();
        if partial.len() > self.descriptor.size {
            partial.clear()?;
        }
        let doing = format!("copying layer {}", self.descriptor.digest);
        match self.stream(partial) {
            // What an earlier try left is not trusted: if it does not lead to the right bytes, begin with nothing.
            Err(error) if resumes && !self.stop.load(Ordering::Relaxed) && is_wrong(&error) => {
                log::info!("{}: {error:#}; fetching it from its beginning", self.descriptor.digest);
                let mut partial = self.store.partial(&self.descriptor.digest)?;
                partial.clear()?;
                self.stream(partial)
            }
            result => result,
        }
        .context(doing)
    }

    /// One pass: network → (what is kept for a resume) → digest → unpacking.
    fn stream(&mut self, mut partial: PartialBlob) -> Result<StagedLayer> {
        let size = self.descriptor.size;
        let keep = size >= WORTH_KEEPING;
        let mut writer = self.store.unpack(Some(self.diff_id))?;
        let mut hasher = sha2::Sha256::new();
        let mut done = 0;
        if !partial.is_empty() {
            let mut file = partial.reader()?;
            while done < partial.len() {
                let count = file.read(self.buffer)?;
                if count == 0 {
                    break;
                }
                hasher.update(&self.buffer[..count]);
                writer = pour(writer, &self.buffer[..count])?;
                done += count as u64;
            }
        }
        let retry = self.repository.retry().clone();
        let (mut tries, mut silent) = (0, 0);
        while done < size {
            let before = done;
            let failure = match self.receive(&mut writer, &mut hasher, keep.then_some(&mut partial), &mut done) {
                Ok(()) => break,
                Err(Stop::Network(failure)) => failure,
                // The unpacking has stopped; it knows why, the pipe does not.
                Err(Stop::Unpacking(error)) => return Err(writer.finish().err().unwrap_or_else(|| error.into())),
                Err(Stop::Other(error)) => return Err(error),
            };
            if done > before {
                (tries, silent) = (0, 0);
            }
            silent += u32::from(matches!(failure, Failure::Silent(_)));
            if tries >= retry.times || silent > 1 || !failure.may_pass(retry.explicit) {
                if matches!(failure, Failure::Bad(_)) {
                    partial.clear()?;
                }
                return Err(failure.fault(format!("reading blob {}", self.descriptor.digest)));
            }
            let pause = retry.pause(tries, failure.after());
            log::info!("{}: {failure} after {done} of {size} bytes; going on in {pause:?}", self.descriptor.digest);
            std::thread::sleep(pause);
            tries += 1;
        }
        let digest = Digest::from_sha256(&hasher.finalize().into());
        if digest != self.descriptor.digest {
            partial.clear()?;
            let what = format!("its bytes have the digest {digest}");
            return Err(Fault::new(Kind::Denied, what).into());
        }
        let staged = writer.finish()?;
        self.progress.event(event(self.descriptor, Step::Done, size));
        Ok(staged)
    }

    /// One connection's worth of bytes, from `done` on.
    fn receive(
        &mut self,
        writer: &mut LayerWriter,
        hasher: &mut sha2::Sha256,
        mut keep: Option<&mut PartialBlob>,
        done: &mut u64,
    ) -> Result<(), Stop> {
        let Descriptor { digest, size, .. } = self.descriptor;
        let mut reader = self.repository.open_blob(digest, *size, *done).map_err(Stop::Network)?;
        let mut skip = if reader.ranged == Ranged::FromStart { *done } else { 0 };
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Stop::Other(Fault::new(Kind::Unavailable, "another layer failed").into()));
            }
            let count = reader.read(self.buffer).map_err(Stop::Network)?;
            if count == 0 {
                return Ok(());
            }
            let known = usize::try_from(skip).unwrap_or(usize::MAX).min(count);
            skip -= known as u64;
            let bytes = &self.buffer[known..count];
            if bytes.is_empty() {
                continue;
            }
            hasher.update(bytes);
            if let Some(partial) = &mut keep {
                partial.append(bytes).map_err(Stop::Other)?;
            }
            writer.write_all(bytes).map_err(Stop::Unpacking)?;
            *done += bytes.len() as u64;
            self.progress.event(event(self.descriptor, Step::Download, *done));
        }
    }
}

/// Why a connection's stream ended.
enum Stop {
    Network(Failure),
    Unpacking(std::io::Error),
    Other(anyhow::Error),
}

/// Gives bytes to the unpacking; if that has stopped, its own reason is the error.
fn pour(mut writer: LayerWriter, bytes: &[u8]) -> Result<LayerWriter> {
    match writer.write_all(bytes) {
        Ok(()) => Ok(writer),
        Err(error) => Err(writer.finish().err().unwrap_or_else(|| error.into())),
    }
}

/// The bytes are wrong (not: they did not come).
fn is_wrong(error: &anyhow::Error) -> bool {
    !matches!(Fault::kind_of(error), Kind::Unavailable | Kind::Unauthorized | Kind::NotFound)
}

/// There is no room for it.
fn is_full(error: &anyhow::Error) -> bool {
    let by_kind = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded));
    by_kind || format!("{error:#}").to_ascii_lowercase().contains("left on device")
}
