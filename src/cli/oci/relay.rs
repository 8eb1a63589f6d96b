//! Standing in for a container's process until its end: signals go on to it, its terminal is ours.

use crate::fault::Fault;
use crate::sys::pid::PidFd;
use crate::sys::pidfd::{self, Ended};
use crate::sys::poll::{Interest, Set, wait_for};
use crate::sys::signal::Signals;
use crate::sys::terminal::RawMode;
use crate::sys::{process, pty};
use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Ready to follow; made before the process, so that no signal in between is lost.
#[derive(Debug)]
pub struct Foreground {
    signals: Signals,
}

impl Foreground {
    /// Takes signals from now on; also the container's orphans, if it is to be a `subreaper`.
    pub fn prepare(subreaper: bool) -> Result<Foreground> {
        if subreaper {
            process::set_child_subreaper().context("becoming the parent of orphans")?;
        }
        let kept = [Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGCHLD, Signal::SIGURG];
        let faults = [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGILL, Signal::SIGFPE, Signal::SIGABRT];
        let taken = Signal::iterator().filter(|signal| !kept.contains(signal) && !faults.contains(signal));
        Ok(Foreground { signals: Signals::take(taken)? })
    }

    /// Until the process, our child, has ended: how it did.
    pub fn follow(self, process: &PidFd, terminal: Option<OwnedFd>) -> Result<u8> {
        let stdin = std::io::stdin();
        let _raw = if terminal.is_some() { RawMode::enter(&stdin)? } else { None };
        if let Some(terminal) = &terminal {
            resize(terminal);
        }
        let mut open = terminal.is_some();
        let mut set = Set::default();
        loop {
            set.clear();
            let ended = set.add(process, Interest::READ);
            let signal = set.add(&self.signals, Interest::READ);
            let shown = terminal.as_ref().map(|terminal| set.add(terminal, Interest::READ));
            let typed = open.then(|| set.add(&stdin, Interest::READ));
            set.wait(None).context("waiting for the container")?;
            if set.ready(signal).readable {
                self.pass_signals(process, terminal.as_ref())?;
            }
            if let (Some(terminal), Some(typed)) = (&terminal, typed)
                && set.ready(typed).any()
            {
                open = copy(stdin.as_fd(), terminal.as_fd())?;
            }
            let more = match (&terminal, shown) {
                (Some(terminal), Some(shown)) if set.ready(shown).any() => {
                    copy(terminal.as_fd(), std::io::stdout().as_fd())?
                }
                _ => false,
            };
            if set.ready(ended).any() && !more {
                break;
            }
        }
        Ok(match pidfd::wait(process).context("waiting for the container")? {
            Ended::Code(code) => code,
            Ended::Signal(signal) => (128 + signal) as u8,
        })
    }

    fn pass_signals(&self, process: &PidFd, terminal: Option<&OwnedFd>) -> Result<()> {
        while let Some(signal) = self.signals.next()? {
            match (signal, terminal) {
                (Signal::SIGWINCH, Some(terminal)) => resize(terminal),
                (signal, _) => drop(process.signal(signal as i32)?),
            }
        }
        Ok(())
    }
}

/// The size of our terminal for the container's.
fn resize(terminal: &OwnedFd) {
    if let Ok(size) = pty::size(std::io::stdin()).or_else(|_| pty::size(std::io::stdout())) {
        let _ = pty::set_size(terminal, size);
    }
}

/// Copies what is there; whether there may be more.
fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<bool> {
    let mut buffer = [0; 8192];
    let count = match nix::unistd::read(from, &mut buffer) {
        Ok(count) => count,
        Err(nix::Error::EINTR | nix::Error::EAGAIN) => return Ok(true),
        // The other side of a terminal is gone.
        Err(_) => 0,
    };
    let mut rest = &buffer[..count];
    while !rest.is_empty() {
        match nix::unistd::write(to, rest) {
            Ok(written) => rest = &rest[written..],
            Err(nix::Error::EINTR) => {}
            Err(nix::Error::EAGAIN) => drop(wait_for(to, Interest::WRITE, None)?),
            Err(_) => return Ok(false),
        }
    }
    Ok(count > 0)
}

/// Leaves with the process's code.
pub fn leave_with(code: u8) -> Result<()> {
    if code == 0 { Ok(()) } else { Err(Fault::exit(code).into()) }
}
