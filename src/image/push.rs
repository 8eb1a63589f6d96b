//! `push`: from the store into a registry. What the registry has, or can take from another of its repositories, is
//! not sent; a layer is compressed once, and what came of it is remembered.

use super::compress;
use crate::fault::{Fault, Kind};
use crate::model::digest::Digest;
use crate::model::manifest::{DOCKER_CONFIG, DOCKER_MANIFEST, Descriptor, Manifest, OCI_CONFIG, OCI_MANIFEST};
use crate::model::progress::{Event, Progress, Step};
use crate::model::registries::Source;
use crate::registry::{self, Client, Failure, Mounted, Repository, Upload};
use crate::store::{ImageRecord, KnownBlob, Store};
use anyhow::{Context, Result};
use sha2::Digest as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
/// So many layers at once.
const AT_ONCE: usize = 3;
/// So much is sent with one request; some registries refuse smaller pieces than 5 MB.
const CHUNK: usize = 8 << 20;
/// Repositories to try a mount from.
const MOST_MOUNTS: usize = 4;

/// The kinds of manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OCI image manifest.
    Oci,
    /// Docker's schema 2.
    Docker,
}

/// How layers are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Compression {
    Gzip,
    Zstd,
    None,
}

/// What to push.
pub struct Request<'a> {
    /// The image.
    pub image: &'a ImageRecord,
    /// Where to, with a tag or a digest.
    pub target: &'a Source,
    /// The kind of manifest; `None`: the image's own.
    pub format: Option<Format>,
    /// How layers shall be compressed; `None`: as they are known, else gzip.
    pub compression: Option<Compression>,
    /// `--compression-level`
    pub level: Option<i32>,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The digest of the manifest.
    pub digest: Digest,
    /// Its size.
    pub size: u64,
}

/// Pushes an image.
pub fn push(store: &Store, client: &Client<'_>, request: &Request<'_>, progress: &dyn Progress) -> Result<Outcome> {
    let there = &request.target.reference;
    let repository = client.repository(&there.domain, &there.path, request.target.insecure);
    let destination = || format!("trying to reuse or copy the blobs of {there}");
    repository.reach().map_err(|failure| failure.fault(format!("pinging container registry {}", there.domain)))?;
    let _hold = store.hold()?;
    let bytes = blob(store, &request.image.manifest)?;
    let own = registry::parse_manifest(&bytes)?;
    let own_format = if request.image.media_type == DOCKER_MANIFEST { Format::Docker } else { Format::Oci };
    let format = request.format.unwrap_or(own_format);
    if format == Format::Docker && request.compression == Some(Compression::Zstd) {
        return Err(Fault::unsupported("zstd layers: Docker's manifest format has none, use --format oci").into());
    }
    let job = Job { store, repository: &repository, request, format, progress, stop: AtomicBool::new(false) };
    let layers = job.layers(&own).with_context(destination)?;
    job.config(&own).with_context(destination)?;
    // If every layer is there as the image's manifest names it, the manifest itself goes back, byte for byte.
    let same = format == own_format
        && own.layers.iter().map(|layer| &layer.digest).eq(layers.iter().map(|layer| &layer.digest));
    let bytes = if same { bytes } else { job.manifest(&own, layers)? };
    let media_type = match format {
        Format::Oci => OCI_MANIFEST,
        Format::Docker => DOCKER_MANIFEST,
    };
    let digest = Digest::of(&bytes);
    let reference = match (&there.tag, &there.digest) {
        (Some(tag), _) => tag.clone(),
        (None, Some(wanted)) if *wanted != digest => {
            let what = format!("the manifest has the digest {digest}, it can't be pushed as {wanted}");
            return Err(Fault::invalid(what).into());
        }
        (None, Some(wanted)) => wanted.to_string(),
        (None, None) => "latest".into(),
    };
    repository
        .put_manifest(&reference, media_type, &bytes)
        .map_err(|failure| failure.fault(format!("writing manifest {reference} to {}", repository.name())))?;
    Ok(Outcome { digest, size: bytes.len() as u64 })
}

fn blob(store: &Store, digest: &Digest) -> Result<Vec<u8>> {
    let bytes = store.blob(digest)?;
    bytes.ok_or_else(|| Fault::new(Kind::Internal, format!("blob {digest}: not in the store")).into())
}

/// One push.
struct Job<'a> {
    store: &'a Store,
    repository: &'a Repository<'a>,
    request: &'a Request<'a>,
    format: Format,
    progress: &'a dyn Progress,
    stop: AtomicBool,
}

