//! A client of a monitor: attaching to a container, or waiting for its end.

use super::ExitRecord;
use super::frame::Kind;
use anyhow::Result;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// One connection to a monitor. `cli::terminal::attach` relays between it and the user's terminal.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
}

/// What a client wants of a monitor.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wants {
    /// Output from now on.
    pub output: bool,
    /// To give standard input.
    pub stdin: bool,
    /// To clean up after the exit itself: the monitor then doesn't spawn `@reap`, unless this client vanishes.
    pub cleaning: bool,
}

impl Client {
    /// A client that is attached before the container starts; the descriptor is for [`super::spawn`].
    pub fn pair(wants: Wants) -> Result<(Client, OwnedFd)> {
        let _ = wants;
        todo!()
    }

    /// Connects to the monitor of a running container; `None` when there is no monitor (any more).
    pub fn connect(run_dir: &Path, wants: Wants) -> Result<Option<Client>> {
        let _ = (run_dir, wants);
        todo!()
    }

    /// Sends one frame.
    pub fn send(&self, kind: Kind, bytes: &[u8]) -> Result<()> {
        let _ = (kind, bytes);
        todo!()
    }

    /// Tells the monitor that the cleaning up is done.
    pub fn cleaned(self) {}
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Waits until the container has ended, without polling. `None`: its monitor was killed, so nobody can know.
/// (Whether the container's process itself is gone is for the caller to see, by its pidfd.)
pub fn wait(run_dir: &Path) -> Result<Option<ExitRecord>> {
    let _ = run_dir;
    todo!()
}
