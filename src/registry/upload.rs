//! Uploads: mount from another repository, or chunk by chunk with resume.

use super::Failure;
use super::client::{Repository, join};
use super::host::Request;
use crate::model::digest::Digest;

/// A blob on its way to a registry.
pub struct Upload<'a, 'b> {
    repository: &'a Repository<'b>,
    location: String,
    sent: u64,
}

/// What a mount came to.
pub enum Mounted<'a, 'b> {
    /// The blob is there.
    Yes,
    /// It has to be sent.
    No(Upload<'a, 'b>),
}

impl<'b> Repository<'b> {
    /// Begins an upload; with `mount` (a digest and another repository of this registry) perhaps without sending.
    pub fn begin_upload<'a>(&'a self, mount: Option<(&Digest, &str)>) -> Result<Mounted<'a, 'b>, Failure> {
        let mut target = format!("/v2/{}/blobs/uploads/", self.path);
        let mut scopes = vec![self.scope("pull,push")];
        if let Some((digest, from)) = mount {
            target = format!("{target}?mount={digest}&from={from}");
            scopes.push(format!("repository:{from}:pull"));
        }
        let request = Request { method: "POST", target, body: Some(&[]), scopes, ..Request::default() };
        self.client.patiently(|| {
            let reply = self.send(&request)?.success()?;
            if reply.status == 201 && mount.is_some() {
                return Ok(Mounted::Yes);
            }
            Ok(Mounted::No(Upload { repository: self, location: location(&reply)?, sent: 0 }))
        })
    }
}

fn location(reply: &super::client::Reply) -> Result<String, Failure> {
    let target =
        reply.header("location").ok_or_else(|| Failure::Bad("upload: the registry gives no Location".into()))?;
    let base = reply.url.parse().map_err(|_| Failure::Bad("upload: no URL".into()))?;
    join(&base, target)
}

impl Upload<'_, '_> {
    /// Sends the next bytes of the blob. After a broken connection the registry is asked how far it came.
    pub fn send(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        if chunk.is_empty() {
            return Ok(());
        }
        let start = self.sent;
        let end = start + chunk.len() as u64;
        let mut broke = false;
        let repository = self.repository;
        repository.client.patiently(|| {
            if std::mem::replace(&mut broke, true) {
                self.catch_up(start, end)?;
            }
            let rest = &chunk[(self.sent - start) as usize..];
            if rest.is_empty() {
                return Ok(());
            }
            let request = Request {
                method: "PATCH",
                target: self.location.clone(),
                headers: vec![
                    ("Content-Type", "application/octet-stream".into()),
                    ("Content-Range", format!("{}-{}", self.sent, end - 1)),
                ],
                body: Some(rest),
                scopes: vec![repository.scope("pull,push")],
            };
            let reply = repository.send(&request)?.success()?;
            self.location = location(&reply)?;
            self.sent = end;
            Ok(())
        })
    }

    /// Asks how much has arrived (`Range: 0-N` counts N+1 bytes).
    fn catch_up(&mut self, start: u64, end: u64) -> Result<(), Failure> {
        let request = Request {
            method: "GET",
            target: self.location.clone(),
            scopes: vec![self.repository.scope("pull,push")],
            ..Request::default()
        };
        let reply = self.repository.send(&request)?.success()?;
        let last = reply.header("range").and_then(|range| range.trim_start_matches("bytes=").split_once('-'));
        let last: Option<u64> = last.and_then(|(_, last)| last.trim().parse().ok());
        if let Ok(location) = location(&reply) {
            self.location = location;
        }
        // Docker's registry says `0-0` for nothing, as for one byte.
        let arrived = last.map_or(0, |last| if last == 0 { 0 } else { last + 1 });
        if arrived < start || arrived > end {
            return Err(Failure::Bad(format!("upload: the registry has {arrived} bytes, {start} were sent")));
        }
        self.sent = arrived;
        Ok(())
    }

    /// All bytes are sent: the registry compares the digest and keeps the blob.
    pub fn finish(self, digest: &Digest, last: &[u8]) -> Result<(), Failure> {
        let joint = if self.location.contains('?') { '&' } else { '?' };
        let request = Request {
            method: "PUT",
            target: format!("{}{joint}digest={digest}", self.location),
            headers: vec![("Content-Type", "application/octet-stream".into())],
            body: Some(last),
            scopes: vec![self.repository.scope("pull,push")],
        };
        let mut again = false;
        self.repository.client.patiently(|| {
            // The answer to the first try may have been lost after the registry was done.
            if std::mem::replace(&mut again, true) && self.repository.has_blob(digest)?.is_some() {
                return Ok(());
            }
            self.repository.send(&request)?.success().map(drop)
        })
    }

    /// Tells the registry to forget it.
    pub fn cancel(self) {
        let request = Request {
            method: "DELETE",
            target: self.location.clone(),
            scopes: vec![self.repository.scope("pull,push")],
            ..Request::default()
        };
        let _ = self.repository.send(&request);
    }
}
