//! Questions for names that are not ours, passed on as they are from the host's side, where the monitor lives.
//!
//! Each goes out by a socket of its own, so on a port that nobody can guess, under a number of our own. An answer must
//! come from the server that was asked and repeat the question.

use super::message::{end_of_question, failure};
use super::{Part, Slab, token};
use crate::model::network::Services as Known;
use crate::model::resolv_conf::ResolvConf;
use crate::sys::epoll::Watch;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, connect, recv, send, socket};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// Who asked.
#[derive(Debug, Clone)]
pub(super) enum From {
    Datagram(SockaddrStorage),
    Connection { index: usize, serial: u64 },
}

/// More questions than this don't wait at once.
const MOST: usize = 512;

/// The host's settings are looked at again after so long.
const FRESH: Duration = Duration::from_secs(1);

struct Pending {
    from: From,
    question: Vec<u8>,
    socket: OwnedFd,
    id: [u8; 2],
    /// Which server of the list, counted on through all attempts.
    attempt: usize,
    deadline: Instant,
    /// By TCP: what is still to be sent, and what came.
    stream: Option<(Vec<u8>, Vec<u8>)>,
}

#[derive(Default)]
pub(super) struct Forwarder {
    pending: Slab<Pending>,
    conf: ResolvConf,
    stamp: (u64, i64, i64),
    looked: Option<Instant>,
}

impl Forwarder {
    /// Asks outside; `false`: that is not possible.
    pub(super) fn ask(&mut self, from: From, question: &[u8], known: &Known, watch: &Watch) -> bool {
        if question.len() < 12 || self.pending.len() >= MOST {
            return false;
        }
        self.read_settings(known);
        self.send(from, question.to_vec(), 0, watch)
    }

    /// Whether a connection of this number waits for an answer.
    pub(super) fn waits(&self, wanted: u64) -> bool {
        self.pending.iter().any(|(_, one)| matches!(one.from, From::Connection { serial, .. } if serial == wanted))
    }

    fn read_settings(&mut self, known: &Known) {
        if !known.servers.is_empty() {
            self.conf.servers = known.servers.iter().map(|address| SocketAddr::new(*address, 53)).collect();
            self.looked = None;
            self.stamp = (0, 0, 0);
            return;
        }
        if self.looked.is_some_and(|looked| looked.elapsed() < FRESH) {
            return;
        }
        self.looked = Some(Instant::now());
        let stamp = std::fs::metadata("/etc/resolv.conf")
            .map(|meta| (meta.ino(), meta.mtime(), meta.mtime_nsec()))
            .unwrap_or_default();
        if stamp != self.stamp || stamp.0 == 0 {
            self.stamp = stamp;
            let text = std::fs::read("/etc/resolv.conf").unwrap_or_default();
            self.conf = ResolvConf::parse(&String::from_utf8_lossy(&text), interface);
        }
    }

    /// Sends to the server whose turn it is, or to the next that can be reached.
    fn send(&mut self, from: From, question: Vec<u8>, first: usize, watch: &Watch) -> bool {
        let servers = self.conf.servers.len();
        for attempt in first..servers * self.conf.attempts as usize {
            let server = self.conf.servers[attempt % servers];
            let index = self.pending.next();
            let stream = matches!(from, From::Connection { .. }) || self.conf.use_tcp;
            let id = random();
            let Ok(socket) = reach(server, stream) else { continue };
            let mut bytes = question.clone();
            bytes[..2].copy_from_slice(&id);
            if !stream && send(socket.as_raw_fd(), &bytes, MsgFlags::MSG_DONTWAIT).is_err() {
                continue;
            }
            if watch.changes(&socket, token(Part::Upstream, index)).is_err() {
                return false;
            }
            let stream = stream.then(|| ([&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat(), Vec::new()));
            let deadline = Instant::now() + self.conf.timeout;
            self.pending.put(index, Pending { from, question, socket, id, attempt, deadline, stream });
            return true;
        }
        false
    }

    /// News of a server: its answer, for whoever asked.
    pub(super) fn heard(&mut self, index: usize, watch: &Watch) -> Option<(From, Vec<u8>)> {
        let pending = self.pending.get(index)?;
        match pending.hear() {
            Heard::Nothing => None,
            Heard::Answer(mut bytes) => {
                let pending = self.pending.take(index)?;
                bytes[..2].copy_from_slice(&pending.question[..2]);
                Some((pending.from, bytes))
            }
            Heard::Refusal => self.retry(index, watch),
        }
    }

    fn retry(&mut self, index: usize, watch: &Watch) -> Option<(From, Vec<u8>)> {
        let pending = self.pending.take(index)?;
        let (from, question) = (pending.from.clone(), pending.question.clone());
        if self.send(pending.from, pending.question, pending.attempt + 1, watch) {
            return None;
        }
        failure(&question, 2).map(|answer| (from, answer))
    }

    /// When the next server is to be asked.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending.iter().map(|(_, pending)| pending.deadline).min()
    }

