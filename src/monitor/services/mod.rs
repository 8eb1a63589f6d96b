//! What a monitor does for its container's network: answers for names, and passes on the connections to published
//! ports that the firewall does not (those from the host's own loopback, above all).
//!
//! All of its sockets were made by whoever started the container: the monitor itself never changes its namespace. It
//! hangs on the monitor's poll loop by one descriptor. What it needs to know stands in a file of the container, which
//! is read again when it changes, so that networks come and go while it runs and no question is lost.

mod forward;
mod message;
mod relay;
mod resolver;

use crate::model::network::{PublishedPort, Services as Known};
use crate::sys::epoll::Watch;
use anyhow::Result;
use forward::Forwarder;
use relay::Relays;
use resolver::Resolver;
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Instant;

/// What a monitor is to serve; the sockets come beside it, in the order of the fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServicesConfig {
    /// The JSON of a [`Known`].
    pub path: PathBuf,
    /// Two sockets: datagrams and connections to the resolver.
    pub resolver: bool,
    /// One socket each.
    pub ports: Vec<PublishedPort>,
}

impl ServicesConfig {
    /// How many sockets belong to it.
    pub fn sockets(&self) -> usize {
        usize::from(self.resolver) * 2 + self.ports.len()
    }
}

/// The file that tells, and what it told last.
struct Facts {
    path: PathBuf,
    stamp: (u64, i64, i64),
    known: Known,
}

impl Facts {
    fn new(path: PathBuf) -> Facts {
        let mut facts = Facts { path, stamp: (0, 0, 0), known: Known::default() };
        facts.refresh();
        facts
    }

    /// It is replaced as a whole, never written to: another file has another number.
    fn refresh(&mut self) {
        let Ok(meta) = std::fs::metadata(&self.path) else { return };
        let stamp = (meta.ino(), meta.mtime(), meta.mtime_nsec());
        if stamp == self.stamp {
            return;
        }
        if let Some(known) = std::fs::read(&self.path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            (self.stamp, self.known) = (stamp, known);
        }
    }
}

/// Which part a token is for: its upper half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Part {
    ResolverUdp = 1,
    ResolverTcp,
    Client,
    Upstream,
    Port,
    Relay,
    Flow,
}

fn token(part: Part, index: usize) -> u64 {
    u64::from(part as u32) << 32 | index as u64
}

/// All that is served.
pub(super) struct Services {
    watch: Watch,
    facts: Facts,
    resolver: Option<Resolver>,
    forwarder: Forwarder,
    relays: Relays,
    tokens: Vec<u64>,
}

impl Services {
    pub(super) fn new(config: ServicesConfig, sockets: Vec<OwnedFd>) -> Result<Services> {
        let watch = Watch::new()?;
        let mut sockets = sockets.into_iter();
        let mut resolver = None;
        if config.resolver
            && let (Some(udp), Some(tcp)) = (sockets.next(), sockets.next())
        {
            watch.readable(&udp, token(Part::ResolverUdp, 0))?;
            watch.readable(&tcp, token(Part::ResolverTcp, 0))?;
            resolver = Some(Resolver::new(udp, tcp));
        }
        let mut relays = Relays::default();
        for (index, (port, socket)) in config.ports.into_iter().zip(sockets).enumerate() {
            watch.readable(&socket, token(Part::Port, index))?;
            relays.add(port, socket);
        }
        let facts = Facts::new(config.path);
        Ok(Services { watch, facts, resolver, forwarder: Forwarder::default(), relays, tokens: Vec::new() })
    }

    /// When it wants to be called, whatever happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.forwarder.deadline(), self.relays.deadline()].into_iter().flatten().min()
    }

    /// Does what there is to do now.
    pub(super) fn serve(&mut self) {
        let mut tokens = std::mem::take(&mut self.tokens);
        if self.watch.news(&mut tokens).is_ok() {
            if !tokens.is_empty() {
                self.facts.refresh();
            }
            for one in &tokens {
                self.dispatch((*one >> 32) as u32, *one as u32 as usize);
            }
        }
        self.tokens = tokens;
        let answers = self.forwarder.tick(&self.watch);
        if let Some(resolver) = &mut self.resolver {
            answers.into_iter().for_each(|(from, bytes)| resolver.answer(from, &bytes));
        }
        self.relays.tick();
    }

    fn dispatch(&mut self, part: u32, index: usize) {
        let is = |wanted: Part| part == wanted as u32;
        if is(Part::Port) {
            self.relays.arrive(index, &self.watch, &self.facts.known.target);
        } else if is(Part::Relay) {
            self.relays.pump(index);
        } else if is(Part::Flow) {
            self.relays.reply(index);
        } else if let Some(resolver) = &mut self.resolver {
            if is(Part::ResolverUdp) {
                resolver.questions(&self.facts.known, &mut self.forwarder, &self.watch);
            } else if is(Part::ResolverTcp) {
                resolver.accept(&self.watch);
            } else if is(Part::Client) {
                resolver.client(index, &self.facts.known, &mut self.forwarder, &self.watch);
            } else if is(Part::Upstream)
                && let Some((from, bytes)) = self.forwarder.heard(index, &self.watch)
            {
                resolver.answer(from, &bytes);
            }
        }
    }
}

impl AsFd for Services {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

/// Things by number; a number is used again when its thing is gone.
struct Slab<T> {
    entries: Vec<Option<T>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { entries: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// The number that the next thing will have.
    fn next(&self) -> usize {
        self.entries.iter().position(Option::is_none).unwrap_or(self.entries.len())
    }

    fn put(&mut self, index: usize, entry: T) {
        if index == self.entries.len() {
            self.entries.push(Some(entry));
        } else {
            self.entries[index] = Some(entry);
        }
    }

    fn get(&mut self, index: usize) -> Option<&mut T> {
        self.entries.get_mut(index)?.as_mut()
    }

    fn take(&mut self, index: usize) -> Option<T> {
        let entry = self.entries.get_mut(index)?.take();
        while matches!(self.entries.last(), Some(None)) {
            self.entries.pop();
        }
        entry
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.entries.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.as_ref()?)))
    }

    fn len(&self) -> usize {
        self.entries.iter().flatten().count()
    }
}
