//! Pseudo-terminals.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// A new terminal: what is written to one side is read from the other.
#[derive(Debug)]
pub struct Pty {
    /// Our side. When it is closed, the terminal hangs up.
    pub master: OwnedFd,
    /// The program's side. While nobody has it open, reading the master fails with `EIO`, as it does at the end.
    pub slave: OwnedFd,
}

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

impl Pty {
    /// A terminal from the `ptmx` device that is open at `ptmx` (opening it made the terminal).
    pub fn from_master(master: OwnedFd) -> io::Result<Pty> {
        let unlock: libc::c_int = 0;
        // SAFETY: TIOCSPTLCK reads one int.
        if unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &unlock) } < 0 {
            return Err(io::Error::last_os_error());
        }
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        // SAFETY: TIOCGPTPEER takes flags by value and opens the other side; no path is involved.
        let number = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor and gave it to nobody else.
        let slave = unsafe { OwnedFd::from_raw_fd(number) };
        Ok(Pty { master, slave })
    }

    /// A terminal of the caller's own devpts.
    pub fn open() -> io::Result<Pty> {
        // SAFETY: the path is NUL-terminated and only read.
        let number = unsafe { libc::open(c"/dev/ptmx".as_ptr(), libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor and gave it to nobody else.
        Pty::from_master(unsafe { OwnedFd::from_raw_fd(number) })
    }
}

/// The size of the terminal behind `fd` (either side).
pub fn size(fd: impl AsFd) -> io::Result<Size> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize.
    if unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &mut size) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Size { rows: size.ws_row, columns: size.ws_col })
}

/// Gives the terminal behind `fd` another size; its foreground processes get SIGWINCH when it changed.
pub fn set_size(fd: impl AsFd, size: Size) -> io::Result<()> {
    let size = libc::winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads one winsize.
    if unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &size) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
