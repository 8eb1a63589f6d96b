//! The role `@unpack`: one process that unpacks one layer and can do nothing else.
//!
//! It gets the layer's bytes as they travel (gzip, zstd or plain), the layer's directory, and a pipe for its report.
//! Two threads: one inflates and hashes, the other writes files.

use super::extract::{self, Extractor, Options, Remarks};
use super::{confine, headers, tarball};
use crate::fault::{Fault, Kind};
use crate::model::digest::Digest;
use crate::sys::mount;
use crate::sys::spawn::Inherited;
use anyhow::{Context, Result};
use nix::fcntl::{OFlag, openat};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// How much travels from one thread to the other at once, and how many of these exist.
const CHUNK: usize = 256 << 10;
const CHUNKS: usize = 8;

/// What it is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Unpack `input` into `dir`.
    Unpack { options: Options },
    /// Try whether an overlay can be mounted on `lower`, `upper` and `work` in this directory.
    Probe { dir: PathBuf, userxattr: bool },
}

/// What it says in the end.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Unpacked(Unpacked),
    Probed,
    Failed { what: String, hint: Option<String>, kind: Why },
}

/// A layer that is on the disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Unpacked {
    pub diff_id: Digest,
    pub size: u64,
    pub entries: u64,
    pub remarks: Remarks,
    /// Namespaces could be made, so that it could reach nothing else.
    pub confined: bool,
}

/// The kinds of failure that make a difference to whoever asked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Why {
    Invalid,
    NoRoom,
    Unsupported,
    Other,
}

/// The role's entry.
pub fn main(arguments: &[OsString]) -> u8 {
    let Ok(mut inherited) = Inherited::take(arguments.iter().cloned()) else { return 125 };
    let Ok(report) = inherited.descriptor("report") else { return 125 };
    let answer = match work(&mut inherited) {
        Ok(answer) => answer,
        Err(error) => failed(&error),
    };
    let Ok(bytes) = serde_json::to_vec(&answer) else { return 125 };
    if File::from(report).write_all(&bytes).is_err() {
        return 125;
    }
    u8::from(matches!(answer, Answer::Failed { .. }))
}

fn failed(error: &anyhow::Error) -> Answer {
    let hint = Fault::of(error).and_then(|fault| fault.hint.clone());
    let kind = match Fault::kind_of(error) {
        _ if extract::is_no_room(error) => Why::NoRoom,
        Kind::Invalid => Why::Invalid,
        Kind::Unsupported => Why::Unsupported,
        _ => Why::Other,
    };
    Answer::Failed { what: format!("{error:#}"), hint, kind }
}

fn work(inherited: &mut Inherited) -> Result<Answer> {
    match serde_json::from_slice(&inherited.config()?)? {
        Order::Unpack { options } => {
            let input = inherited.descriptor("input")?;
            let dir = inherited.descriptor("dir")?;
            let (dir, confined) = confine::enter(dir).context("shutting the unpacker in")?;
            nix::sys::stat::umask(Mode::empty());
            let unpacked = unpack(input, &dir, options)?;
            Ok(Answer::Unpacked(Unpacked { confined, ..unpacked }))
        }
        Order::Probe { dir, userxattr } => probe(&dir, userxattr).map(|()| Answer::Probed),
    }
}

/// Makes an overlay, and mounts it nowhere. In a mount namespace of our own: a rootless command has no other one in
/// which it may mount.
fn probe(dir: &Path, userxattr: bool) -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    nix::unistd::chdir(dir)?;
    let context = mount::Context::open(c"overlay")?;
    for (key, name) in [(c"lowerdir", c"lower"), (c"upperdir", c"upper"), (c"workdir", c"work")] {
        context.string(key, name)?;
    }
    if userxattr {
        context.flag(c"userxattr")?;
    }
    context.mount(0)?;
    Ok(())
}

