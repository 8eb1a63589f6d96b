//! Images out of the store into archives and directories.
//!
//! The same image gives the same bytes every time: entries in the images' order, times and owners zero, layers as the
//! exact tars that they came in. Into a regular file, the layers are written side by side, each at its place.

use super::{docker_archive, oci_layout, tarball};
use crate::fault::{Fault, Kind};
use crate::image::compress;
use crate::model::digest::Digest;
use crate::model::image::ImageConfig;
use crate::model::manifest::{Descriptor, Manifest, OCI_CONFIG, OCI_MANIFEST};
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use crate::store::Store;
use crate::sys::writeback;
use anyhow::{Context as _, Result};
use sha2::Digest as _;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What `save` can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `docker save`'s tar.
    DockerArchive,
    /// An OCI layout in a tar.
    OciArchive,
    /// An OCI layout in a directory.
    OciDirectory,
    /// A manifest beside its blobs (`dir:` of other tools): one image.
    DockerDirectory,
}

impl Format {
    /// Whether it is a directory.
    pub fn is_directory(self) -> bool {
        matches!(self, Format::OciDirectory | Format::DockerDirectory)
    }
}

/// An image to be saved.
#[derive(Debug, Clone)]
pub struct Saving {
    /// Its config's exact bytes.
    pub config: Vec<u8>,
    /// What of it we understand.
    pub parsed: ImageConfig,
    /// The manifest that it came with.
    pub manifest: Vec<u8>,
    /// The names to give it.
    pub names: Vec<Reference>,
}

/// A file of the archive or directory.
struct Item {
    path: String,
    size: u64,
    content: Content,
}

enum Content {
    Bytes(Vec<u8>),
    /// The exact tar of a layer.
    Layer(Digest),
    /// A compressed layer, in a file without a name.
    Spooled(File),
}

/// How the bytes of a layer appear in what is written.
struct Blob {
    descriptor: Descriptor,
    content: Content,
}

/// Everything that is written for some images.
pub struct Plan {
    items: Vec<Item>,
}

/// Works out the files. With `scratch` layers are compressed, now, into files without a name in that directory.
pub fn plan(store: &Store, images: &[Saving], format: Format, scratch: Option<&Path>) -> Result<Plan> {
    let mut items = Vec::new();
    let mut seen = HashSet::new();
    match format {
        Format::DockerArchive => plan_docker_archive(store, images, &mut items, &mut seen)?,
        Format::OciArchive | Format::OciDirectory => plan_oci(store, images, scratch, &mut items, &mut seen)?,
        Format::DockerDirectory => plan_docker_directory(store, images, scratch, &mut items, &mut seen)?,
    }
    Ok(Plan { items })
}

fn bytes(path: impl Into<String>, bytes: Vec<u8>) -> Item {
    Item { path: path.into(), size: bytes.len() as u64, content: Content::Bytes(bytes) }
}

fn push(items: &mut Vec<Item>, seen: &mut HashSet<String>, item: Item) {
    if seen.insert(item.path.clone()) {
        items.push(item);
    }
}

fn size_of(store: &Store, diff_id: &Digest) -> Result<u64> {
    let layer = store.layer(diff_id)?.ok_or_else(|| {
        let fault = Fault::new(Kind::Internal, format!("layer {diff_id}: not in the store"));
        fault.hint("pull or load the image again")
    })?;
    Ok(layer.record.size)
}

fn plan_docker_archive(
    store: &Store,
    images: &[Saving],
    items: &mut Vec<Item>,
    seen: &mut HashSet<String>,
) -> Result<()> {
    let mut list = Vec::new();
    for image in images {
        let layers = image.parsed.rootfs.diff_ids.clone();
        for diff_id in &layers {
            let (path, size) = (docker_archive::layer_path(diff_id), size_of(store, diff_id)?);
            push(items, seen, Item { path, size, content: Content::Layer(diff_id.clone()) });
        }
        let id = Digest::of(&image.config);
        push(items, seen, bytes(docker_archive::config_path(&id), image.config.clone()));
        list.push((id, layers, image.names.clone()));
    }
    let (manifest, repositories) = docker_archive::render(&list);
    items.push(bytes(docker_archive::MANIFEST, manifest));
    items.push(bytes("repositories", repositories));
    Ok(())
}

