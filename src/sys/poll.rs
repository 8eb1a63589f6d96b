//! `poll(2)` over a set that is filled anew each time round.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// What happened on a descriptor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ready {
    /// Bytes (or a connection, or an end) to read.
    pub readable: bool,
    /// Room to write.
    pub writable: bool,
    /// The other side is gone.
    pub hung_up: bool,
}

impl Ready {
    /// Anything at all.
    pub fn any(self) -> bool {
        self.readable || self.writable || self.hung_up
    }
}

/// Which of the things that can be waited for are wanted. The other side's going away is always told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interest {
    /// Bytes to read.
    pub read: bool,
    /// Room to write.
    pub write: bool,
}

impl Interest {
    /// Only bytes to read.
    pub const READ: Interest = Interest { read: true, write: false };
    /// Only room to write.
    pub const WRITE: Interest = Interest { read: false, write: true };
}

/// The descriptors to wait for. Reuse it: [`Set::clear`] keeps the memory.
#[derive(Debug, Default)]
pub struct Set {
    entries: Vec<libc::pollfd>,
}

impl Set {
    /// Forgets all descriptors.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Adds a descriptor; the number finds its answer in [`Set::ready`].
    pub fn add(&mut self, fd: impl AsFd, interest: Interest) -> usize {
        let mut events = 0;
        if interest.read {
            events |= libc::POLLIN;
        }
        if interest.write {
            events |= libc::POLLOUT;
        }
        self.entries.push(libc::pollfd { fd: fd.as_fd().as_raw_fd(), events, revents: 0 });
        self.entries.len() - 1
    }

    /// Waits for any of them, at most for `timeout`. A signal ends the wait early, with nothing ready.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|time| libc::timespec {
            tv_sec: time.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(time.subsec_nanos()),
        });
        let pointer = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let count = self.entries.len() as libc::nfds_t;
        // SAFETY: the array has `count` entries, the timeout is null or lives through the call.
        if unsafe { libc::ppoll(self.entries.as_mut_ptr(), count, pointer, std::ptr::null()) } >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        self.entries.iter_mut().for_each(|entry| entry.revents = 0);
        Ok(())
    }

    /// Whether the last [`Set::wait`] found anything.
    pub fn any_ready(&self) -> bool {
        self.entries.iter().any(|entry| entry.revents != 0)
    }

    /// What the last [`Set::wait`] found for a number of [`Set::add`].
    pub fn ready(&self, index: usize) -> Ready {
        let events = self.entries.get(index).map_or(0, |entry| entry.revents);
        Ready {
            readable: events & libc::POLLIN != 0,
            writable: events & libc::POLLOUT != 0,
            hung_up: events & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0,
        }
    }
}

/// Waits for one descriptor.
pub fn wait_for(fd: impl AsFd, interest: Interest, timeout: Option<Duration>) -> io::Result<Ready> {
    let mut set = Set::default();
    let index = set.add(fd, interest);
    set.wait(timeout)?;
    Ok(set.ready(index))
}
