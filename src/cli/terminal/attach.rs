//! Relays between our streams and a container's, until it ends or the user detaches.
//!
//! The container never gets our terminal or our descriptors: bytes are copied, both ways, by one poll loop. Our own
//! descriptors stay as we found them (blocking or not), since others share them.

use super::detach::DetachKeys;
use crate::cli::output::Closed;
use crate::engine::Engine;
use crate::engine::container::attach::{Frame, MOST_BYTES, Said, attach_again, detach_keys};
use crate::engine::container::{Attachment, Streams, exited};
use crate::fault::{Fault, Kind};
use crate::sys::poll::{Interest, Ready, Set, wait_for};
use crate::sys::pty;
use crate::sys::signal::{Signals, end_by};
use crate::sys::terminal::{RawMode, is_terminal, restore};
use anyhow::{Context, Result};
use nix::fcntl::{SpliceFFlags, splice};
use nix::sys::signal::Signal;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// What to relay, and how.
#[derive(Debug, Clone, Default)]
pub struct AttachOptions {
    /// Give the container our standard input.
    pub stdin: bool,
    /// Show its standard output.
    pub stdout: bool,
    /// Show its standard error.
    pub stderr: bool,
    /// `None`: ctrl-p,ctrl-q; empty: no detaching.
    pub detach_keys: Option<String>,
    /// Pass signals that we get on to its process. Without effect on a container with a terminal, as in docker.
    pub sig_proxy: bool,
}

impl AttachOptions {
    /// Refuses detach keys that make no sense: before anything is started.
    pub fn check(&self) -> Result<()> {
        self.detach_keys.as_deref().map(DetachKeys::parse).transpose()?;
        Ok(())
    }

    /// What to ask of the engine: for `StartOptions` and `container::attach`.
    pub fn streams(&self) -> Streams {
        Streams {
            stdin: self.stdin,
            output: self.stdout || self.stderr,
            pipe: self.stdout && !is_terminal(std::io::stdout()),
            size: size(),
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The container's process ended with this code; `None`: nobody can know it.
    Exited(Option<u8>),
    /// The user typed the detach keys; the container goes on.
    Detached,
    /// Its monitor is gone without a word; the container may go on.
    Lost,
}

/// Rows and columns of our terminal, if standard input or output is one.
pub fn size() -> Option<(u16, u16)> {
    let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
    let size = pty::size(&stdout).or_else(|_| pty::size(&stdin)).ok()?;
    (size.rows > 0 && size.columns > 0).then_some((size.rows, size.columns))
}

/// A lone first key of the detach sequence goes through after this.
const KEY_PAUSE: Duration = Duration::from_millis(100);

/// Signals that are the container's business when we are its stand-in.
const PROXIED: [Signal; 14] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGTSTP,
    Signal::SIGIO,
    Signal::SIGPWR,
    Signal::SIGXCPU,
    Signal::SIGSYS,
];

/// Signals that would end us in raw mode.
const ENDING: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// [`relay`], then what is to be done after the end; fails with the container's exit code unless that is 0.
pub fn follow(engine: &Engine, mut attachment: Attachment, options: &AttachOptions) -> Result<()> {
    let id = attachment.id.clone();
    let mut options = options.clone();
    if attachment.terminal && options.stdin && options.detach_keys.is_none() {
        options.detach_keys = detach_keys(engine, &id);
    }
    let options = &options;
    loop {
        match relay(&mut attachment, options)? {
            End::Detached => return Ok(()),
            End::Exited(told) => {
                let recorded = attachment.finish(engine)?;
                return leave_with(recorded.or(told), id.short());
            }
            End::Lost => match attach_again(engine, &id, options.streams())? {
                Some(again) => attachment = again,
                None => return leave_with(exited(engine, &id)?, id.short()),
            },
        }
    }
}

/// [`relay`] for one process of a container (`exec`): nothing is to be done after its end.
pub fn follow_process(mut attachment: Attachment, options: &AttachOptions) -> Result<()> {
    match relay(&mut attachment, options)? {
        End::Detached => Ok(()),
        End::Exited(code) => leave_with(code, attachment.id.short()),
        End::Lost => leave_with(None, attachment.id.short()),
    }
}

fn leave_with(code: Option<u8>, id: &str) -> Result<()> {
    match code {
        Some(0) => Ok(()),
        Some(code) => Err(Fault::exit(code).into()),
        None => Err(Fault::new(Kind::Internal, format!("the exit code of container {id} is unknown")).into()),
    }
}

/// Relays until the end. Afterwards: [`Attachment::finish`], unless detached.
pub fn relay(attachment: &mut Attachment, options: &AttachOptions) -> Result<End> {
    let keys = match &options.detach_keys {
        None => DetachKeys::usual(),
        Some(text) => DetachKeys::parse(text)?,
    };
    let stdin = std::io::stdin();
    let proxy = options.sig_proxy && !attachment.terminal;
    let raw = if attachment.terminal && options.stdin { RawMode::enter(&stdin)? } else { None };
    let mut taken = vec![Signal::SIGWINCH];
    if proxy {
        taken.extend(PROXIED);
    } else if raw.is_some() {
        taken.extend(ENDING);
    }
    let signals = Signals::take(taken)?;
    // It may have changed since the attachment was made.
    attachment.resize(size())?;
    let mut relay = Relay {
        pipe: attachment.client.take_pipe(),
        attachment,
        options,
        signals,
        proxy,
        keys: if is_terminal(&stdin) { keys } else { DetachKeys::default() },
        stdin_open: options.stdin,
        unsent: Vec::new(),
        buffer: Vec::new(),
        set: Set::default(),
    };
    let end = relay.run(stdin.as_fd());
    drop(raw);
    end
}

struct Relay<'a> {
    attachment: &'a mut Attachment,
    /// What standard output comes through, until its end.
    pipe: Option<OwnedFd>,
    options: &'a AttachOptions,
    signals: Signals,
    proxy: bool,
    keys: DetachKeys,
    stdin_open: bool,
    /// Frames that the monitor has no room for yet. Input waits meanwhile.
    unsent: Vec<u8>,
    buffer: Vec<u8>,
    set: Set,
}

