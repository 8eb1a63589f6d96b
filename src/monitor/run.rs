//! The loop: output to the log and to clients, input from clients, until the container has ended and all is told.

use super::config::MonitorConfig;
use super::exit::ExitRecord;
use super::frame::{Kind, MOST};
use super::input::Input;
use super::lane::Shared;
use super::log::{Log, Stamp, Stream};
use super::peer::{Asked, Peer};
use super::role::may_attach;
use super::services::Services;
use super::stdio::Output;
use super::{Reap, paths};
use crate::runtime::cgroup;
use crate::sys::poll::{Interest, Set};
use crate::sys::pty::{Size, set_size};
use crate::sys::spawn::Role;
use crate::sys::{fd, memory, pidfd, signal, tree};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The process that is looked after.
pub(super) struct Process {
    pub(super) pidfd: OwnedFd,
    /// We reap it; otherwise (adopted) we can at best learn how it ended.
    pub(super) is_child: bool,
    pub(super) cgroup: Option<cgroup::Place>,
    /// Held until everybody knows, because its end takes the kernel a while.
    pub(super) mount_namespace: Option<OwnedFd>,
}

/// What a monitor keeps in mind: descriptors, and little else.
pub(super) struct Monitor {
    process: Process,
    run_dir: Option<(OwnedFd, PathBuf)>,
    reap: Option<Reap>,
    stdin_once: bool,
    deadline: Option<Instant>,
    timed_out: bool,
    pub(super) terminal: bool,
    pub(super) outputs: Vec<Output>,
    pub(super) log: Option<Log>,
    pub(super) listener: Option<OwnedFd>,
    pub(super) peers: Vec<Peer>,
    pub(super) input: Input,
    pub(super) services: Option<Services>,
    /// Somebody who was to clean up is gone without having done so.
    orphaned: bool,
    /// The memory of the start was given back.
    rested: bool,
    buffer: Vec<u8>,
    log_failed: bool,
    set: Set,
}

/// After so long without traffic the buffers are given back.
const IDLE: Duration = Duration::from_millis(500);

/// What a dying container left in its pipes is read up to here; more can only come from somebody else's process that
/// holds them (`--pid=host`), and would never end.
const LAST_WORDS: usize = 4 << 20;

/// An output may be read so often before it is somebody else's turn: for a few milliseconds.
const TURNS: usize = 64;

/// After so many reads that found all that they asked for, there is a flood.
const FLOOD: usize = 4;

/// More clients than this at once are turned away.
const MOST_PEERS: usize = 64;

impl Monitor {
    pub(super) fn new(config: MonitorConfig, process: Process, run_dir: Option<OwnedFd>) -> Self {
        let timeout = u64::from(config.timeout);
        Monitor {
            process,
            run_dir: run_dir.map(|dir| (dir, config.run_dir)),
            reap: config.reap,
            stdin_once: config.stdin_once,
            deadline: (timeout > 0).then(|| Instant::now() + Duration::from_secs(timeout)),
            timed_out: false,
            terminal: config.terminal,
            outputs: Vec::new(),
            log: None,
            listener: None,
            peers: Vec::new(),
            input: Input::new(None, false),
            services: None,
            orphaned: false,
            rested: false,
            // While others are busy: who ends at once is told at once.
            buffer: vec![0; MOST],
            log_failed: false,
            set: Set::default(),
        }
    }

    /// Until the end.
    pub(super) fn run(&mut self) {
        while !self.step(true) {}
        let record = self.ended();
        self.tell(&record);
        while self.telling() {
            self.step(false);
        }
        let Some(reap) = self.reap.take() else { return };
        if self.orphaned || !self.peers.iter().any(Peer::cleaned) {
            self.spawn_reap(&reap);
        } else if self.peers.iter().any(Peer::left_rest) {
            self.remove_rest(&reap);
        }
    }