    /// Goes on where a server kept silent; answers for those whom nobody would tell anything.
    pub(super) fn tick(&mut self, watch: &Watch) -> Vec<(From, Vec<u8>)> {
        let now = Instant::now();
        let late: Vec<usize> =
            self.pending.iter().filter(|(_, pending)| pending.deadline <= now).map(|(index, _)| index).collect();
        late.into_iter().filter_map(|index| self.retry(index, watch)).collect()
    }
}

enum Heard {
    Nothing,
    Answer(Vec<u8>),
    Refusal,
}

impl Pending {
    fn hear(&mut self) -> Heard {
        let mut buffer = [0; 4096];
        if self.stream.is_none() {
            loop {
                match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                    Ok(length) if self.is_answer(&buffer[..length]) => return Heard::Answer(buffer[..length].to_vec()),
                    Ok(_) | Err(nix::Error::EINTR) => {}
                    Err(nix::Error::EAGAIN) => return Heard::Nothing,
                    // The port is closed: the next server.
                    Err(_) => return Heard::Refusal,
                }
            }
        }
        let Some((outgoing, incoming)) = &mut self.stream else { return Heard::Refusal };
        if !outgoing.is_empty() {
            match send(self.socket.as_raw_fd(), outgoing, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
                Ok(sent) => drop(outgoing.drain(..sent)),
                Err(nix::Error::EAGAIN | nix::Error::EINTR | nix::Error::ENOTCONN) => {}
                Err(_) => return Heard::Refusal,
            }
        }
        loop {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => return Heard::Refusal,
                Ok(length) => incoming.extend_from_slice(&buffer[..length]),
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN | nix::Error::ENOTCONN) => break,
                Err(_) => return Heard::Refusal,
            }
            let length = incoming.first_chunk::<2>().map(|head| usize::from(u16::from_be_bytes(*head)));
            if let Some(length) = length
                && let Some(message) = incoming.get(2..2 + length)
            {
                let message = message.to_vec();
                return if self.is_answer(&message) { Heard::Answer(message) } else { Heard::Refusal };
            }
        }
        Heard::Nothing
    }

    /// It has our number, is an answer, and repeats the question.
    fn is_answer(&self, bytes: &[u8]) -> bool {
        let Some(head) = bytes.first_chunk::<12>() else { return false };
        if head[..2] != self.id || head[2] & 0x80 == 0 {
            return false;
        }
        let same = end_of_question(&self.question).and_then(|end| {
            let (asked, told) = (self.question.get(12..end)?, bytes.get(12..end)?);
            Some(asked.eq_ignore_ascii_case(told))
        });
        // Some servers repeat nothing when they refuse.
        same.unwrap_or(false) || (head[4..6] == [0, 0] && head[3] & 0x0f != 0)
    }
}

fn reach(server: SocketAddr, stream: bool) -> nix::Result<OwnedFd> {
    let family = if server.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let kind = if stream { SockType::Stream } else { SockType::Datagram };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(server)) {
        Ok(()) | Err(nix::Error::EINPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

fn interface(name: &str) -> Option<u32> {
    if name.contains('/') {
        return None;
    }
    std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok()?.trim().parse().ok()
}

/// Not to be guessed from outside: keyed anew for every question.
fn random() -> [u8; 2] {
    (RandomState::new().hash_one(Instant::now()) as u16).to_be_bytes()
}
