//! Where images are loaded from: a plain archive that can be read anywhere, one that goes by once, or a directory.

use super::tarball::{self, Entry, Kind, Reader, Stretch};
use super::{compression, docker_archive, load, oci_layout};
use crate::fault::Fault;
use crate::image::index;
use crate::model::digest::Digest;
use crate::model::manifest::Descriptor;
use crate::store::{StagedLayer, Store};
use anyhow::{Context as _, Result};
use sha2::Digest as _;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All documents of a stream together: what we keep in memory until we know which ones matter.
const DOCUMENTS: u64 = 32 << 20;
/// How many links may point at each other.
const HOPS: usize = 8;

/// A layer's place in the source, and what the manifest says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The file.
    pub path: String,
    /// The descriptor of its bytes; docker's archives have none.
    pub blob: Option<Descriptor>,
}

/// Where images come from.
pub enum Source {
    /// A plain archive on a disk: every entry can be read at any time, by several threads.
    Archive {
        /// The archive.
        file: Arc<File>,
        /// Its entries by name; of two with the same name the last one counts.
        entries: HashMap<String, Entry>,
    },
    /// A directory with a layout in it.
    Directory(PathBuf),
    /// A pipe or a compressed file: its bytes go by once, which makes it `Arrived`.
    Stream(File),
    /// What went by.
    Arrived(Arrived),
}

/// What a stream held: its documents, and its layers already unpacked.
#[derive(Default)]
pub struct Arrived {
    documents: HashMap<String, Vec<u8>>,
    links: HashMap<String, String>,
    layers: HashMap<String, ArrivedLayer>,
    staged: HashMap<Digest, StagedLayer>,
}

struct ArrivedLayer {
    diff_id: Digest,
    /// Of the bytes as they were, compressed or not.
    digest: Digest,
    size: u64,
}

impl Source {
    /// A file or directory. Compressed archives and pipes are read once, plain files in place.
    pub fn open(path: &Path) -> Result<Source> {
        // A FIFO without a writer must not hang here: it is waited for when it is read.
        let file = File::open(path).map_err(|error| {
            let (kind, why) = match error.kind() {
                io::ErrorKind::NotFound => (crate::fault::Kind::NotFound, "no such file or directory".to_string()),
                _ => (crate::fault::Kind::Unavailable, error.to_string()),
            };
            Fault::new(kind, format!("stat {}: {why}", path.display()))
        })?;
        match file.metadata()?.is_dir() {
            true => Ok(Source::Directory(path.to_path_buf())),
            false => Source::from_file(file),
        }
    }

    /// An open file, for example the standard input.
    pub fn from_file(mut file: File) -> Result<Source> {
        if !tarball::is_seekable(&mut file) {
            return Ok(Source::Stream(file));
        }
        let mut start = [0; 8];
        let count = std::os::unix::fs::FileExt::read_at(&file, &mut start, 0).context("reading the archive")?;
        if compression::Compression::of(&start[..count])? != compression::Compression::None {
            return Ok(Source::Stream(file));
        }
        let mut reader = Reader::seeking(file.try_clone().context("reading the archive")?);
        let mut entries = HashMap::new();
        while let Some(entry) = reader.advance()? {
            entries.insert(entry.path.clone(), entry);
        }
        Ok(Source::Archive { file: Arc::new(file), entries })
    }

    /// One with nothing in it.
    pub(super) fn spent() -> Source {
        Source::Arrived(Arrived::default())
    }

    /// Lets a stream go by: documents are kept, layers unpacked. Nothing to do for the others.
    pub(super) fn arrive(&mut self, store: &Store) -> Result<()> {
        if let Source::Stream(_) = self {
            let stream = std::mem::replace(self, Source::spent());
            if let Source::Stream(stream) = stream {
                *self = Source::Arrived(Arrived::receive(store, stream)?);
            }
        }
        Ok(())
    }

