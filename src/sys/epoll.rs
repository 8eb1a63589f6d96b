//! `epoll(7)`: many descriptors behind one, each told of once when something changes.

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// A set of descriptors, readable itself when there is news of one of them.
#[derive(Debug)]
pub struct Watch(Epoll);

impl Watch {
    /// An empty set.
    pub fn new() -> io::Result<Watch> {
        Ok(Watch(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?))
    }

    /// Tells under the name `token` as long as there is something to read.
    pub fn readable(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        Ok(self.0.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token))?)
    }

    /// Tells under the name `token` of each change: bytes, room, the end. Whoever is told goes on until `EAGAIN`.
    pub fn changes(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        Ok(self.0.add(fd, EpollEvent::new(flags, token))?)
    }

    /// The tokens of which there is news now, at most a few at a time.
    pub fn news(&self, tokens: &mut Vec<u64>) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); 64];
        tokens.clear();
        match self.0.wait(&mut events, EpollTimeout::ZERO) {
            Ok(count) => tokens.extend(events[..count].iter().map(EpollEvent::data)),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0.as_fd()
    }
}