impl Job<'_> {
    /// Brings every layer there, several at once; gives back what the registry has them as, bottom first.
    fn layers(&self, own: &Manifest) -> Result<Vec<Descriptor>> {
        let diff_ids = &self.request.image.diff_ids;
        // A layer may stand in an image twice.
        let mut unique: Vec<(&Digest, Option<&Descriptor>)> = Vec::new();
        for (index, diff_id) in diff_ids.iter().enumerate() {
            if !unique.iter().any(|(known, _)| *known == diff_id) {
                unique.push((diff_id, own.layers.get(index)));
            }
        }
        let workers = unique.len().min(AT_ONCE);
        let queue = Mutex::new(unique.into_iter());
        let results: Mutex<Vec<Result<(Digest, Descriptor)>>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while !self.stop.load(Ordering::Relaxed) {
                        let next = queue.lock().ok().and_then(|mut queue| queue.next());
                        let Some((diff_id, named)) = next else { return };
                        let result = self.layer(diff_id, named).map(|layer| (diff_id.clone(), layer));
                        let failed = result.is_err();
                        if let Ok(mut results) = results.lock() {
                            results.push(result);
                        }
                        if failed {
                            self.stop.store(true, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let done = results.into_inner().unwrap_or_default().into_iter().collect::<Result<Vec<_>>>()?;
        let find = |diff_id: &Digest| done.iter().find(|(known, _)| known == diff_id).map(|(_, layer)| layer.clone());
        diff_ids.iter().map(|diff_id| find(diff_id).context("a layer was left out")).collect()
    }

    /// One layer: there already, mounted, or sent.
    fn layer(&self, diff_id: &Digest, named: Option<&Descriptor>) -> Result<Descriptor> {
        let known = self.known(diff_id, named)?;
        let here = self.repository.name();
        for blob in &known {
            let size = self.ask(blob, |blob| self.repository.has_blob(&blob.digest))?;
            if size.is_some_and(|size| size == 0 || size == blob.size) {
                return self.is_there(diff_id, blob, named);
            }
        }
        let mut upload = None;
        for blob in &known {
            let prefix = format!("{}/", self.repository.registry());
            let others =
                blob.repositories.iter().filter(|name| **name != here).filter_map(|name| name.strip_prefix(&prefix));
            for from in others.take(MOST_MOUNTS) {
                match self.ask(blob, |blob| self.repository.begin_upload(Some((&blob.digest, from)))) {
                    Ok(Mounted::Yes) => return self.is_there(diff_id, blob, named),
                    // What was begun instead serves for sending.
                    Ok(Mounted::No(begun)) => {
                        if let Some(old) = upload.replace(begun) {
                            old.cancel();
                        }
                    }
                    // We may not be allowed to read that repository.
                    Err(error) => log::debug!("mounting {} from {from}: {error:#}", blob.digest),
                }
            }
        }
        let upload = match upload {
            Some(upload) => upload,
            None => self.begin()?,
        };
        self.send(diff_id, upload)
    }

    fn ask<T>(&self, blob: &KnownBlob, what: impl Fn(&KnownBlob) -> Result<T, Failure>) -> Result<T> {
        what(blob).map_err(|failure| failure.fault(format!("checking whether blob {} exists", blob.digest)))
    }

    fn begin(&self) -> Result<Upload<'_, '_>> {
        let starting =
            |failure: Failure| failure.fault(format!("initiating layer upload to {}", self.repository.name()));
        match self.repository.begin_upload(None).map_err(starting)? {
            Mounted::No(upload) => Ok(upload),
            Mounted::Yes => Err(Fault::new(Kind::Unavailable, "the registry took a blob that was not sent").into()),
        }
    }

    /// The blobs that this layer is known as, the manifest's own first, as far as they fit what was asked for.
    fn known(&self, diff_id: &Digest, named: Option<&Descriptor>) -> Result<Vec<KnownBlob>> {
        let mut known = self.store.blobs_of(diff_id)?;
        if let Some(named) = named {
            match known.iter().position(|blob| blob.digest == named.digest) {
                Some(0) => {}
                Some(at) => known.swap(0, at),
                None => known.insert(
                    0,
                    KnownBlob {
                        digest: named.digest.clone(),
                        size: named.size,
                        media_type: named.media_type.clone(),
                        repositories: Vec::new(),
                    },
                ),
            }
        }
        known.retain(|blob| {
            let is = compression_of(&blob.media_type);
            self.request.compression.is_none_or(|asked| asked == is)
                && (self.format == Format::Oci || is != Compression::Zstd)
        });
        Ok(known)
    }

    fn is_there(&self, diff_id: &Digest, blob: &KnownBlob, named: Option<&Descriptor>) -> Result<Descriptor> {
        self.tell(&blob.digest, Step::Present, blob.size, Some(blob.size));
        self.remember(diff_id, &blob.digest, blob.size, &blob.media_type)?;
        let annotations = named.filter(|named| named.digest == blob.digest).map(|named| named.annotations.clone());
        Ok(Descriptor {
            media_type: layer_type(self.format, compression_of(&blob.media_type)),
            digest: blob.digest.clone(),
            size: blob.size,
            platform: None,
            annotations: annotations.unwrap_or_default(),
        })
    }

    fn remember(&self, diff_id: &Digest, digest: &Digest, size: u64, media_type: &str) -> Result<()> {
        let blob = KnownBlob {
            digest: digest.clone(),
            size,
            media_type: media_type.to_string(),
            repositories: vec![self.repository.name()],
        };
        self.store.remember_blob(diff_id, &blob)
    }

    fn tell(&self, digest: &Digest, step: Step, done: u64, total: Option<u64>) {
        self.progress.event(Event::Blob { digest: digest.clone(), step, done, total });
    }

    /// One pass: the exact tar → compression → digest → chunks. The digest is known at the end only: until then the
    /// layer goes by its diff id.
    fn send(&self, diff_id: &Digest, mut upload: Upload<'_, '_>) -> Result<Descriptor> {
        let compression = self.request.compression.unwrap_or(Compression::Gzip);
        let mut tar = self.store.layer_tar(diff_id)?;
        let total = self.store.layer(diff_id)?.map(|layer| layer.record.size);
        let mut input =
            Counting { inner: &mut tar, count: 0, tell: &|done| self.tell(diff_id, Step::Upload, done, total) };
        let (mut hasher, mut size) = (sha2::Sha256::new(), 0);
        let mut chunk: Vec<u8> = Vec::with_capacity(CHUNK + (64 << 10));
        let mut sink = |bytes: &[u8]| -> Result<()> {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Fault::new(Kind::Unavailable, "another layer failed").into());
            }
            hasher.update(bytes);
            size += bytes.len() as u64;
            chunk.extend_from_slice(bytes);
            if chunk.len() >= CHUNK {
                upload.send(&chunk).map_err(|failure| failure.fault(format!("uploading layer {diff_id}")))?;
                chunk.clear();
            }
            Ok(())
        };
        self.tell(diff_id, Step::Upload, 0, total);
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let result = match compression {
            Compression::None => compress::store(&mut input, &mut sink),
            Compression::Gzip => {
                compress::gzip(&mut input, self.request.level.unwrap_or(compress::GZIP_LEVEL), threads, &mut sink)
            }
            Compression::Zstd => compress::zstd(&mut input, self.request.level.unwrap_or(3), threads as u32, &mut sink),
        };
        if let Err(error) = result {
            upload.cancel();
            return Err(error);
        }
        let digest = Digest::from_sha256(&hasher.finalize().into());
        upload
            .finish(&digest, &chunk)
            .map_err(|failure| failure.fault(format!("writing blob {digest} to {}", self.repository.name())))?;
        self.tell(diff_id, Step::Done, total.unwrap_or(0), total);
        let media_type = layer_type(self.format, compression);
        self.remember(diff_id, &digest, size, &media_type)?;
        Ok(Descriptor { media_type, digest, size, platform: None, annotations: Default::default() })
    }

    /// The config, which is small.
    fn config(&self, own: &Manifest) -> Result<()> {
        let digest = &self.request.image.id;
        let doing = |failure: Failure| failure.fault(format!("writing config {digest} to {}", self.repository.name()));
        if own.config.digest != *digest {
            return Err(Fault::new(Kind::Internal, format!("image {digest}: its manifest names another config")).into());
        }
        if self.repository.has_blob(digest).map_err(doing)?.is_some() {
            return Ok(());
        }
        let bytes = blob(self.store, digest)?;
        self.begin()?.finish(digest, &bytes).map_err(doing)
    }

    /// A manifest for the layers as they are there.
    fn manifest(&self, own: &Manifest, layers: Vec<Descriptor>) -> Result<Vec<u8>> {
        let (media_type, config_type) = match self.format {
            Format::Oci => (OCI_MANIFEST, OCI_CONFIG),
            Format::Docker => (DOCKER_MANIFEST, DOCKER_CONFIG),
        };
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media_type.to_string()),
            config: Descriptor { media_type: config_type.into(), ..own.config.clone() },
            layers,
            // Docker's format has none.
            annotations: if self.format == Format::Oci { own.annotations.clone() } else { Default::default() },
        };
        Ok(serde_json::to_vec(&manifest)?)
    }
}