impl Relay<'_> {
    fn run(&mut self, stdin: BorrowedFd<'_>) -> Result<End> {
        loop {
            // What came with the last read, before waiting for more.
            if let Some(end) = self.show()? {
                self.empty_pipe()?;
                return Ok(end);
            }
            let (monitor, signal, input, output) = self.wait(stdin)?;
            if output.any() {
                self.pass_on()?;
            }
            if signal.readable {
                self.take_signals()?;
            }
            if monitor.writable && self.attachment.client.send_rest(&mut self.unsent).is_err() {
                self.unsent.clear();
                self.stdin_open = false;
            }
            if (monitor.readable || monitor.hung_up) && !self.attachment.client.receive()? {
                self.empty_pipe()?;
                return Ok(End::Lost);
            }
            if input.any() {
                if self.take_input(stdin)? {
                    return Ok(End::Detached);
                }
            } else if self.keys.holds() && !monitor.any() && !signal.any() && !output.any() {
                let held = self.keys.release();
                self.give(Frame::Stdin, &held)?;
            }
        }
    }

    fn wait(&mut self, stdin: BorrowedFd<'_>) -> Result<(Ready, Ready, Ready, Ready)> {
        self.set.clear();
        let monitor = self.set.add(&self.attachment.client, Interest { read: true, write: !self.unsent.is_empty() });
        let signal = self.set.add(&self.signals, Interest::READ);
        let input = (self.stdin_open && self.unsent.is_empty()).then(|| self.set.add(stdin, Interest::READ));
        let output = self.pipe.as_ref().map(|pipe| self.set.add(pipe, Interest::READ));
        self.set.wait(self.keys.holds().then_some(KEY_PAUSE)).context("waiting for the container")?;
        let ready = |index| self.set.ready(index);
        Ok((ready(monitor), ready(signal), input.map(ready).unwrap_or_default(), output.map(ready).unwrap_or_default()))
    }

    /// Hands what stands in the pipe on to standard output; it must not be empty, or at its end. Without copying where
    /// the kernel can do so: not into files that are open for appending, for example.
    fn pass_on(&mut self) -> Result<()> {
        const MOST: usize = 1 << 20;
        let Some(pipe) = &self.pipe else { return Ok(()) };
        let stdout = std::io::stdout();
        match splice(pipe, None, &stdout, None, MOST, SpliceFFlags::empty()) {
            Ok(0) => self.pipe = None,
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(nix::Error::EAGAIN) => drop(wait_for(&stdout, Interest::WRITE, None)?),
            Err(nix::Error::EPIPE) => return Err(Closed.into()),
            Err(nix::Error::EINVAL) => {
                self.buffer.resize(MOST_BYTES, 0);
                let count = nix::unistd::read(pipe, &mut self.buffer).context("reading from the monitor")?;
                write_all(stdout.as_fd(), &self.buffer[..count])?;
                self.pipe.take_if(|_| count == 0);
            }
            Err(error) => return Err(error).context("standard output"),
        }
        Ok(())
    }

    /// After the monitor's end, or what it told of the container's: everything up to the end of the pipe.
    fn empty_pipe(&mut self) -> Result<()> {
        while self.pipe.is_some() {
            self.pass_on()?;
        }
        Ok(())
    }

    /// Writes out what was received; an end if it was told.
    fn show(&mut self) -> Result<Option<End>> {
        while let Some(said) = self.attachment.client.next_said()? {
            match said {
                Said::Stdout(bytes) if self.options.stdout => write_all(std::io::stdout().as_fd(), bytes)?,
                Said::Stderr(bytes) if self.options.stderr => write_all(std::io::stderr().as_fd(), bytes)?,
                Said::Stdout(_) | Said::Stderr(_) => {}
                Said::Exit(record) => return Ok(Some(End::Exited(record.code))),
            }
        }
        Ok(None)
    }

    /// `true`: the user detached.
    fn take_input(&mut self, stdin: BorrowedFd<'_>) -> Result<bool> {
        self.buffer.resize(MOST_BYTES, 0);
        let count = match nix::unistd::read(stdin, &mut self.buffer) {
            Ok(count) => count,
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => return Ok(false),
            // A terminal that went away, or one whose background we are in: no input, but the output goes on.
            Err(_) => 0,
        };
        if count == 0 {
            self.stdin_open = false;
            let held = self.keys.release();
            self.give(Frame::Stdin, &held)?;
            self.give(Frame::CloseStdin, &[])?;
            return Ok(false);
        }
        let buffer = std::mem::take(&mut self.buffer);
        let (passed, detached) = self.keys.filter(&buffer[..count]);
        self.buffer = buffer;
        self.give(Frame::Stdin, &passed)?;
        Ok(detached)
    }

    fn take_signals(&mut self) -> Result<()> {
        while let Some(signal) = self.signals.next()? {
            if signal == Signal::SIGWINCH {
                if let Some((rows, columns)) = size().filter(|_| self.attachment.terminal) {
                    let ([a, b], [c, d]) = (rows.to_be_bytes(), columns.to_be_bytes());
                    self.give(Frame::Resize, &[a, b, c, d])?;
                }
            } else if self.proxy {
                self.give(Frame::Signal, &[signal as i32 as u8])?;
            } else {
                restore();
                end_by(signal);
            }
        }
        Ok(())
    }

    /// Sends a frame, behind those that still wait. A monitor that is gone is noticed when we read.
    fn give(&mut self, kind: Frame, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() && kind == Frame::Stdin {
            return Ok(());
        }
        if !self.unsent.is_empty() {
            self.unsent.extend(crate::engine::container::attach::frame_bytes(kind, bytes));
        } else if let Ok(rest) = self.attachment.client.try_send(kind, bytes) {
            self.unsent = rest;
        }
        Ok(())
    }
}

/// Writes everything, also to a descriptor that somebody else made non-blocking.
fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match nix::unistd::write(fd, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(nix::Error::EINTR) => {}
            Err(nix::Error::EAGAIN) => drop(wait_for(fd, Interest::WRITE, None)?),
            Err(nix::Error::EPIPE) => return Err(Closed.into()),
            Err(error) => return Err(error).context("standard output"),
        }
    }
    Ok(())
}
