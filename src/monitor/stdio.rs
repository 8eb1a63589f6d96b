//! The container's standard streams, both ends.
//!
//! Without a terminal, output goes through FIFOs in the run directory which the container's side opens for reading
//! *and* writing: when a monitor is killed the pipe still has a reader, so the container's next write waits for the
//! next monitor instead of failing. (The end of output is told by the process's end, or by the last of its
//! descendants closing its side: we hold no writing end.)

use super::config::{MonitorConfig, Source};
use super::log::Stream;
use super::paths;
use crate::runtime::Stdio;
use crate::sys::fd;
use anyhow::{Context, Result};
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, fchown, mkfifoat};
use std::os::fd::{AsFd, OwnedFd};

/// One stream that the monitor reads.
pub(super) struct Output {
    /// Does not block.
    pub(super) fd: OwnedFd,
    pub(super) stream: Stream,
}

/// Both ends of the standard streams.
pub(super) struct Streams {
    /// The container's.
    pub(super) stdio: Stdio,
    /// What to read. Empty with a terminal, whose controlling side comes later.
    pub(super) outputs: Vec<Output>,
    /// Where clients' input goes. `None` with a terminal, or without `-i`.
    pub(super) input: Option<OwnedFd>,
}

/// Makes the streams of a new process. `run_dir` is where FIFOs go; `None`: plain pipes (`exec`).
pub(super) fn make(config: &MonitorConfig, run_dir: Option<&OwnedFd>, size: Option<(u16, u16)>) -> Result<Streams> {
    if config.terminal {
        let (rows, columns) = size.unwrap_or((0, 0));
        return Ok(Streams { stdio: Stdio::Terminal { rows, columns }, outputs: Vec::new(), input: None });
    }
    let owner = owner(config);
    let (stdin, input) = if config.interactive {
        let (reader, writer) = fd::pipe().context("making a pipe")?;
        fd::set_nonblocking(&writer, true)?;
        give(&reader, owner);
        (reader, Some(writer))
    } else {
        (open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).context("opening /dev/null")?, None)
    };
    if config.log.passthrough {
        // Our own standard streams are the spawner's, which it chose to hand to the container. Copies: the numbers 0
        // to 2 must not be free while anything else is opened.
        let ours = |number| fd::duplicate(number).context("copying a standard stream");
        let stdin = if config.interactive { ours(0)? } else { stdin };
        return Ok(Streams {
            stdio: Stdio::Descriptors { stdin, stdout: ours(1)?, stderr: ours(2)? },
            outputs: Vec::new(),
            input: None,
        });
    }
    let (stdout, stdout_reader) = output(run_dir, paths::STDOUT)?;
    let (stderr, stderr_reader) = output(run_dir, paths::STDERR)?;
    give(&stdout, owner);
    give(&stderr, owner);
    Ok(Streams {
        stdio: Stdio::Descriptors { stdin, stdout, stderr },
        outputs: vec![
            Output { fd: stdout_reader, stream: Stream::Stdout },
            Output { fd: stderr_reader, stream: Stream::Stderr },
        ],
        input,
    })
}

/// Lets go of the spawner's standard streams, of which the container has copies.
pub(super) fn let_go() -> Result<()> {
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty()).context("opening /dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    Ok(())
}

/// The outputs of a container that runs already, from its FIFOs; none when it has a terminal.
pub(super) fn adopt(run_dir: &OwnedFd) -> Vec<Output> {
    [(paths::STDOUT, Stream::Stdout), (paths::STDERR, Stream::Stderr)]
        .into_iter()
        .filter_map(|(name, stream)| Some(Output { fd: reader(run_dir, name).ok()?, stream }))
        .collect()
}

/// (The container's end, ours.)
fn output(run_dir: Option<&OwnedFd>, name: &str) -> Result<(OwnedFd, OwnedFd)> {
    let Some(dir) = run_dir else {
        let (reader, writer) = fd::pipe().context("making a pipe")?;
        fd::set_nonblocking(&reader, true)?;
        fd::widen(&reader);
        return Ok((writer, reader));
    };
    let making = || format!("making the FIFO `{name}`");
    let _ = nix::unistd::unlinkat(dir, name, nix::unistd::UnlinkatFlags::NoRemoveDir);
    mkfifoat(dir, name, Mode::S_IRUSR | Mode::S_IWUSR).with_context(making)?;
    let reader = reader(dir, name).with_context(making)?;
    fd::widen(&reader);
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let both = openat(dir, name, flags, Mode::empty()).with_context(making)?;
    Ok((both, reader))
}

fn reader(dir: &OwnedFd, name: &str) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    openat(dir, name, flags, Mode::empty())
}

/// A program that drops its privileges still opens /dev/stdout: the pipes belong to the container's user. What can't
/// be given away (an unmapped user) stays ours.
fn give(fd: impl AsFd, (uid, gid): (u32, u32)) {
    if (uid, gid) != (0, 0) {
        let _ = fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    }
}

/// The process's user as seen from here.
fn owner(config: &MonitorConfig) -> (u32, u32) {
    use oci_spec::runtime::LinuxIdMapping;
    let outside = |id: u32, maps: Option<&Vec<LinuxIdMapping>>| match maps {
        Some(maps) if !maps.is_empty() => maps
            .iter()
            .find(|map| id >= map.container_id() && id - map.container_id() < map.size())
            .map_or(0, |map| map.host_id() + (id - map.container_id())),
        _ => id,
    };
    match &config.source {
        Source::Container(bundle) => {
            let Some(process) = bundle.spec.process() else { return (0, 0) };
            let linux = bundle.spec.linux().as_ref();
            (
                outside(process.user().uid(), linux.and_then(|linux| linux.uid_mappings().as_ref())),
                outside(process.user().gid(), linux.and_then(|linux| linux.gid_mappings().as_ref())),
            )
        }
        Source::Exec(join) => (join.process.user().uid(), join.process.user().gid()),
        Source::Adopt { .. } => (0, 0),
    }
}
