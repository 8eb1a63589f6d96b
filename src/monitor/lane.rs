//! A client's pipe for the container's standard output: what the container writes goes from its pipe to the client's
//! without being copied.

use nix::fcntl::{SpliceFFlags, splice, tee};
use nix::sys::stat::{SFlag, fstat};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Our end of a client's pipe.
pub(super) struct Lane {
    pipe: OwnedFd,
    /// Bytes that had to be copied, and that it has no room for yet.
    pending: Vec<u8>,
    full: bool,
    closing: bool,
}

/// What came of [`Lane::share`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shared {
    /// So many bytes are in the client's pipe. With `keep` they are also still in the container's.
    Bytes(usize),
    /// Nothing more now: nothing was there, or there is no room.
    Nothing,
    /// Nobody has the container's side open any more.
    End,
}

impl Lane {
    /// So much goes at once: what the pipe holds.
    const MOST: usize = 256 * 1024;

    /// `None`: it is no pipe.
    pub(super) fn new(pipe: OwnedFd) -> Option<Lane> {
        let kind = SFlag::from_bits_truncate(fstat(&pipe).ok()?.st_mode) & SFlag::S_IFMT;
        if kind != SFlag::S_IFIFO {
            return None;
        }
        crate::sys::fd::set_nonblocking(&pipe, true).ok()?;
        Some(Lane { pipe, pending: Vec::new(), full: false, closing: false })
    }

    /// It has to be waited for until it takes more.
    pub(super) fn full(&self) -> bool {
        self.full
    }

    /// It can be closed: nothing more is to come, and nothing is left.
    pub(super) fn done(&self) -> bool {
        self.closing && self.pending.is_empty()
    }

    /// No more is coming; what is pending still goes.
    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    /// Hands on what is in the container's pipe.
    pub(super) fn share(&mut self, output: &OwnedFd, keep: bool) -> io::Result<Shared> {
        let shared = if keep {
            tee(output, &self.pipe, Self::MOST, SpliceFFlags::SPLICE_F_NONBLOCK)
        } else {
            splice(output, None, &self.pipe, None, Self::MOST, SpliceFFlags::SPLICE_F_NONBLOCK)
        };
        match shared {
            Ok(0) => Ok(Shared::End),
            Ok(count) => Ok(Shared::Bytes(count)),
            Err(nix::Error::EAGAIN) => {
                use crate::sys::poll::{Interest, wait_for};
                self.full = wait_for(output, Interest::READ, Some(std::time::Duration::ZERO))?.readable;
                Ok(Shared::Nothing)
            }
            Err(nix::Error::EINTR) => Ok(Shared::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// Hands on bytes that were read; those without room wait.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.full {
            self.pending.extend_from_slice(bytes);
            return Ok(());
        }
        let written = self.write_now(bytes)?;
        if written < bytes.len() {
            self.pending.extend_from_slice(&bytes[written..]);
            self.full = true;
        }
        Ok(())
    }

    /// It has room again, or nobody reads it any more.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let written = self.write_now(&pending)?;
        self.pending = pending;
        self.pending.drain(..written);
        self.full = !self.pending.is_empty();
        if !self.full {
            self.pending = Vec::new();
        }
        Ok(())
    }

    fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match nix::unistd::write(&self.pipe, &bytes[written..]) {
                Ok(count) => written += count,
                Err(nix::Error::EAGAIN) => break,
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(written)
    }
}

impl AsFd for Lane {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
