//! Signals: ignored, sent to processes by descriptor, or read like bytes from a descriptor.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Ignores these signals from now on. They stay ignored over execve.
pub fn ignore(signals: &[Signal]) -> io::Result<()> {
    let action = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    for signal in signals {
        // SAFETY: no handler of ours runs, ever.
        unsafe { sigaction(*signal, &action) }?;
    }
    Ok(())
}

/// Signals that arrive at a descriptor instead of interrupting. They are blocked for the calling thread, and for
/// threads that it starts later: open one before there are others.
#[derive(Debug)]
pub struct Signals {
    fd: SignalFd,
    mask: SigSet,
}

impl Signals {
    /// Takes these signals from now on, until dropped.
    pub fn take(signals: impl IntoIterator<Item = Signal>) -> io::Result<Signals> {
        let mask: SigSet = signals.into_iter().collect();
        mask.thread_block()?;
        let fd = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Signals { fd, mask })
    }

    /// The next one, if there is any.
    pub fn next(&self) -> io::Result<Option<Signal>> {
        Ok(self.fd.read_signal()?.and_then(|info| Signal::try_from(info.ssi_signo as i32).ok()))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = self.mask.thread_unblock();
    }
}

/// Sends a signal to the very process behind a pidfd. `Ok(false)`: it is gone.
pub fn send(pidfd: impl AsFd, number: i32) -> io::Result<bool> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo is allowed; no memory is touched.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_fd().as_raw_fd(), number, none, 0) };
    if result == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::ESRCH) { Ok(false) } else { Err(error) }
}

/// Ends this process as if `signal` had done so by itself: for one that we took and now obey.
pub fn end_by(signal: Signal) -> ! {
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler of ours is involved.
    let _ = unsafe { sigaction(signal, &action) };
    let mut set = SigSet::empty();
    set.add(signal);
    let _ = set.thread_unblock();
    let _ = nix::sys::signal::raise(signal);
    std::process::exit(128 + signal as i32)
}