    /// Waits once and does what is to be done. `true`: the process has ended.
    fn step(&mut self, running: bool) -> bool {
        let blocked = self.peers.iter().any(Peer::pending);
        let set = &mut self.set;
        set.clear();
        // A zombie keeps its pidfd readable: once seen, it isn't asked any more.
        let process = running.then(|| set.add(&self.process.pidfd, Interest::READ));
        let first_output = usize::from(running);
        for output in &self.outputs {
            // A client that takes nothing holds up the container, instead of filling our memory.
            if !blocked {
                set.add(&output.fd, Interest::READ);
            }
        }
        let watched = if blocked { 0 } else { self.outputs.len() };
        let input = self.input.waiting().map(|fd| set.add(fd, Interest::WRITE));
        let listener = self.listener.as_ref().map(|fd| set.add(fd, Interest::READ));
        let first_peer = first_output + watched + usize::from(input.is_some()) + usize::from(listener.is_some());
        for peer in &self.peers {
            // A container that doesn't read its input holds up who writes it.
            let read = !(peer.wants_stdin() && input.is_some());
            set.add(peer, Interest { read, write: peer.sending() });
        }
        let peers = self.peers.len();
        let lanes: Vec<(usize, usize)> = (self.peers.iter().enumerate())
            .filter_map(|(index, peer)| Some((index, set.add(peer.waiting_lane()?, Interest::WRITE))))
            .collect();
        let services = self.services.as_ref().map(|services| set.add(services, Interest::READ));
        let timeout = self.timeout(running);
        if self.set.wait(timeout).is_err() {
            return false;
        }
        let now = Instant::now();
        let mut busy = false;
        for index in (0..watched).rev() {
            if self.set.ready(first_output + index).any() {
                busy = true;
                self.take_output(index);
            }
        }
        if input.is_some_and(|index| self.set.ready(index).any()) {
            self.input.flush();
        }
        for index in 0..peers {
            let ready = self.set.ready(first_peer + index);
            if ready.writable {
                self.peers[index].flush();
            }
            if ready.readable || ready.hung_up {
                busy = true;
                self.read_peer(index);
            }
        }
        for (index, lane) in lanes {
            if self.set.ready(lane).any() {
                self.peers[index].flush_lane();
            }
        }
        if listener.is_some_and(|index| self.set.ready(index).any()) {
            self.accept();
        }
        if let (Some(index), Some(served)) = (services, &mut self.services)
            && (self.set.ready(index).any() || served.deadline().is_some_and(|deadline| deadline <= now))
        {
            served.serve();
        }
        for peer in &mut self.peers {
            if peer.deadline().is_some_and(|deadline| deadline <= now) {
                peer.drop_it();
            }
        }
        self.forget_gone();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
            self.timed_out = true;
            let _ = signal::send(&self.process.pidfd, libc::SIGKILL);
        }
        if !busy && self.is_warm() && !self.set.any_ready() {
            self.rest();
        }
        process.is_some_and(|index| {
            let ready = self.set.ready(index);
            // Of an adopted process we hear once its new parent has reaped it; a zombie's code is not told to us.
            if self.process.is_child { ready.any() } else { ready.hung_up || (ready.readable && self.is_reaped()) }
        })
    }

    /// Whether there is memory to give back.
    fn is_warm(&self) -> bool {
        !self.rested || self.buffer.capacity() > 0
    }

    /// Gives back the memory of the start, or of the last burst of output. Only after a pause: who ends at once never
    /// pays for it.
    fn rest(&mut self) {
        self.buffer = Vec::new();
        if let Some(log) = &mut self.log {
            log.shrink();
        }
        memory::trim();
        if !std::mem::replace(&mut self.rested, true) {
            memory::forget_program();
        }
    }

    /// Kernels without hang-up on pidfds (before 6.15 or so) tell the end only.
    fn is_reaped(&self) -> bool {
        std::thread::sleep(Duration::from_millis(5));
        !matches!(signal::send(&self.process.pidfd, 0), Ok(true))
    }

    fn timeout(&self, running: bool) -> Option<Duration> {
        let stalls = self.peers.iter().filter_map(Peer::deadline);
        let services = self.services.as_ref().and_then(Services::deadline);
        let until = stalls.chain(self.deadline.filter(|_| running)).chain(services).min();
        let until = until.map(|until| until.saturating_duration_since(Instant::now()));
        let idle = self.is_warm().then_some(IDLE);
        until.into_iter().chain(idle).min()
    }

    /// Reads what is there, up to a limit: others have their turn, too.
    fn take_output(&mut self, index: usize) {
        for turn in 0..TURNS {
            if let Some(log) = self.log.as_mut().filter(|_| turn == FLOOD) {
                log.hurry();
            }
            let more = match self.only_reader(index) {
                Some(peer) => self.share_output(index, peer),
                None => self.read_output(index) == MOST,
            };
            if !more || self.peers.iter().any(Peer::pending) {
                break;
            }
        }
        self.flush_log();
    }

    /// The one client that gets this output, if that can be without copying.
    fn only_reader(&self, output: usize) -> Option<usize> {
        let mut readers = (self.peers.iter().enumerate()).filter(|(_, peer)| peer.wants_output());
        let (index, peer) = readers.next()?;
        let able = !self.terminal && self.outputs[output].stream == Stream::Stdout && peer.can_share();
        (able && readers.next().is_none()).then_some(index)
    }

    /// Hands on once, from pipe to pipe, then logs the same. Whether there may be more.
    fn share_output(&mut self, index: usize, peer: usize) -> bool {
        let output = &self.outputs[index];
        let mut left = match self.peers[peer].share(&output.fd, self.log.is_some()) {
            Shared::Bytes(count) => count,
            Shared::Nothing => return false,
            Shared::End => {
                drop(self.outputs.remove(index));
                return false;
            }
        };
        let Some(log) = &mut self.log else { return true };
        self.buffer.resize(MOST, 0);
        let mut written = Ok(());
        while left > 0 {
            let room = left.min(MOST);
            let Ok(count @ 1..) = nix::unistd::read(&output.fd, &mut self.buffer[..room]) else { break };
            written = written.and(log.write(output.stream, &self.buffer[..count]));
            left -= count;
        }
        if let Err(error) = written {
            self.complain_of_log(&error);
        }
        left == 0
    }

    /// Reads once; its records may wait for [`Monitor::flush_log`]. 0: nothing was there, or it is at its end (and
    /// forgotten).
    fn read_output(&mut self, index: usize) -> usize {
        self.buffer.resize(MOST, 0);
        let output = &self.outputs[index];
        let count = match nix::unistd::read(&output.fd, &mut self.buffer) {
            Ok(count) if count > 0 => count,
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => return 0,
            // A terminal's controlling side fails with EIO when nobody has the other side open any more.
            _ => {
                drop(self.outputs.remove(index));
                return 0;
            }
        };
        let bytes = &self.buffer[..count];
        let kind = match output.stream {
            Stream::Stdout => Kind::Stdout,
            Stream::Stderr => Kind::Stderr,
        };
        for peer in &mut self.peers {
            peer.output(kind, bytes);
        }
        if let Some(log) = &mut self.log
            && let Err(error) = log.write(output.stream, bytes)
        {
            self.complain_of_log(&error);
        }
        count
    }

    fn flush_log(&mut self) {
        if let Some(log) = &mut self.log
            && let Err(error) = log.flush()
        {
            self.complain_of_log(&error);
        }
    }

    /// A log that can't be written (disk full) doesn't stop the container; it is said once.
    fn complain_of_log(&mut self, error: &std::io::Error) {
        if !std::mem::replace(&mut self.log_failed, true) {
            self.complain(&format!("writing the log: {error}; output is lost"));
        }
    }

    fn complain(&self, words: &str) {
        let Some((_, path)) = &self.run_dir else { return };
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path.join(paths::COMPLAINTS));
        if let Ok(mut file) = file {
            let _ = writeln!(file, "{} {words}", Stamp::now().trimmed());
        }
    }

    fn read_peer(&mut self, index: usize) {
        let mut asked = Vec::new();
        self.buffer.resize(MOST, 0);
        self.peers[index].receive(&mut self.buffer, |what| asked.push(what));
        asked.into_iter().for_each(|what| self.answer(what));
    }

    /// Does what a client asked for.
    pub(super) fn answer(&mut self, asked: Asked) {
        match asked {
            Asked::Stdin(bytes) => self.input.push(&bytes),
            Asked::CloseStdin if self.stdin_once => self.input.close(),
            Asked::CloseStdin => {}
            Asked::Resize { rows, columns } if self.terminal => {
                if let Some(output) = self.outputs.first() {
                    let _ = set_size(&output.fd, Size { rows, columns });
                }
            }
            Asked::Resize { .. } => {}
            Asked::Signal(number) => drop(signal::send(&self.process.pidfd, number)),
        }
    }

    fn accept(&mut self) {
        use nix::sys::socket::{SockFlag, accept4};
        let Some(listener) = &self.listener else { return };
        let Ok(number) = accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK) else {
            return;
        };
        let Ok(socket) = fd::take_inherited(number) else { return };
        if self.peers.len() < MOST_PEERS && may_attach(&socket) {
            self.peers.push(Peer::new(socket));
        }
    }

    fn forget_gone(&mut self) {
        let mut index = 0;
        while index < self.peers.len() {
            if !self.peers[index].gone() || self.peers[index].cleaned() {
                index += 1;
                continue;
            }
            let peer = self.peers.remove(index);
            self.orphaned |= peer.cleans();
            // docker's StdinOnce: input ends with the client that gave it; a terminal has no end but hanging up.
            if peer.wants_stdin() && self.stdin_once && !self.terminal {
                self.input.close();
            }
        }
    }

    /// The process has ended: its last words, how it ended, and the record of it.
    fn ended(&mut self) -> ExitRecord {
        // Whoever hears of the end may have the ports at once.
        self.services = None;
        let ended = if self.process.is_child {
            pidfd::wait(&self.process.pidfd).ok()
        } else {
            pidfd::ended(&self.process.pidfd)
        };
        let mut words = 0;
        let mut index = 0;
        while index < self.outputs.len() && words < LAST_WORDS {
            let before = self.outputs.len();
            match self.read_output(index) {
                0 if self.outputs.len() == before => index += 1,
                count => words += count,
            }
        }
        if let Some(mut log) = self.log.take()
            && let Err(error) = log.finish()
        {
            self.complain_of_log(&error);
        }
        let oom_kills = self.process.cgroup.as_ref().and_then(|place| cgroup::open(place).ok()?.oom_kills().ok());
        let mut record = ExitRecord::new(ended);
        record.oom_killed = oom_kills.is_some_and(|kills| kills > 0);
        record.timed_out = self.timed_out;
        if let Some((_, run_dir)) = &self.run_dir
            && let Err(error) = record.write(run_dir)
        {
            self.complain(&format!("{error:#}"));
        }
        record
    }

    /// Tells every client, and hears no new ones: who comes later finds the record.
    fn tell(&mut self, record: &ExitRecord) {
        self.outputs.clear();
        self.input = Input::new(None, false);
        if let (Some(_), Some((dir, _))) = (self.listener.take(), &self.run_dir) {
            let _ = nix::unistd::unlinkat(dir.as_fd(), paths::ATTACH, nix::unistd::UnlinkatFlags::NoRemoveDir);
        }
        let bytes = serde_json::to_vec(record).unwrap_or_default();
        for peer in &mut self.peers {
            peer.end_output();
            peer.send(Kind::Exit, &bytes);
        }
        self.process.mount_namespace = None;
    }

    /// Whether somebody has not yet got everything, or not yet cleaned up.
    fn telling(&self) -> bool {
        self.peers.iter().any(|peer| peer.pending() || (peer.cleans() && !peer.cleaned() && !peer.gone()))
    }

    /// Who waited for the container has gone by now. What can't be removed is found by `system check`.
    fn remove_rest(&mut self, reap: &Reap) {
        self.run_dir = None;
        for path in &reap.rest {
            let _ = tree::remove(path);
        }
    }

    fn spawn_reap(&self, reap: &Reap) {
        let config = serde_json::to_vec(&reap.config).unwrap_or_default();
        let started = Role::new(&reap.role, "").config(&config).and_then(Role::spawn);
        if let Err(error) = started {
            self.complain(&format!("starting {}: {error}", reap.role));
        }
    }
}
