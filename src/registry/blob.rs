//! Blobs: is it there, and its bytes from some place on.

use super::Failure;
use super::client::Repository;
use super::host::Request;
use crate::model::digest::Digest;
use std::io::Read;
use std::time::{Duration, Instant};

/// Where an answer to a request for the rest of a blob begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranged {
    /// Where it was asked to.
    AsAsked,
    /// At the beginning: the registry knows no ranges.
    FromStart,
}

/// The bytes of a blob as they come. Ends too early or too late are failures.
pub struct BlobReader {
    body: Paced<ureq::BodyReader<'static>>,
    left: u64,
    /// Where it begins.
    pub ranged: Ranged,
}

impl Repository<'_> {
    /// The size of a blob that is there; `None`: it is not.
    pub fn has_blob(&self, digest: &Digest) -> Result<Option<u64>, Failure> {
        let request = Request {
            method: "HEAD",
            target: format!("/v2/{}/blobs/{digest}", self.path),
            scopes: vec![self.scope("pull,push")],
            ..Request::default()
        };
        self.client.patiently(|| {
            let reply = self.send(&request)?;
            match reply.status {
                404 => Ok(None),
                _ => {
                    let reply = reply.success()?;
                    Ok(Some(reply.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0)))
                }
            }
        })
    }

    /// A small blob whole (a config), measured and hashed.
    pub fn small_blob(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, Failure> {
        self.client.patiently(|| {
            let mut reader = self.open_blob(digest, size, 0)?;
            let mut bytes = Vec::with_capacity(size as usize);
            let mut buffer = [0; 16 << 10];
            loop {
                match reader.read(&mut buffer)? {
                    0 => break,
                    count => bytes.extend_from_slice(&buffer[..count]),
                }
            }
            if Digest::of(&bytes) != *digest {
                return Err(Failure::Bad(format!("blob {digest}: its bytes have another digest")));
            }
            Ok(bytes)
        })
    }

    /// Opens a blob of `size` bytes from `offset` on. One try: whoever reads a layer resumes by himself.
    pub fn open_blob(&self, digest: &Digest, size: u64, offset: u64) -> Result<BlobReader, Failure> {
        let mut headers = Vec::new();
        if offset > 0 {
            headers.push(("Range", format!("bytes={offset}-")));
        }
        let request = Request {
            method: "GET",
            target: format!("/v2/{}/blobs/{digest}", self.path),
            headers,
            scopes: vec![self.scope("pull")],
            ..Request::default()
        };
        let reply = self.send(&request)?;
        let (start, ranged) = match reply.status {
            206 => {
                let range = reply.header("content-range").and_then(range_start);
                if range != Some(offset) {
                    return Err(Failure::Bad(format!("blob {digest}: the registry answers with another range")));
                }
                (offset, Ranged::AsAsked)
            }
            200 => (0, if offset == 0 { Ranged::AsAsked } else { Ranged::FromStart }),
            _ => return Err(reply.failure()),
        };
        let left = size.saturating_sub(start);
        if let Some(length) = reply.body.content_length().filter(|length| *length != left) {
            return Err(Failure::Bad(format!(
                "blob {digest}: {length} bytes come, {left} should: its size is not what the manifest says"
            )));
        }
        let body = reply.body.into_with_config().limit(u64::MAX).reader();
        Ok(BlobReader { body: Paced::new(body), left, ranged })
    }
}

/// `bytes 100-199/200` → 100
pub(super) fn range_start(text: &str) -> Option<u64> {
    text.trim().strip_prefix("bytes")?.trim_start().split('-').next()?.trim().parse().ok()
}

impl BlobReader {
    /// The next bytes; 0: all of them came, and nothing more.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        if self.left == 0 {
            let mut one = [0];
            return match self.body.read(&mut one)? {
                0 => Ok(0),
                _ => Err(Failure::Bad("blob: more bytes come than the manifest says".into())),
            };
        }
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.body.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(Failure::Broken("the connection was closed too early".into()));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// A reader that gives up on a server which sends, but next to nothing.
pub(super) struct Paced<R> {
    inner: R,
    waited: Duration,
    count: u64,
}

/// After waiting so long at least so many bytes must have come.
const WINDOW: Duration = Duration::from_secs(25);
const LEAST: u64 = 4096;

impl<R: Read> Paced<R> {
    pub fn new(inner: R) -> Self {
        Paced { inner, waited: Duration::ZERO, count: 0 }
    }

    /// As [`Read::read`]. Only the time in here counts: what our caller does between two reads is not the server's.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let began = Instant::now();
        let count = loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.waited += began.elapsed();
        self.count += count as u64;
        if self.count >= LEAST || count == 0 {
            (self.count, self.waited) = (0, Duration::ZERO);
        } else if self.waited > WINDOW {
            return Err(Failure::TooSlow(format!(
                "only {} bytes came in {} seconds: giving up",
                self.count,
                self.waited.as_secs()
            )));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn ranges() {
        for (text, want) in
            [("bytes 100-199/200", Some(100)), ("bytes 0-0/*", Some(0)), ("items 1-2/3", None), ("bytes */200", None)]
        {
            assert_eq!(super::range_start(text), want, "{text}");
        }
    }
}
