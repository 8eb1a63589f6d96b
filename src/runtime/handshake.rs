//! What parent and child say to each other until the container's program runs.
//!
//! | child | parent |
//! |---|---|
//! | `Step::Wait` (only with a new user namespace) | writes the id maps, then one byte: go on |
//! | `Process` + pidfd, from the process in between (only when namespaces are joined) | takes it for the child |
//! | `Terminal` + the pty's controlling side (only with a terminal) | keeps it |
//! | `Ready` (only for `create`) | `create` returns; later, `start`: one byte |
//! | `Failed` {step, errno} | finds the words; warns (and the child goes on) or fails |
//! | execve: the socket closes by itself | the container runs |

use crate::sys::fd;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// From the child; eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// All is done but the execve.
    Ready,
    /// A step failed.
    Failed {
        /// Its number in the plan.
        step: u16,
        /// Why.
        errno: i32,
        /// Whether the child has left.
        fatal: bool,
        /// The program's file exists.
        found: bool,
    },
    /// The pty's controlling side comes with it.
    Terminal,
    /// The namespaces are there, the root is built but not entered: it is the parent's turn, until it says go on.
    Parent,
    /// The number of the process that is the container's; its pidfd comes with it.
    Process(i32),
}

impl Message {
    pub(super) fn ready() -> Message {
        Message::Ready
    }

    pub(super) fn failure(step: usize, errno: i32, fatal: bool, found: bool) -> Message {
        Message::Failed { step: step as u16, errno, fatal, found }
    }

    fn bytes(self) -> [u8; 8] {
        let (tag, flags, step, number) = match self {
            Message::Ready => (1, 0, 0, 0),
            Message::Failed { step, errno, fatal, found } => (2, u8::from(fatal) | u8::from(found) << 1, step, errno),
            Message::Terminal => (3, 0, 0, 0),
            Message::Process(pid) => (4, 0, 0, pid),
            Message::Parent => (5, 0, 0, 0),
        };
        let (step, number) = (step.to_ne_bytes(), number.to_ne_bytes());
        [tag, flags, step[0], step[1], number[0], number[1], number[2], number[3]]
    }

    fn from_bytes(bytes: [u8; 8]) -> Option<Message> {
        let number = i32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        Some(match bytes[0] {
            1 => Message::Ready,
            2 => Message::Failed {
                step: u16::from_ne_bytes([bytes[2], bytes[3]]),
                errno: number,
                fatal: bytes[1] & 1 != 0,
                found: bytes[1] & 2 != 0,
            },
            3 => Message::Terminal,
            4 => Message::Process(number),
            5 => Message::Parent,
            _ => return None,
        })
    }
}

/// The child's end.
pub struct Inside(OwnedFd);

impl AsFd for Inside {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The parent's end.
#[derive(Debug)]
pub struct Outside(OwnedFd);

/// Both ends, close-on-exec, with numbers from `first` on: lower ones are for the program's own descriptors.
pub fn pair(first: i32) -> io::Result<(Outside, Inside)> {
    let (outside, inside) = fd::seqpacket_pair()?;
    Ok((Outside(outside), Inside(above(inside, first)?)))
}

/// The same open file under a number from `first` on.
pub fn above(fd: OwnedFd, first: i32) -> io::Result<OwnedFd> {
    use nix::fcntl::{FcntlArg, fcntl};
    if std::os::fd::AsRawFd::as_raw_fd(&fd) >= first {
        return Ok(fd);
    }
    fd::take_inherited(fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(first))?)
}

impl Inside {
    /// The child's end of a conversation that somebody else began: see [`super::step::Step::Gate`].
    pub fn of(connection: OwnedFd) -> Inside {
        Inside(connection)
    }

    /// Waits for the parent's word; an error when the parent is gone.
    pub fn wait(&self) -> io::Result<()> {
        let mut byte = [0];
        match nix::unistd::read(&self.0, &mut byte) {
            Ok(1) => Ok(()),
            Ok(_) => Err(io::Error::from_raw_os_error(libc::EPIPE)),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Says something; if nobody listens any more there is nobody to tell.
    pub fn send(&self, message: Message) {
        let _ = nix::unistd::write(&self.0, &message.bytes());
    }

    /// Hands the pty's controlling side out.
    pub fn send_terminal(&self, master: BorrowedFd<'_>) {
        let _ = fd::send_with_fds(&self.0, &Message::Terminal.bytes(), &[master]);
    }

    /// Says which process goes on.
    pub fn send_process(&self, pid: i32, pidfd: BorrowedFd<'_>) {
        let _ = fd::send_with_fds(&self.0, &Message::Process(pid).bytes(), &[pidfd]);
    }
}

impl Outside {
    /// The parent's end of a conversation with a child that waits at a gate.
    pub fn of(connection: OwnedFd) -> Outside {
        Outside(connection)
    }

    /// Gives the word to go on.
    pub fn go(&self) -> io::Result<()> {
        nix::unistd::write(&self.0, &[1])?;
        Ok(())
    }

    /// The next message and what came with it; `None`: the child has executed its program (or is dead).
    pub fn receive(&self) -> io::Result<Option<(Message, Option<OwnedFd>)>> {
        let mut bytes = [0; 8];
        loop {
            let (count, mut fds) = match fd::receive_with_fds(self.0.as_fd(), &mut bytes) {
                Ok(answer) => answer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.raw_os_error() == Some(libc::ECONNRESET) => return Ok(None),
                Err(error) => return Err(error),
            };
            return match count {
                0 => Ok(None),
                _ => match Message::from_bytes(bytes) {
                    Some(message) => Ok(Some((message, fds.pop()))),
                    None => Err(io::Error::other("the child says something strange")),
                },
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back() {
        for message in [
            Message::Ready,
            Message::Terminal,
            Message::Parent,
            Message::Process(4711),
            Message::failure(300, libc::EPERM, true, false),
            Message::failure(2, libc::EDQUOT, false, true),
        ] {
            assert_eq!(Message::from_bytes(message.bytes()), Some(message));
        }
        assert_eq!(Message::from_bytes([9; 8]), None);
    }
}
