//! The exact tar of a layer, given back from its header stream and its files.

use super::headers::{self, Piece};
use crate::fault::{Fault, Kind};
use crate::model::digest::Digest;
use crate::store::Store;
use crate::sys::path::{Resolve, openat2};
use anyhow::{Context, Result, ensure};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::collections::HashSet;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

/// The exact tar of a layer; the last read fails when its digest is not the diff id.
pub struct LayerReader {
    diff_id: Digest,
    hint: &'static str,
    pieces: headers::Reader,
    diff: OwnedFd,
    kept_dir: PathBuf,
    kept: HashSet<u32>,
    now: Now,
    hash: sha2::Sha256,
    done: bool,
}

enum Now {
    Raw(Vec<u8>, usize),
    File(File, u64),
}

impl std::fmt::Debug for LayerReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LayerReader").field("diff_id", &self.diff_id).finish_non_exhaustive()
    }
}

impl Store {
    /// The exact tar of a layer.
    pub fn layer_tar(&self, diff_id: &Digest) -> Result<LayerReader> {
        let layer = self.layer(diff_id)?.ok_or_else(|| {
            Fault::not_found(format!("layer {diff_id}: it is not in the store, or was unpacked for other user ids"))
                .hint("pull the image again")
        })?;
        let headers = layer.dir.join("headers");
        let headers = File::open(&headers).with_context(|| format!("opening {}", headers.display()))?;
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(LayerReader {
            diff_id: diff_id.clone(),
            hint: "`barge system check` finds damaged layers; pull the image again",
            pieces: headers::Reader::new(headers)?,
            diff: open(&layer.dir.join("diff"), flags, Mode::empty())?,
            kept_dir: layer.dir.join("kept"),
            kept: layer.record.remarks.kept.iter().copied().collect(),
            now: Now::Raw(Vec::new(), 0),
            hash: sha2::Digest::new(),
            done: false,
        })
    }
}

impl LayerReader {
    /// The next piece, or false when all is given back and right.
    fn advance(&mut self) -> Result<bool> {
        if self.done {
            return Ok(false);
        }
        match self.pieces.next()? {
            Some(Piece::Raw(bytes)) => self.now = Now::Raw(bytes, 0),
            Some(Piece::File { number, path, size }) => self.now = Now::File(self.content(number, path)?, size),
            None => {
                let hash: [u8; 32] = sha2::Digest::finalize(std::mem::take(&mut self.hash)).into();
                let digest = Digest::from_sha256(&hash);
                ensure!(digest == self.diff_id, self.damaged(&format!("its tar has the digest {digest} now")));
                self.done = true;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn content(&self, number: u32, path: Vec<u8>) -> Result<File> {
        if self.kept.contains(&number) {
            let path = self.kept_dir.join(number.to_string());
            return File::open(&path).with_context(|| format!("opening {}", path.display()));
        }
        let text = String::from_utf8_lossy(&path).into_owned();
        let path = CString::new(path)?;
        let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = openat2(self.diff.as_fd(), &path, flags, 0, Resolve::NoSymlinks)
            .map_err(|error| self.damaged(&format!("{text:?}: {error}")))?;
        Ok(File::from(file))
    }

    fn damaged(&self, why: &str) -> anyhow::Error {
        Fault::new(Kind::Internal, format!("layer {}: {why}", self.diff_id)).hint(self.hint).into()
    }
}

impl Read for LayerReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let length = match &mut self.now {
                Now::Raw(bytes, at) => {
                    let length = (bytes.len() - *at).min(buffer.len());
                    buffer[..length].copy_from_slice(&bytes[*at..*at + length]);
                    *at += length;
                    length
                }
                Now::File(file, left) => {
                    let wanted = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                    let length = file.read(&mut buffer[..wanted])?;
                    if length == 0 && *left > 0 {
                        return Err(io::Error::other(self.damaged("a file is shorter than it was")));
                    }
                    *left -= length as u64;
                    length
                }
            };
            if length > 0 {
                sha2::Digest::update(&mut self.hash, &buffer[..length]);
                return Ok(length);
            }
            if !self.advance().map_err(io::Error::other)? {
                return Ok(0);
            }
        }
    }
}
