//! The monitor's side of one attached client.

use super::frame::{self, HEAD, Kind, MOST};
use super::lane::{Lane, Shared};
use crate::sys::fd;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// A client that takes nothing for so long is dropped, unless the container is in its foreground.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// One client.
pub(super) struct Peer {
    socket: OwnedFd,
    wants: u8,
    /// Where standard output goes instead of the socket.
    lane: Option<Lane>,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    stalled: Option<Instant>,
    gone: bool,
    cleaned: bool,
    left_rest: bool,
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
            lane: None,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            stalled: None,
            gone: false,
            cleaned: false,
            left_rest: false,
        }
    }

    /// It hung up, spoke gibberish or was dropped.
    pub(super) fn gone(&self) -> bool {
        self.gone
    }

    pub(super) fn wants_output(&self) -> bool {
        !self.gone && self.wants & frame::WANT_OUTPUT != 0
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

    /// It has said that the files are for us to remove.
    pub(super) fn left_rest(&self) -> bool {
        self.left_rest
    }

    /// Something is still to be sent.
    pub(super) fn pending(&self) -> bool {
        self.sending() || self.waiting_lane().is_some()
    }

    /// Something is still to go through the socket.
    pub(super) fn sending(&self) -> bool {
        !self.gone && !self.outgoing.is_empty()
    }

    /// The pipe that has to be waited for until it takes more.
    pub(super) fn waiting_lane(&self) -> Option<&Lane> {
        self.lane.as_ref().filter(|lane| lane.full())
    }

    /// Whether [`Peer::share`] may be called.
    pub(super) fn can_share(&self) -> bool {
        !self.gone && self.lane.as_ref().is_some_and(|lane| !lane.full())
    }

    /// When its patience is at an end, if it takes nothing and may not.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.cleans() || self.gone { None } else { self.stalled.map(|since| since + PATIENCE) }
    }

    /// Drops it.
    pub(super) fn drop_it(&mut self) {
        self.gone = true;
        self.lane = None;
        self.outgoing = Vec::new();
        self.incoming = Vec::new();
    }

    /// Sends output, if it wants any.
    pub(super) fn output(&mut self, kind: Kind, bytes: &[u8]) {
        if !self.wants_output() {
            return;
        }
        match &mut self.lane {
            Some(lane) if kind == Kind::Stdout => {
                let written = lane.write(bytes);
                self.lane_did(written.is_ok());
            }
            _ => self.send(kind, bytes),
        }
    }

    /// Hands on standard output from pipe to pipe. With `keep`, what was handed on is still to be read.
    pub(super) fn share(&mut self, output: &OwnedFd, keep: bool) -> Shared {
        let Some(lane) = &mut self.lane else { return Shared::Nothing };
        let shared = lane.share(output, keep);
        self.lane_did(shared.is_ok());
        shared.unwrap_or(Shared::Nothing)
    }

    /// The pipe that was waited for has room, or no reader any more.
    pub(super) fn flush_lane(&mut self) {
        if let Some(lane) = &mut self.lane {
            let flushed = lane.flush();
            self.lane_did(flushed.is_ok());
        }
        self.lane.take_if(|lane| lane.done());
    }

    /// No more output is coming.
    pub(super) fn end_output(&mut self) {
        self.lane.iter_mut().for_each(Lane::close);
        self.lane.take_if(|lane| lane.done());
    }

    /// A client whose pipe has no reader any more is gone; one that is full has to hurry up from now on.
    fn lane_did(&mut self, well: bool) {
        if !well {
            self.drop_it();
        } else if self.outgoing.is_empty() {
            self.stalled = self.waiting_lane().map(|_| Instant::now());
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
            self.stalled = self.waiting_lane().map(|_| Instant::now());
        }
    }

    /// Reads once, without waiting, and hands on what was asked for.
    pub(super) fn receive(&mut self, buffer: &mut [u8], mut asked: impl FnMut(Asked)) {
        let (count, descriptors) = match fd::receive_now(&self.socket, buffer) {
            Ok(Some((0, _))) | Err(_) => return self.drop_it(),
            Ok(None) => return,
            Ok(Some(received)) => received,
        };
        let mut descriptors = descriptors.into_iter();
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
                    if wants & frame::WANT_PIPE != 0 {
                        let Some(lane) = descriptors.next().and_then(Lane::new) else { return self.drop_it() };
                        self.lane = Some(lane);
                    }
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
                (Kind::Cleaned, &[frame::REST_IS_YOURS]) if self.cleans() => {
                    self.cleaned = true;
                    self.left_rest = true;
                }
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
