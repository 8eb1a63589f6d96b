//! The resolver's side towards the container: datagrams and connections.

use super::forward::{Forwarder, From};
use super::message::{Verdict, failure, fit, judge};
use super::{Part, Slab, token};
use crate::model::network::Services as Known;
use crate::sys::epoll::Watch;
use crate::sys::fd;
use nix::sys::socket::{MsgFlags, SockFlag, SockaddrStorage, accept4, recvfrom, sendto};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

/// More connections than this at once are turned away.
const MOST_CLIENTS: usize = 64;

/// So many questions are answered before anybody else is looked after.
const AT_ONCE: usize = 64;

pub(super) struct Resolver {
    udp: OwnedFd,
    tcp: OwnedFd,
    clients: Slab<Client>,
    buffer: Vec<u8>,
    serial: u64,
}

/// A connection: each message has its length in front.
struct Client {
    socket: OwnedFd,
    serial: u64,
    since: Instant,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Resolver {
    pub(super) fn new(udp: OwnedFd, tcp: OwnedFd) -> Resolver {
        Resolver { udp, tcp, clients: Slab::default(), buffer: Vec::new(), serial: 0 }
    }

    /// Datagrams have come.
    pub(super) fn questions(&mut self, known: &Known, forwarder: &mut Forwarder, watch: &Watch) {
        self.buffer.resize(4096, 0);
        for _ in 0..AT_ONCE {
            let Ok((length, Some(address))) = recvfrom::<SockaddrStorage>(self.udp.as_raw_fd(), &mut self.buffer)
            else {
                return;
            };
            let question = &self.buffer[..length];
            match judge(question, known) {
                Verdict::Answer(answer) => {
                    let answer = fit(question, answer);
                    let _ = sendto(self.udp.as_raw_fd(), &answer, &address, MsgFlags::MSG_DONTWAIT);
                }
                Verdict::Forward => {
                    let from = From::Datagram(address);
                    if !forwarder.ask(from.clone(), question, known, watch)
                        && let Some(answer) = failure(question, 2)
                    {
                        self.answer(from, &answer);
                    }
                }
                Verdict::Ignore => {}
            }
        }
    }

    /// Somebody connects.
    pub(super) fn accept(&mut self, watch: &Watch) {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let Ok(number) = accept4(self.tcp.as_raw_fd(), flags) else { return };
        let Ok(socket) = fd::take_inherited(number) else { return };
        if self.clients.len() >= MOST_CLIENTS {
            // The one that has been there longest makes room.
            let oldest = self.clients.iter().min_by_key(|(_, client)| client.since).map(|(index, _)| index);
            oldest.and_then(|index| self.clients.take(index));
        }
        let index = self.clients.next();
        if watch.changes(&socket, token(Part::Client, index)).is_ok() {
            self.serial += 1;
            let (serial, since) = (self.serial, Instant::now());
            self.clients.put(index, Client { socket, serial, since, incoming: Vec::new(), outgoing: Vec::new() });
        }
    }

    /// There is news of a connection.
    pub(super) fn client(&mut self, index: usize, known: &Known, forwarder: &mut Forwarder, watch: &Watch) {
        let Some(client) = self.clients.get(index) else { return };
        let mut ended = !client.flush();
        self.buffer.resize(4096, 0);
        loop {
            match nix::unistd::read(&client.socket, &mut self.buffer) {
                // Who says no more may still wait for answers; those that come are sent until it is gone.
                Ok(0) => {
                    ended |= client.outgoing.is_empty() && !forwarder.waits(client.serial);
                    break;
                }
                Ok(length) => client.incoming.extend_from_slice(&self.buffer[..length]),
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => break,
                Err(_) => {
                    ended = true;
                    break;
                }
            }
        }
        let mut incoming = std::mem::take(&mut client.incoming);
        let serial = client.serial;
        let mut at = 0;
        while let Some(length) =
            incoming.get(at..at + 2).map(|head| usize::from(u16::from_be_bytes([head[0], head[1]])))
        {
            let Some(question) = incoming.get(at + 2..at + 2 + length) else { break };
            at += 2 + length;
            let from = From::Connection { index, serial };
            match judge(question, known) {
                Verdict::Answer(answer) => self.answer(from, &answer),
                Verdict::Forward => {
                    if !forwarder.ask(from.clone(), question, known, watch)
                        && let Some(answer) = failure(question, 2)
                    {
                        self.answer(from, &answer);
                    }
                    ended = false;
                }
                Verdict::Ignore => ended = true,
            }
        }
        incoming.drain(..at);
        if let Some(client) = self.clients.get(index) {
            client.incoming = incoming;
            // Nobody asks a question of so many bytes.
            ended |= client.incoming.len() > 1 << 16;
        }
        if ended {
            self.clients.take(index);
        }
    }

    /// An answer for whoever asked.
    pub(super) fn answer(&mut self, from: From, answer: &[u8]) {
        match from {
            From::Datagram(address) => {
                let _ = sendto(self.udp.as_raw_fd(), answer, &address, MsgFlags::MSG_DONTWAIT);
            }
            From::Connection { index, serial } => {
                let Some(client) = self.clients.get(index).filter(|client| client.serial == serial) else { return };
                client.outgoing.extend_from_slice(&(answer.len() as u16).to_be_bytes());
                client.outgoing.extend_from_slice(answer);
                if !client.flush() {
                    self.clients.take(index);
                }
            }
        }
    }
}

impl Client {
    /// `false`: it is gone, or takes nothing.
    fn flush(&mut self) -> bool {
        if self.outgoing.is_empty() {
            return true;
        }
        match fd::send_now(&self.socket, &[&self.outgoing]) {
            Ok(sent) => {
                self.outgoing.drain(..sent);
                self.outgoing.len() < 1 << 20
            }
            Err(_) => false,
        }
    }
}
