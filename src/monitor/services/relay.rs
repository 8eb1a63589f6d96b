//! Connections to published ports that reach the host's own socket: those from the host's loopback, and all of them
//! as long as the firewall is away. Bytes go from socket to pipe to socket and are never copied into our memory.

use super::{Part, Slab, token};
use crate::model::network::{Protocol, PublishedPort};
use crate::sys::epoll::Watch;
use crate::sys::fd;
use nix::fcntl::{SpliceFFlags, splice};
use nix::sys::socket::{
    AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, SockaddrStorage, accept4, connect, getsockopt, recv,
    recvfrom, send, sendto, setsockopt, shutdown, socket, sockopt,
};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// More connections, and more conversations by datagrams, than this at once are turned away.
const MOST: usize = 1024;
const MOST_FLOWS: usize = 256;

/// A conversation by datagrams ends when nothing was said for so long.
const SILENCE: Duration = Duration::from_secs(60);

/// So much is moved for one connection before it is another's turn.
const ROUNDS: usize = 32;

const CHUNK: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Relays {
    ports: Vec<(PublishedPort, OwnedFd)>,
    /// A connection has two tokens: its number doubled, and one more.
    connections: Slab<Connection>,
    flows: Slab<Flow>,
    /// Those that had more to do than their turn allowed.
    again: Vec<usize>,
}

struct Connection {
    outside: OwnedFd,
    inside: OwnedFd,
    connected: bool,
    inwards: Direction,
    outwards: Direction,
}

/// One way: a pipe between two sockets.
struct Direction {
    pipe: (OwnedFd, OwnedFd),
    held: usize,
    /// No more comes.
    ended: bool,
    /// The other side knows.
    told: bool,
}

struct Flow {
    port: usize,
    client: SockaddrStorage,
    inside: OwnedFd,
    last: Instant,
}

impl Relays {
    pub(super) fn add(&mut self, port: PublishedPort, socket: OwnedFd) {
        self.ports.push((port, socket));
    }

    /// Somebody is at a port.
    pub(super) fn arrive(&mut self, index: usize, watch: &Watch, target: &[IpAddr]) {
        match self.ports.get(index).map(|(port, _)| port.protocol) {
            Some(Protocol::Tcp) => self.accept(index, watch, target),
            Some(Protocol::Udp) => self.datagrams(index, watch, target),
            // Only the firewall passes these on; whoever comes here is turned away.
            Some(Protocol::Sctp) => {
                if let Some((_, socket)) = self.ports.get(index)
                    && let Ok(number) = accept4(socket.as_raw_fd(), SockFlag::SOCK_CLOEXEC)
                {
                    drop(fd::take_inherited(number));
                }
            }
            None => {}
        }
    }

    fn accept(&mut self, index: usize, watch: &Watch, target: &[IpAddr]) {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        for _ in 0..16 {
            let (port, listener) = &self.ports[index];
            let Ok(number) = accept4(listener.as_raw_fd(), flags) else { return };
            let Ok(outside) = fd::take_inherited(number) else { return };
            if self.connections.len() >= MOST {
                continue;
            }
            let Some(inside) = reach(port, target, SockType::Stream) else { continue };
            let (Ok(inwards), Ok(outwards)) = (Direction::new(), Direction::new()) else { continue };
            for socket in [&outside, &inside] {
                let _ = setsockopt(socket, sockopt::TcpNoDelay, &true);
                let _ = setsockopt(socket, sockopt::KeepAlive, &true);
            }
            let number = self.connections.next();
            let watched = watch.changes(&outside, token(Part::Relay, number * 2)).is_ok()
                && watch.changes(&inside, token(Part::Relay, number * 2 + 1)).is_ok();
            if watched {
                self.connections.put(number, Connection { outside, inside, connected: false, inwards, outwards });
            }
        }
    }

    /// There is news of one side of a connection.
    pub(super) fn pump(&mut self, token: usize) {
        let number = token / 2;
        let Some(connection) = self.connections.get(number) else { return };
        match connection.pump() {
            Pumped::Waits => {}
            Pumped::HasMore => self.again.push(number),
            Pumped::Ended => drop(self.connections.take(number)),
        }
    }

    fn datagrams(&mut self, index: usize, watch: &Watch, target: &[IpAddr]) {
        let mut buffer = [0; 65536];
        for _ in 0..64 {
            let (port, listener) = &self.ports[index];
            let Ok((length, Some(client))) = recvfrom::<SockaddrStorage>(listener.as_raw_fd(), &mut buffer) else {
                return;
            };
            let known = self.flows.iter().find(|(_, flow)| flow.port == index && flow.client == client);
            let number = match known.map(|(number, _)| number) {
                Some(number) => number,
                None => {
                    if self.flows.len() >= MOST_FLOWS {
                        let oldest = self.flows.iter().min_by_key(|(_, flow)| flow.last).map(|(number, _)| number);
                        oldest.and_then(|number| self.flows.take(number));
                    }
                    let number = self.flows.next();
                    let Some(inside) = reach(port, target, SockType::Datagram) else { continue };
                    if watch.readable(&inside, token(Part::Flow, number)).is_err() {
                        continue;
                    }
                    self.flows.put(number, Flow { port: index, client, inside, last: Instant::now() });
                    number
                }
            };
            if let Some(flow) = self.flows.get(number) {
                flow.last = Instant::now();
                let _ = send(flow.inside.as_raw_fd(), &buffer[..length], MsgFlags::MSG_DONTWAIT);
            }
        }
    }