fn plan_oci(
    store: &Store,
    images: &[Saving],
    scratch: Option<&Path>,
    items: &mut Vec<Item>,
    seen: &mut HashSet<String>,
) -> Result<()> {
    let mut list = Vec::new();
    for image in images {
        let blobs = blobs(store, image, scratch, oci_layout::LAYER)?;
        let (manifest, config) = manifest(image, &blobs);
        for blob in blobs {
            let Blob { descriptor, content } = blob;
            let path = oci_layout::blob_path(&descriptor.digest);
            push(items, seen, Item { path, size: descriptor.size, content });
        }
        push(items, seen, bytes(oci_layout::blob_path(&config.digest), image.config.clone()));
        let digest = Digest::of(&manifest);
        let mut entry = oci_layout::describe(OCI_MANIFEST, digest.clone(), manifest.len() as u64);
        let ImageConfig { os, architecture, variant, .. } = &image.parsed;
        if !os.is_empty() {
            let platform = Platform { os: os.clone(), architecture: architecture.clone(), variant: variant.clone() };
            entry.platform = Some(platform);
        }
        push(items, seen, bytes(oci_layout::blob_path(&digest), manifest));
        list.push((entry, image.names.clone()));
    }
    items.push(bytes(oci_layout::INDEX, oci_layout::render_index(&list)));
    items.push(bytes(oci_layout::MARKER, oci_layout::MARKER_CONTENT.to_vec()));
    Ok(())
}

fn plan_docker_directory(
    store: &Store,
    images: &[Saving],
    scratch: Option<&Path>,
    items: &mut Vec<Item>,
    seen: &mut HashSet<String>,
) -> Result<()> {
    let [image] = images else {
        return Err(Fault::invalid("unsupported format \"docker-dir\" for saving multiple images").into());
    };
    let blobs = blobs(store, image, scratch, oci_layout::LAYER)?;
    let (manifest, config) = manifest(image, &blobs);
    for Blob { descriptor, content } in blobs {
        let path = descriptor.digest.hex().to_string();
        push(items, seen, Item { path, size: descriptor.size, content });
    }
    push(items, seen, bytes(config.digest.hex(), image.config.clone()));
    items.push(bytes("version", b"Directory Transport Version: 1.1\n".to_vec()));
    items.push(bytes(docker_archive::MANIFEST, manifest));
    Ok(())
}

/// An OCI manifest over these blobs; annotations come along from the manifest that the image came with.
fn manifest(image: &Saving, blobs: &[Blob]) -> (Vec<u8>, Descriptor) {
    let config = oci_layout::describe(OCI_CONFIG, Digest::of(&image.config), image.config.len() as u64);
    let layers = blobs.iter().map(|blob| blob.descriptor.clone()).collect();
    let annotations =
        serde_json::from_slice::<Manifest>(&image.manifest).map(|old| old.annotations).unwrap_or_default();
    (oci_layout::render_manifest(config.clone(), layers, annotations), config)
}

/// The layers of an image as blobs: as they are, or compressed (several at once) when there is a place for that.
fn blobs(store: &Store, image: &Saving, scratch: Option<&Path>, media_type: &str) -> Result<Vec<Blob>> {
    let diff_ids = &image.parsed.rootfs.diff_ids;
    let Some(scratch) = scratch else {
        return diff_ids
            .iter()
            .map(|diff_id| {
                let descriptor = oci_layout::describe(media_type, diff_id.clone(), size_of(store, diff_id)?);
                Ok(Blob { descriptor, content: Content::Layer(diff_id.clone()) })
            })
            .collect();
    };
    let media_type = format!("{media_type}+gzip");
    side_by_side(diff_ids.iter().collect(), |diff_id| {
        let (file, digest, size) = compress_layer(store, diff_id, scratch)?;
        Ok(Blob { descriptor: oci_layout::describe(&media_type, digest, size), content: Content::Spooled(file) })
    })
}

