//! The monitor's side of one attached client.

use super::frame::{self, HEAD, Kind, MOST};
use crate::sys::fd;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// A client that takes nothing for so long is dropped, unless the container is in its foreground.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// One client.
pub(super) struct Peer {
    socket: OwnedFd,
    wants: u8,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    stalled: Option<Instant>,
    gone: bool,
    cleaned: bool,
}

/// What a client asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Stdin(Vec<u8>),
    CloseStdin,
    Resize { rows: u16, columns: u16 },
    Signal(i32),
}

impl Peer {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Peer {
            socket,
            wants: 0,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            stalled: None,
            gone: false,
            cleaned: false,
        }
    }

    /// It hung up, spoke gibberish or was dropped.
    pub(super) fn gone(&self) -> bool {
        self.gone
    }

    pub(super) fn wants_stdin(&self) -> bool {
        self.wants & frame::WANT_STDIN != 0
    }

    /// It does what is to be done after the exit.
    pub(super) fn cleans(&self) -> bool {
        self.wants & frame::WANT_CLEANING != 0
    }

    /// It has said so.
    pub(super) fn cleaned(&self) -> bool {
        self.cleaned
    }

    /// Something is still to be sent.
    pub(super) fn pending(&self) -> bool {
        !self.gone && !self.outgoing.is_empty()
    }

    /// When its patience is at an end, if it takes nothing and may not.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.cleans() || self.gone { None } else { self.stalled.map(|since| since + PATIENCE) }
    }

    /// Drops it.
    pub(super) fn drop_it(&mut self) {
        self.gone = true;
        self.outgoing = Vec::new();
        self.incoming = Vec::new();
    }

    /// Sends output, if it wants any.
    pub(super) fn output(&mut self, kind: Kind, bytes: &[u8]) {
        if self.wants & frame::WANT_OUTPUT != 0 {
            self.send(kind, bytes);
        }
    }

    /// Sends a frame: what the socket doesn't take now is kept, and goes first next time.
    pub(super) fn send(&mut self, kind: Kind, bytes: &[u8]) {
        if self.gone {
            return;
        }
        let head = frame::head(kind, bytes.len());
        if !self.outgoing.is_empty() {
            self.outgoing.extend_from_slice(&head);
            self.outgoing.extend_from_slice(bytes);
            return;
        }
        match fd::send_now(&self.socket, &[&head, bytes]) {
            Ok(sent) if sent == HEAD + bytes.len() => {}
            Ok(sent) => {
                self.outgoing.extend_from_slice(&head[sent.min(HEAD)..]);
                self.outgoing.extend_from_slice(&bytes[sent.saturating_sub(HEAD)..]);
                self.stalled = Some(Instant::now());
            }
            Err(_) => self.drop_it(),
        }
    }

    /// Sends more of what is pending.
    pub(super) fn flush(&mut self) {
        match fd::send_now(&self.socket, &[&self.outgoing]) {
            Ok(0) => {}
            Ok(sent) => {
                self.outgoing.drain(..sent);
                self.stalled = Some(Instant::now());
            }
            Err(_) => return self.drop_it(),
        }
        if self.outgoing.is_empty() {
            self.outgoing = Vec::new();
            self.stalled = None;
        }
    }

    /// Reads once, without waiting, and hands on what was asked for.
    pub(super) fn receive(&mut self, buffer: &mut [u8], mut asked: impl FnMut(Asked)) {
        let count = match receive_now(self.socket.as_fd(), buffer) {
            Ok(Some(0)) | Err(_) => return self.drop_it(),
            Ok(None) => return,
            Ok(Some(count)) => count,
        };
        self.incoming.extend_from_slice(&buffer[..count]);
        let incoming = std::mem::take(&mut self.incoming);
        let mut rest = incoming.as_slice();
        while let Some(head) = rest.first_chunk::<HEAD>() {
            let Some((kind, length)) = frame::parse_head(head) else { return self.drop_it() };
            let Some(bytes) = rest.get(HEAD..HEAD + length) else { break };
            rest = &rest[HEAD + length..];
            match (kind, bytes) {
                (Kind::Hello, &[wants]) => {
                    self.wants = wants;
                    if wants & frame::WANT_OUTPUT != 0 {
                        fd::widen(&self.socket);
                    }
                }
                (Kind::Stdin, bytes) if self.wants_stdin() => asked(Asked::Stdin(bytes.to_vec())),
                (Kind::CloseStdin, []) if self.wants_stdin() => asked(Asked::CloseStdin),
                (Kind::Resize, &[a, b, c, d]) => {
                    asked(Asked::Resize { rows: u16::from_be_bytes([a, b]), columns: u16::from_be_bytes([c, d]) });
                }
                (Kind::Signal, &[number]) => asked(Asked::Signal(i32::from(number))),
                (Kind::Cleaned, []) => self.cleaned = true,
                _ => return self.drop_it(),
            }
        }
        self.incoming = rest.to_vec();
        debug_assert!(self.incoming.len() < HEAD + MOST);
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// `None`: nothing there now; `Some(0)`: the end.
fn receive_now(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    use nix::sys::socket::{MsgFlags, recv};
    use std::os::fd::AsRawFd;
    loop {
        match recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(count) => return Ok(Some(count)),
            Err(nix::Error::EAGAIN) => return Ok(None),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