/// Tells how far a reader is.
struct Counting<'a, R> {
    inner: R,
    count: u64,
    tell: &'a dyn Fn(u64),
}

impl<R: std::io::Read> std::io::Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let before = self.count;
        self.count += count as u64;
        if before >> 20 != self.count >> 20 {
            (self.tell)(self.count);
        }
        Ok(count)
    }
}

/// By the end of its media type.
fn compression_of(media_type: &str) -> Compression {
    match media_type.rsplit(['.', '+']).next() {
        Some("gzip") => Compression::Gzip,
        Some("zstd") => Compression::Zstd,
        _ => Compression::None,
    }
}

fn layer_type(format: Format, compression: Compression) -> String {
    match (format, compression) {
        (Format::Oci, Compression::None) => OCI_LAYER.into(),
        (Format::Oci, Compression::Gzip) => format!("{OCI_LAYER}+gzip"),
        (Format::Oci, Compression::Zstd) => format!("{OCI_LAYER}+zstd"),
        (Format::Docker, Compression::None) => DOCKER_LAYER.into(),
        (Format::Docker, _) => format!("{DOCKER_LAYER}.gzip"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_go_both_ways() {
        for (format, compression) in [
            (Format::Oci, Compression::None),
            (Format::Oci, Compression::Gzip),
            (Format::Oci, Compression::Zstd),
            (Format::Docker, Compression::None),
            (Format::Docker, Compression::Gzip),
        ] {
            assert_eq!(compression_of(&layer_type(format, compression)), compression);
        }
    }
}