/// Runs `act` on each, some at once; results in the order of the inputs, or the first failure.
fn side_by_side<T: Send, R: Send>(inputs: Vec<T>, act: impl Fn(T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8).min(inputs.len());
    let queue = Mutex::new(inputs.into_iter().enumerate());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().ok().and_then(|mut queue| queue.next());
                    let Some((index, input)) = next else { return };
                    let result = act(input);
                    let failed = result.is_err();
                    if let Ok(mut results) = results.lock() {
                        results.push((index, result));
                    }
                    if failed {
                        // Nothing more is begun.
                        if let Ok(mut queue) = queue.lock() {
                            queue.by_ref().for_each(drop);
                        }
                    }
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Compresses a layer into a file without a name, as `push` does.
fn compress_layer(store: &Store, diff_id: &Digest, scratch: &Path) -> Result<(File, Digest, u64)> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).mode(0o600).custom_flags(libc::O_TMPFILE).open(scratch);
    let mut file = file.with_context(|| format!("making a temporary file in {}", scratch.display()))?;
    let (mut hasher, mut size) = (sha2::Sha256::new(), 0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    compress::gzip(&mut store.layer_tar(diff_id)?, compress::GZIP_LEVEL, threads, &mut |bytes| {
        hasher.update(bytes);
        size += bytes.len() as u64;
        file.write_all(bytes).context("writing a temporary file")
    })?;
    Ok((file, Digest::from_sha256(&hasher.finalize().into()), size))
}

/// Gives the bytes of a layer and their position to `take`; an error when they are not as many as they should be.
fn copy_layer(
    store: &Store,
    diff_id: &Digest,
    size: u64,
    take: &mut dyn FnMut(&[u8], u64) -> Result<()>,
) -> Result<()> {
    let reading = || format!("reading layer {diff_id}");
    let mut reader = store.layer_tar(diff_id)?;
    let mut buffer = vec![0; 256 << 10];
    let mut done = 0;
    loop {
        let count = reader.read(&mut buffer).with_context(reading)?;
        if count == 0 {
            break;
        }
        if done + count as u64 > size {
            return Err(Fault::new(Kind::Internal, format!("{}: longer than recorded", reading())).into());
        }
        take(&buffer[..count], done)?;
        done += count as u64;
    }
    match done == size {
        true => Ok(()),
        false => Err(Fault::new(Kind::Internal, format!("{}: shorter than recorded", reading())).into()),
    }
}

impl Plan {
    /// As a tar into anything.
    pub fn write_stream(&self, store: &Store, output: &mut dyn Write) -> Result<()> {
        let writing = "writing the archive";
        for item in &self.items {
            output.write_all(&tarball::file_header(&item.path, item.size)?).context(writing)?;
            self.write_content(store, item, &mut |bytes, _| output.write_all(bytes).context(writing))?;
            output.write_all(tarball::tail(item.size)).context(writing)?;
        }
        output.write_all(&tarball::END).and_then(|()| output.flush()).context(writing)
    }

    /// As a tar into a new regular file, which takes the name at the end, when it is on the disk.
    pub fn write_file(&self, store: &Store, path: &Path) -> Result<()> {
        let writing = || format!("writing {}", path.display());
        let (file, name) = create_beside(path)?;
        let write = || {
            let mut offset = 0;
            let places = self.items.iter().map(|item| {
                let place = offset;
                offset += tarball::span(item.size);
                (item, place)
            });
            let places: Vec<_> = places.collect();
            // Paddings and the end marker are holes.
            file.set_len(offset + tarball::END.len() as u64).with_context(writing)?;
            side_by_side(places, |(item, place)| {
                let header = tarball::file_header(&item.path, item.size)?;
                file.write_all_at(&header, place).with_context(writing)?;
                let start = place + header.len() as u64;
                self.write_content(store, item, &mut |bytes, at| {
                    file.write_all_at(bytes, start + at).with_context(writing)?;
                    begin_writeback(&file, bytes, at);
                    Ok(())
                })
            })?;
            file.sync_data().with_context(writing)?;
            std::fs::rename(&name, path).with_context(writing)?;
            sync_parent(path).with_context(writing)
        };
        write().inspect_err(|_| drop(std::fs::remove_file(&name)))
    }