    /// A document by its path, or none when there is none.
    pub(super) fn document(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        match self {
            Source::Archive { file, entries } => {
                let Some(entry) = follow(path, |path| entries.get(path)) else { return Ok(None) };
                if entry.size > limit {
                    return Err(too_large(path, limit).into());
                }
                Stretch::new(file.clone(), entry.offset, entry.size)
                    .read_to_end(&mut bytes)
                    .context("reading the archive")?;
            }
            Source::Directory(directory) => {
                let Some(file) = open_beneath(directory, path)? else { return Ok(None) };
                file.take(limit + 1).read_to_end(&mut bytes).with_context(|| format!("reading {path}"))?;
                if bytes.len() as u64 > limit {
                    return Err(too_large(path, limit).into());
                }
            }
            Source::Stream(_) => {}
            Source::Arrived(arrived) => match arrived.find(path, &arrived.documents) {
                Some(document) if document.len() as u64 > limit => return Err(too_large(path, limit).into()),
                Some(document) => bytes.clone_from(document),
                None => return Ok(None),
            },
        }
        Ok(Some(bytes))
    }

    /// How large a layer is, to begin with the largest.
    pub(super) fn size_of(&self, part: &Part) -> u64 {
        match (self, &part.blob) {
            (_, Some(blob)) => blob.size,
            (Source::Archive { entries, .. }, None) => {
                follow(&part.path, |path| entries.get(path)).map_or(0, |entry| entry.size)
            }
            _ => 0,
        }
    }

    /// The bytes of a layer.
    pub(super) fn content(&self, part: &Part) -> Result<Box<dyn Read + Send>> {
        let path = part.path.as_str();
        let missing = || Fault::invalid(format!("reading the archive: layer {path} is missing"));
        match self {
            Source::Archive { file, entries } => {
                let entry = follow(path, |path| entries.get(path)).ok_or_else(missing)?;
                Ok(Box::new(Stretch::new(file.clone(), entry.offset, entry.size)))
            }
            Source::Directory(directory) => Ok(Box::new(open_beneath(directory, path)?.ok_or_else(missing)?)),
            Source::Stream(_) | Source::Arrived(_) => Err(missing().into()),
        }
    }

    /// Whether this layer has gone by already; an error when it is not in the source at all, or another one than the
    /// config says.
    pub(super) fn verify(&self, part: &Part, diff_id: &Digest) -> Result<bool> {
        let path = part.path.as_str();
        let missing = || Err(Fault::invalid(format!("reading the archive: layer {path} is missing")).into());
        let arrived = match self {
            Source::Archive { entries, .. } => match follow(path, |path| entries.get(path)) {
                Some(_) => return Ok(false),
                None => return missing(),
            },
            Source::Directory(directory) => match open_beneath(directory, path)? {
                Some(_) => return Ok(false),
                None => return missing(),
            },
            Source::Stream(_) => return missing(),
            Source::Arrived(arrived) => arrived,
        };
        let Some(layer) = arrived.find(path, &arrived.layers) else { return missing() };
        let blob_fits = part.blob.as_ref().is_none_or(|blob| blob.digest == layer.digest && blob.size == layer.size);
        match layer.diff_id == *diff_id && blob_fits {
            true => Ok(true),
            false => Err(Fault::invalid(format!("layer {path}: does not match its digest")).into()),
        }
    }

    /// The unpacked layers that these images need; the others go.
    pub(super) fn take_arrived<'a>(&mut self, wanted: impl Iterator<Item = &'a Digest>) -> Vec<StagedLayer> {
        match self {
            Source::Arrived(arrived) => wanted.filter_map(|diff_id| arrived.staged.remove(diff_id)).collect(),
            _ => Vec::new(),
        }
    }
}

impl Arrived {
    fn receive(store: &Store, stream: File) -> Result<Arrived> {
        let (_, plain) = compression::decompress(stream)?;
        let mut reader = Reader::streaming(plain);
        let mut arrived = Arrived::default();
        let mut room = DOCUMENTS;
        while let Some(entry) = reader.advance()? {
            match entry.kind {
                Kind::Link(target) => drop(arrived.links.insert(entry.path, target)),
                Kind::Other => {}
                Kind::File => {
                    let mut start = Vec::with_capacity(512);
                    reader.by_ref().take(512).read_to_end(&mut start).context("reading the archive")?;
                    let is_layer = is_layer(&start, entry.size)? && !is_known_document(&entry.path);
                    let mut content = io::Cursor::new(start).chain(&mut reader);
                    if is_layer {
                        arrived.layer(store, entry.path, &mut content)?;
                    } else {
                        let limit = if is_known_document(&entry.path) { index::DOCUMENT } else { index::CONFIG };
                        if entry.size <= limit.min(room) {
                            room -= entry.size;
                            let mut bytes = Vec::new();
                            content.read_to_end(&mut bytes).context("reading the archive")?;
                            arrived.documents.insert(entry.path, bytes);
                        } else if is_known_document(&entry.path) {
                            return Err(too_large(&entry.path, limit).into());
                        }
                        // Anything else that large is no part of an image, or is missed when the image is described.
                    }
                }
            }
        }
        Ok(arrived)
    }

