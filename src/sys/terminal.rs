//! The user's terminal: raw mode that is taken back whatever happens.

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, Once};

/// Whether `fd` is a terminal.
pub fn is_terminal(fd: impl AsFd) -> bool {
    nix::unistd::isatty(fd).unwrap_or(false)
}

/// How the terminal was, for whoever ends this process.
static BEFORE: Mutex<Option<(OwnedFd, Termios)>> = Mutex::new(None);

/// While it lives, the terminal passes every key through as it is. Dropping it, a panic (also one that aborts), or
/// [`restore`] takes that back.
#[derive(Debug)]
pub struct RawMode(());

impl RawMode {
    /// Makes the terminal raw. `None` when `fd` is not a terminal.
    pub fn enter(fd: impl AsFd) -> io::Result<Option<RawMode>> {
        let Ok(before) = tcgetattr(&fd) else { return Ok(None) };
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                usual(panic);
            }));
        });
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        let kept = fd.as_fd().try_clone_to_owned()?;
        if let Ok(mut slot) = BEFORE.lock() {
            *slot = Some((kept, before));
        }
        tcsetattr(&fd, SetArg::TCSANOW, &raw)?;
        Ok(Some(RawMode(())))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// Makes the terminal what it was before [`RawMode::enter`]; does nothing when it is.
pub fn restore() {
    // A panic while the lock is held would leave it locked; then nothing better can be done.
    if let Ok(mut slot) = BEFORE.try_lock()
        && let Some((fd, before)) = slot.take()
    {
        // TCSADRAIN, so that what was typed ahead is kept for the shell.
        let _ = tcsetattr(&fd, SetArg::TCSADRAIN, &before);
    }
}

/// Reads one line from the user's terminal (/dev/tty, whatever standard input is) without showing it.
pub fn read_secret(prompt: &str) -> io::Result<String> {
    use nix::sys::termios::LocalFlags;
    use std::io::{BufRead, Write};
    let mut terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(prompt.as_bytes())?;
    let before = tcgetattr(&terminal)?;
    let mut hidden = before.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &hidden)?;
    let mut line = String::new();
    let read = io::BufReader::new(&terminal).read_line(&mut line);
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &before)?;
    terminal.write_all(b"\n")?;
    read?;
    Ok(line.trim_end_matches(['\r', '\n']).to_string())
}

/// How many columns and rows the terminal has.
pub fn size(fd: impl AsFd) -> Option<(u16, u16)> {
    let size = super::pty::size(fd).ok()?;
    Some((size.columns, size.rows)).filter(|(columns, _)| *columns > 0)
}
