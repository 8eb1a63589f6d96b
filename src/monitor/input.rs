//! Standard input of the container: bytes on their way in, never more than one client's read.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Where clients' bytes go: a pipe, or the controlling side of a terminal.
pub(super) struct Input {
    fd: Option<OwnedFd>,
    pending: Vec<u8>,
    terminal: bool,
    closing: bool,
}

/// Control-D: the end of input for a terminal in its usual mode.
const END_OF_TRANSMISSION: u8 = 4;

impl Input {
    /// `None`: input is thrown away. The descriptor must not block.
    pub(super) fn new(fd: Option<OwnedFd>, terminal: bool) -> Self {
        Input { fd, pending: Vec::new(), terminal, closing: false }
    }

    /// Takes bytes from a client.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.fd.is_some() && !self.closing {
            self.pending.extend_from_slice(bytes);
            self.flush();
        }
    }

    /// No more is coming; what is pending still goes in.
    pub(super) fn close(&mut self) {
        if self.terminal {
            return self.push(&[END_OF_TRANSMISSION]);
        }
        self.closing = true;
        self.flush();
    }

    /// The descriptor to wait for, while something is pending.
    pub(super) fn waiting(&self) -> Option<BorrowedFd<'_>> {
        if self.pending.is_empty() { None } else { self.fd.as_ref().map(AsFd::as_fd) }
    }

    /// Writes what can be written now.
    pub(super) fn flush(&mut self) {
        while let Some(fd) = &self.fd
            && !self.pending.is_empty()
        {
            match nix::unistd::write(fd, &self.pending) {
                Ok(0) | Err(nix::Error::EAGAIN) => return,
                Ok(count) => drop(self.pending.drain(..count)),
                Err(nix::Error::EINTR) => {}
                // The container closed its end: the rest is nobody's.
                Err(_) => self.forget(),
            }
        }
        if self.pending.is_empty() {
            self.pending = Vec::new();
            if self.closing {
                self.forget();
            }
        }
    }

    fn forget(&mut self) {
        self.fd = None;
        self.pending = Vec::new();
    }
}