    /// The container answers by a datagram.
    pub(super) fn reply(&mut self, number: usize) {
        let mut buffer = [0; 65536];
        for _ in 0..64 {
            let Some(flow) = self.flows.get(number) else { return };
            match recv(flow.inside.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    flow.last = Instant::now();
                    let (_, listener) = &self.ports[flow.port];
                    let _ = sendto(listener.as_raw_fd(), &buffer[..length], &flow.client, MsgFlags::MSG_DONTWAIT);
                }
                Err(nix::Error::EAGAIN) => return,
                Err(nix::Error::EINTR) => {}
                // Nobody listens there: the conversation is over.
                Err(_) => return drop(self.flows.take(number)),
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if !self.again.is_empty() {
            return Some(Instant::now());
        }
        self.flows.iter().map(|(_, flow)| flow.last + SILENCE).min()
    }

    pub(super) fn tick(&mut self) {
        for number in std::mem::take(&mut self.again) {
            self.pump(number * 2);
        }
        let now = Instant::now();
        let silent: Vec<usize> =
            self.flows.iter().filter(|(_, flow)| flow.last + SILENCE <= now).map(|(number, _)| number).collect();
        silent.into_iter().for_each(|number| drop(self.flows.take(number)));
    }
}

/// A socket on its way to the container's port: of the same family, or of the other one where it has only that.
fn reach(port: &PublishedPort, target: &[IpAddr], kind: SockType) -> Option<OwnedFd> {
    let same = target.iter().find(|address| address.is_ipv4() == port.address.is_ipv4());
    let address = SocketAddr::new(*same.or(target.first())?, port.container);
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None).ok()?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(nix::Error::EINPROGRESS) => Some(socket),
        Err(_) => None,
    }
}

enum Pumped {
    Waits,
    HasMore,
    Ended,
}

impl Connection {
    fn pump(&mut self) -> Pumped {
        if !self.connected {
            match getsockopt(&self.inside, sockopt::SocketError) {
                Ok(0) => {}
                _ => return self.refuse(),
            }
            // Not yet there: its coming will be told.
            if nix::sys::socket::getpeername::<SockaddrStorage>(self.inside.as_raw_fd()).is_err() {
                return Pumped::Waits;
            }
            self.connected = true;
        }
        let inwards = self.inwards.pump(&self.outside, &self.inside);
        let outwards = self.outwards.pump(&self.inside, &self.outside);
        let (Ok(inwards), Ok(outwards)) = (inwards, outwards) else { return self.refuse() };
        let more = inwards || outwards;
        match (self.inwards.told && self.outwards.told, more) {
            (true, _) => Pumped::Ended,
            (false, true) => Pumped::HasMore,
            (false, false) => Pumped::Waits,
        }
    }

    /// The other side sees a reset, not an orderly end.
    fn refuse(&self) -> Pumped {
        let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
        for socket in [&self.outside, &self.inside] {
            let _ = setsockopt(socket, sockopt::Linger, &at_once);
        }
        Pumped::Ended
    }
}

impl Direction {
    fn new() -> std::io::Result<Direction> {
        let pipe = fd::pipe()?;
        Ok(Direction { pipe, held: 0, ended: false, told: false })
    }

    /// Moves what can be moved; whether there may be more.
    fn pump(&mut self, from: &OwnedFd, to: &OwnedFd) -> nix::Result<bool> {
        let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
        for _ in 0..ROUNDS {
            let mut moved = false;
            // A pipe that is full would answer as an empty socket does.
            if !self.ended && self.held == 0 {
                match splice(from, None, &self.pipe.1, None, CHUNK, flags) {
                    Ok(0) => self.ended = true,
                    Ok(count) => {
                        self.held += count;
                        moved = true;
                    }
                    Err(nix::Error::EAGAIN) => {}
                    Err(nix::Error::EINTR) => moved = true,
                    Err(error) => return Err(error),
                }
            }
            if self.held > 0 {
                match splice(&self.pipe.0, None, to, None, self.held, flags) {
                    Ok(count) => {
                        self.held -= count;
                        moved = true;
                    }
                    Err(nix::Error::EAGAIN) => {}
                    Err(nix::Error::EINTR) => moved = true,
                    Err(error) => return Err(error),
                }
            }
            if self.ended && self.held == 0 && !self.told {
                let _ = shutdown(to.as_raw_fd(), Shutdown::Write);
                self.told = true;
            }
            if !moved {
                return Ok(false);
            }
        }
        Ok(!self.told)
    }
}