    /// As files in a directory, which is made if need be. Its list, which comes last, makes it whole: by then all is on
    /// the disk.
    pub fn write_directory(&self, store: &Store, directory: &Path) -> Result<()> {
        let writing = |path: &Path| format!("writing {}", path.display());
        // Every directory on the way, each of whose names has to be on the disk.
        let parents: HashSet<PathBuf> = (self.items.iter())
            .flat_map(|item| Path::new(&item.path).ancestors().skip(1))
            .map(|path| directory.join(path))
            .collect();
        for parent in &parents {
            std::fs::create_dir_all(parent).with_context(|| writing(parent))?;
        }
        let write = |item: &Item| {
            let path = directory.join(&item.path);
            let (file, name) = create_beside(&path)?;
            let write = || {
                self.write_content(store, item, &mut |bytes, at| {
                    file.write_all_at(bytes, at).with_context(|| writing(&path))?;
                    begin_writeback(&file, bytes, at);
                    Ok(())
                })?;
                file.sync_data().with_context(|| writing(&path))?;
                std::fs::rename(&name, &path).with_context(|| writing(&path))
            };
            write().inspect_err(|_| drop(std::fs::remove_file(&name)))
        };
        let is_list = |item: &&Item| item.path == oci_layout::INDEX || item.path == docker_archive::MANIFEST;
        side_by_side(self.items.iter().filter(|item| !is_list(item)).collect(), write)?;
        let sync = || parents.iter().try_for_each(|parent| sync_directory(parent));
        sync().with_context(|| writing(directory))?;
        self.items.iter().filter(is_list).try_for_each(write)?;
        sync().and_then(|()| sync_parent(directory)).with_context(|| writing(directory))
    }

    fn write_content(&self, store: &Store, item: &Item, take: &mut dyn FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        match &item.content {
            Content::Bytes(bytes) => take(bytes, 0),
            Content::Layer(diff_id) => copy_layer(store, diff_id, item.size, take),
            Content::Spooled(file) => {
                let mut buffer = vec![0; 256 << 10];
                let mut done = 0;
                while done < item.size {
                    let count = file.read_at(&mut buffer, done).context("reading a temporary file")?;
                    if count == 0 {
                        return Err(Fault::new(Kind::Internal, "a temporary file was cut").into());
                    }
                    take(&buffer[..count], done)?;
                    done += count as u64;
                }
                Ok(())
            }
        }
    }
}

/// The disk may begin, now and then, while we go on.
fn begin_writeback(file: &File, bytes: &[u8], at: u64) {
    const EVERY: u64 = 8 << 20;
    if at / EVERY != (at + bytes.len() as u64) / EVERY {
        let _ = writeback::begin(file);
    }
}

/// Makes the names in the directory of `path` durable.
fn sync_parent(path: &Path) -> std::io::Result<()> {
    sync_directory(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Makes the names in a directory durable, where its file system can do that.
fn sync_directory(directory: &Path) -> std::io::Result<()> {
    match File::open(directory)?.sync_all() {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        result => result,
    }
}

/// A new file beside `path`, to be renamed to it.
fn create_beside(path: &Path) -> Result<(File, PathBuf)> {
    let creating = || format!("creating {}", path.display());
    let name = path.file_name().ok_or_else(|| Fault::invalid(format!("{}: not a file name", creating())))?;
    for number in 0..100 {
        let temporary = format!(".{}.{}.{number}", name.to_string_lossy(), std::process::id());
        let temporary = path.with_file_name(temporary);
        match OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(creating),
        }
    }
    Err(Fault::conflict(format!("{}: temporary names are taken", creating())).into())
}
