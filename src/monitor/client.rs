//! A client of a monitor: attaching to a container, or waiting for its end.

use super::frame::{self, HEAD, Kind, MOST};
use super::{ExitRecord, paths};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// One connection to a monitor. `cli::terminal::attach` relays between it and the user's terminal.
#[derive(Debug)]
pub struct Client {
    socket: UnixStream,
    pipe: Option<OwnedFd>,
    received: Vec<u8>,
    parsed: usize,
}

/// What a client wants of a monitor.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wants {
    /// Output from now on.
    pub output: bool,
    /// To give standard input.
    pub stdin: bool,
    /// Standard output (not a terminal's) through a pipe instead of [`Said::Stdout`]: see [`Client::take_pipe`].
    pub pipe: bool,
    /// To clean up after the exit itself: the monitor then doesn't spawn `@reap`, unless this client vanishes.
    pub cleaning: bool,
}

/// What a monitor says.
#[derive(Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Bytes of standard output, or of the terminal.
    Stdout(&'a [u8]),
    /// Bytes of standard error.
    Stderr(&'a [u8]),
    /// It has ended, and all output was told.
    Exit(ExitRecord),
}

impl Client {
    /// A client that is attached before the container starts; the descriptor is for [`super::spawn`].
    pub fn pair(wants: Wants) -> Result<(Client, OwnedFd)> {
        let (ours, theirs) = crate::sys::fd::socketpair().context("making a socket pair")?;
        let mut client = Client::new(ours);
        client.hello(wants)?;
        Ok((client, theirs))
    }

    /// Connects to the monitor of a running container; `None` when there is no monitor (any more).
    pub fn connect(run_dir: &Path, wants: Wants) -> Result<Option<Client>> {
        // A socket's path may have 107 bytes only; this one is short, wherever the run directory is.
        let dir = File::open(run_dir).with_context(|| format!("opening {}", run_dir.display()))?;
        let path = format!("/proc/self/fd/{}/{}", dir.as_raw_fd(), paths::ATTACH);
        let socket = match UnixStream::connect(path) {
            Ok(socket) => socket,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(error).with_context(|| format!("connecting to {}/attach", run_dir.display())),
        };
        let mut client = Client::new(socket.into());
        match client.hello(wants) {
            Ok(()) => Ok(Some(client)),
            // It ended just now, and its exit record is in place.
            Err(_) => Ok(None),
        }
    }

    fn new(socket: OwnedFd) -> Client {
        Client { socket: socket.into(), pipe: None, received: Vec::new(), parsed: 0 }
    }

    fn hello(&mut self, wants: Wants) -> Result<()> {
        let mut bits = 0;
        for (wanted, bit) in [
            (wants.output, frame::WANT_OUTPUT),
            (wants.stdin, frame::WANT_STDIN),
            (wants.cleaning, frame::WANT_CLEANING),
            (wants.pipe, frame::WANT_PIPE),
        ] {
            bits |= if wanted { bit } else { 0 };
        }
        if !wants.pipe {
            return self.send(Kind::Hello, &[bits]);
        }
        let (reader, writer) = crate::sys::fd::pipe().context("making a pipe")?;
        crate::sys::fd::widen(&reader);
        let hello = frame::frame_bytes(Kind::Hello, &[bits]);
        crate::sys::fd::send_with_fds(&self.socket, &hello, &[writer.as_fd()]).context("greeting the monitor")?;
        self.pipe = Some(reader);
        Ok(())
    }

    /// The pipe that standard output comes through, if that was wanted. It ends when the monitor does, or before it
    /// tells of the exit: what is in it comes before [`Said::Exit`].
    pub fn take_pipe(&mut self) -> Option<OwnedFd> {
        self.pipe.take()
    }

    /// Sends one frame of at most [`MOST`] bytes; waits while the monitor takes nothing.
    pub fn send(&self, kind: Kind, bytes: &[u8]) -> Result<()> {
        let mut rest = self.try_send(kind, bytes)?;
        while !rest.is_empty() {
            crate::sys::poll::wait_for(&self.socket, crate::sys::poll::Interest::WRITE, None)?;
            self.send_rest(&mut rest)?;
        }
        Ok(())
    }

    /// Sends what fits of a frame without waiting; returns what is left, for [`Client::send_rest`].
    pub fn try_send(&self, kind: Kind, bytes: &[u8]) -> Result<Vec<u8>> {
        let head = frame::head(kind, bytes.len());
        match crate::sys::fd::send_now(&self.socket, &[&head, bytes])? {
            sent if sent == HEAD + bytes.len() => Ok(Vec::new()),
            sent => {
                let mut rest = [&head, bytes].concat();
                rest.drain(..sent);
                Ok(rest)
            }
        }
    }

    /// Sends more of what [`Client::try_send`] left.
    pub fn send_rest(&self, rest: &mut Vec<u8>) -> Result<()> {
        let sent = crate::sys::fd::send_now(&self.socket, &[rest])?;
        rest.drain(..sent);
        Ok(())
    }

    /// Reads once, waiting if need be. `false`: the monitor hung up.
    pub fn receive(&mut self) -> Result<bool> {
        self.received.drain(..self.parsed);
        self.parsed = 0;
        let kept = self.received.len();
        self.received.resize(kept + HEAD + MOST, 0);
        let result = loop {
            match self.socket.read(&mut self.received[kept..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.received.truncate(kept + *result.as_ref().unwrap_or(&0));
        match result {
            Ok(count) => Ok(count > 0),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error).context("reading from the monitor"),
        }
    }

    /// The next thing in what was received.
    pub fn next_said(&mut self) -> Result<Option<Said<'_>>> {
        loop {
            let rest = &self.received[self.parsed..];
            let Some(head) = rest.first_chunk::<HEAD>() else { return Ok(None) };
            let Some((kind, length)) = frame::parse_head(head) else { bail!("the monitor speaks another protocol") };
            if rest.len() < HEAD + length {
                return Ok(None);
            }
            let start = self.parsed + HEAD;
            self.parsed = start + length;
            let bytes = &self.received[start..self.parsed];
            return Ok(Some(match kind {
                Kind::Stdout => Said::Stdout(bytes),
                Kind::Stderr => Said::Stderr(bytes),
                Kind::Exit => Said::Exit(serde_json::from_slice(bytes)?),
                _ => continue,
            }));
        }
    }

    /// Tells the monitor that the cleaning up is done.
    pub fn cleaned(self) {
        let _ = self.send(Kind::Cleaned, &[]);
    }

    /// The same of a container that nobody can find any more: the monitor removes its files ([`super::Reap::rest`]).
    /// `false`: there is no monitor any more that could.
    pub fn withdrawn(self) -> bool {
        self.send(Kind::Cleaned, &[frame::REST_IS_YOURS]).is_ok()
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Waits until the container has ended, without polling. `None`: its monitor was killed, so nobody can know.
/// (Whether the container's process itself is gone is for the caller to see, by its pidfd.)
pub fn wait(run_dir: &Path) -> Result<Option<ExitRecord>> {
    if let Some(mut client) = Client::connect(run_dir, Wants::default())? {
        while client.receive()? {
            if let Some(Said::Exit(record)) = client.next_said()? {
                return Ok(Some(record));
            }
        }
    }
    ExitRecord::read(run_dir)
}