/// Unpacks `input` into `dir`, which has `diff/` and `kept/`.
pub(super) fn unpack(input: OwnedFd, dir: &OwnedFd, options: Options) -> Result<Unpacked> {
    let open = |name: &str, flags: OFlag| {
        openat(dir, name, flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW, Mode::S_IRUSR | Mode::S_IWUSR)
    };
    let root = open("diff", OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
    let kept = open("kept", OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
    let stream = open("headers", OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL)?;
    let stream = headers::Writer::new(File::from(stream))?;
    let (full, chunks) = sync_channel(CHUNKS);
    let (used, empty) = channel();
    for _ in 0..CHUNKS {
        let _ = used.send(Vec::new());
    }
    std::thread::scope(|scope| {
        let inflating = scope.spawn(move || inflate(File::from(input), full, empty));
        let mut tar = tarball::Reader::new(Chunks { chunks, used, now: Vec::new(), at: 0 });
        let outcome = Extractor::new(root, kept, stream, options).run(&mut tar);
        // Ends the other thread if it is not at its end.
        drop(tar);
        let inflated = inflating.join().map_err(|_| anyhow::anyhow!("the inflating thread panicked"))?;
        let (remarks, entries) = match (outcome, &inflated) {
            // What cut the tar short is the cause.
            (Err(_), Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Fault::invalid(format!("layer can't be decompressed: {error}")).into());
            }
            (outcome, _) => outcome?,
        };
        let (diff_id, size) =
            inflated.map_err(|error| Fault::invalid(format!("layer can't be decompressed: {error}")))?;
        Ok(Unpacked { diff_id, size, entries, remarks, confined: true })
    })
}

type Chunk = io::Result<Vec<u8>>;

/// Inflates until the end, hashing what comes out.
fn inflate(input: File, full: SyncSender<Chunk>, empty: Receiver<Vec<u8>>) -> io::Result<(Digest, u64)> {
    use sha2::Digest as _;
    let mut input = BufReader::with_capacity(CHUNK, input);
    let mut plain = decompressor(&mut input)?;
    let mut hash = sha2::Sha256::new();
    let mut size = 0;
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    loop {
        let mut chunk = empty.recv().map_err(|_| gone())?;
        chunk.resize(CHUNK, 0);
        let mut filled = 0;
        while filled < CHUNK {
            match plain.read(&mut chunk[filled..]) {
                Ok(0) => break,
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let copy = io::Error::new(error.kind(), error.to_string());
                    let _ = full.send(Err(copy));
                    return Err(error);
                }
            }
        }
        if filled == 0 {
            let hash: [u8; 32] = hash.finalize().into();
            return Ok((Digest::from_sha256(&hash), size));
        }
        chunk.truncate(filled);
        hash.update(&chunk);
        size += filled as u64;
        full.send(Ok(chunk)).map_err(|_| gone())?;
    }
}

/// What the first bytes say: gzip, zstd, or a plain tar.
pub(super) fn decompressor<R: Read>(input: &mut BufReader<R>) -> io::Result<Box<dyn Read + '_>> {
    let start = input.fill_buf()?;
    Ok(match start {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(input)?),
        // zstd's skippable frames
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Box::new(zstd::Decoder::with_buffer(input)?),
        [0x42, 0x5a, 0x68, ..] => return Err(io::Error::other("bzip2 is not supported")),
        [0xfd, 0x37, 0x7a, 0x58, 0x5a, ..] => return Err(io::Error::other("xz is not supported")),
        _ => Box::new(input),
    })
}

/// The other end of the channel, to read from; gives the buffers back.
struct Chunks {
    chunks: Receiver<Chunk>,
    used: Sender<Vec<u8>>,
    now: Vec<u8>,
    at: usize,
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.now.len() {
            match self.chunks.recv() {
                Ok(chunk) => {
                    let old = std::mem::replace(&mut self.now, chunk?);
                    self.at = 0;
                    let _ = self.used.send(old);
                }
                // The other thread is done: the end.
                Err(_) => {
                    self.now.clear();
                    self.at = 0;
                }
            }
        }
        Ok(&self.now[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at = (self.at + amount).min(self.now.len());
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        self.consume(length);
        Ok(length)
    }
}
