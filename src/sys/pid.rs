//! Processes of other people by descriptor: a pidfd names one process for ever, a pid does not.

use super::fd;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// One process, alive or ended.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// The process that has this pid now; `None` when nobody has.
    pub fn open(pid: i32) -> io::Result<Option<PidFd>> {
        // SAFETY: pidfd_open takes two integers and touches no memory.
        let number = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if number >= 0 {
            return Ok(Some(PidFd(fd::take_inherited(number as i32)?)));
        }
        let error = io::Error::last_os_error();
        // EINVAL: the pid of a thread, not of a process.
        if matches!(error.raw_os_error(), Some(libc::ESRCH | libc::EINVAL)) { Ok(None) } else { Err(error) }
    }

    /// The process with this pid, if it was started at `start_time` (clock ticks since boot).
    pub fn open_if(pid: i32, start_time: u64) -> io::Result<Option<PidFd>> {
        let Some(process) = PidFd::open(pid)? else { return Ok(None) };
        // Looked at after the descriptor was made: if the times are equal, the descriptor is of that very process.
        Ok((self::start_time(pid)? == Some(start_time)).then_some(process))
    }

    /// The same process after its end, as long as its parent has not waited for it.
    pub fn open_ended(pid: i32, start_time: u64) -> io::Result<Option<PidFd>> {
        let Some(process) = PidFd::open(pid)? else { return Ok(None) };
        let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
        Ok(parse_stat(&stat).is_some_and(|(ended, time)| ended && time == start_time).then_some(process))
    }

    /// Sends a signal; false when it has ended.
    pub fn signal(&self, signal: i32) -> io::Result<bool> {
        let info: *const libc::siginfo_t = std::ptr::null();
        // SAFETY: a null siginfo is allowed; the rest are integers.
        let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), signal, info, 0) };
        if result >= 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() == Some(libc::ESRCH) { Ok(false) } else { Err(error) }
    }

    /// Waits until it has ended, at most so long (`None`: for ever); whether it has.
    pub fn wait(&self, limit: Option<Duration>) -> io::Result<bool> {
        let end = limit.map(|limit| Instant::now() + limit);
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            // Rounded up, so that we don't spin through the last millisecond.
            let timeout = left.map_or(PollTimeout::NONE, |left| {
                PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX)
            });
            match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(false),
                Ok(0) | Err(nix::Error::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether nobody has this pid.
pub fn is_free(pid: i32) -> bool {
    matches!(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None), Err(nix::Error::ESRCH))
}

impl AsFd for PidFd {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// When the process was started, in clock ticks since boot (field 22 of its stat file); `None` when there is none, or
/// only what its parent has not yet waited for.
pub fn start_time(pid: i32) -> io::Result<Option<u64>> {
    match std::fs::read(format!("/proc/{pid}/stat")) {
        Ok(stat) => Ok(parse_start_time(&stat)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The parent of a process, if there is one and it is in our sight.
pub fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    std::str::from_utf8(stat.get(end + 1..)?).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The command's name, in parentheses, may hold anything: fields are counted from the last parenthesis.
fn parse_start_time(stat: &[u8]) -> Option<u64> {
    parse_stat(stat).and_then(|(ended, time)| (!ended).then_some(time))
}

/// Whether it has ended, and when it was started.
fn parse_stat(stat: &[u8]) -> Option<(bool, u64)> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    Some((matches!(state, "Z" | "X"), fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_times_are_found_behind_strange_names() {
        let tail = "1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1000 10";
        for (head, wanted) in [("7 (a) S ", Some(12345)), ("7 (a) b) (c) R ", Some(12345)), ("7 (a) Z ", None)] {
            assert_eq!(parse_start_time(format!("{head}{tail}").as_bytes()), wanted, "{head}");
        }
        assert_eq!(parse_start_time(b""), None);
    }

    #[test]
    fn a_process_is_known_by_its_start_time() {
        let own = std::process::id() as i32;
        let time = start_time(own).unwrap().unwrap();
        assert!(PidFd::open_if(own, time).unwrap().is_some());
        assert!(PidFd::open_if(own, time + 1).unwrap().is_none());
    }

    #[test]
    fn an_end_is_seen() {
        let mut child = std::process::Command::new("/bin/sleep").arg("100").spawn().unwrap();
        let process = PidFd::open(child.id() as i32).unwrap().unwrap();
        assert!(!process.wait(Some(Duration::from_millis(1))).unwrap());
        assert!(process.signal(libc::SIGKILL).unwrap());
        assert!(process.wait(None).unwrap());
        child.wait().unwrap();
        assert!(!process.signal(libc::SIGKILL).unwrap());
    }
}