    fn layer(&mut self, store: &Store, path: String, content: &mut (dyn Read + Send)) -> Result<()> {
        let claimed = docker_archive::claimed_digest(&path);
        if let Some(claimed) = claimed {
            // Most archives name uncompressed layers by their diff id. One that we have is only hashed, not unpacked.
            if store.layer(&claimed)?.is_some() {
                let mut hasher = sha2::Sha256::new();
                let mut buffer = vec![0; 256 << 10];
                let mut size = 0;
                loop {
                    match content.read(&mut buffer).context("reading the archive")? {
                        0 => break,
                        count => {
                            hasher.update(&buffer[..count]);
                            size += count as u64;
                        }
                    }
                }
                let digest = Digest::from_sha256(&hasher.finalize().into());
                if digest != claimed {
                    return Err(Fault::invalid(format!("layer {path}: does not match its digest")).into());
                }
                self.layers.insert(path, ArrivedLayer { diff_id: digest.clone(), digest, size });
                return Ok(());
            }
        }
        let (staged, digest, size) = load::pour(content, store.unpack(None)?, true)?;
        let diff_id = staged.record.diff_id.clone();
        let digest = digest.unwrap_or_else(|| diff_id.clone());
        self.layers.insert(path, ArrivedLayer { diff_id: diff_id.clone(), digest, size });
        if store.layer(&diff_id)?.is_none() {
            self.staged.entry(diff_id).or_insert(staged);
        }
        Ok(())
    }

    fn find<'a, T>(&'a self, path: &'a str, among: &'a HashMap<String, T>) -> Option<&'a T> {
        let mut path = path;
        for _ in 0..HOPS {
            match (among.get(path), self.links.get(path)) {
                (Some(found), _) => return Some(found),
                (None, Some(target)) => path = target,
                (None, None) => return None,
            }
        }
        None
    }
}

fn is_known_document(path: &str) -> bool {
    [docker_archive::MANIFEST, oci_layout::INDEX, oci_layout::MARKER, "repositories"].contains(&path)
}

/// Whether an entry is a layer: compressed, or a tar (an empty one is zeros). Everything else that matters is JSON.
fn is_layer(start: &[u8], size: u64) -> Result<bool> {
    if compression::Compression::of(start)? != compression::Compression::None {
        return Ok(true);
    }
    let Some(block) = start.first_chunk::<512>() else { return Ok(false) };
    Ok(tarball::checksum_is_right(block) || (size >= 1024 && block.iter().all(|byte| *byte == 0)))
}

fn follow<'a>(path: &str, find: impl Fn(&str) -> Option<&'a Entry>) -> Option<&'a Entry> {
    let mut entry = find(path)?;
    for _ in 0..HOPS {
        match &entry.kind {
            Kind::File => return Some(entry),
            Kind::Link(target) => entry = find(target)?,
            Kind::Other => return None,
        }
    }
    None
}

fn open_beneath(directory: &Path, path: &str) -> Result<Option<File>> {
    let path = directory.join(tarball::clean(path)?);
    // Not to be caught by a FIFO in the place of a file.
    let file = match File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("opening {}", path.display())),
    };
    match file.metadata()?.is_file() {
        true => Ok(Some(file)),
        false => Err(Fault::invalid(format!("{}: not a regular file", path.display())).into()),
    }
}

fn too_large(path: &str, limit: u64) -> Fault {
    Fault::invalid(format!("reading the archive: {path} is over {} MB", limit >> 20))
}
