//! Messages of nf_tables (`linux/netfilter/nf_tables.h`): a transaction, tables, chains, sets, elements.

use super::expression::Rule;
use crate::sys::netlink::{self, Batch, Refused, Socket};

/// The family of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Family {
    Inet = 1,
    Ipv4 = 2,
    Bridge = 7,
}

/// A field of a set's key or of a map's data; with its number the `nft` program knows how to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Field {
    Ipv4,
    Ipv6,
    Ether,
    Protocol,
    Service,
    Interface,
}

impl Field {
    fn number(self) -> u32 {
        match self {
            Field::Ipv4 => 7,
            Field::Ipv6 => 8,
            Field::Ether => 9,
            Field::Protocol => 12,
            Field::Service => 13,
            Field::Interface => 41,
        }
    }

    fn length(self) -> u32 {
        match self {
            Field::Ipv4 => 4,
            Field::Ipv6 | Field::Interface => 16,
            Field::Ether => 6,
            Field::Protocol => 1,
            Field::Service => 2,
        }
    }

    /// Concatenated fields begin at registers of four bytes each.
    fn padded(self) -> u32 {
        self.length().next_multiple_of(4)
    }
}

/// A set, or with `data` a map.
#[derive(Debug, Clone, Copy)]
pub struct SetKind {
    /// Its name.
    pub name: &'static str,
    /// What is looked up.
    pub key: &'static [Field],
    /// What is found.
    pub data: &'static [Field],
    /// Elements are ranges.
    pub ranges: bool,
}

fn type_of(fields: &[Field]) -> (u32, u32) {
    match fields {
        [one] => (one.number(), one.length()),
        many => (
            many.iter().fold(0, |number, field| (number << 6) | field.number()),
            many.iter().map(|field| field.padded()).sum(),
        ),
    }
}

/// An element: its key (the first and, in sets of ranges, the last), and a map's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Which set.
    pub set: &'static str,
    /// The fields, each padded.
    pub key: Vec<u8>,
    /// The last of a range.
    pub last: Option<Vec<u8>>,
    /// What a map has for it.
    pub data: Option<Vec<u8>>,
}

/// Fields put together as a key or as data.
pub fn join(fields: &[&[u8]]) -> Vec<u8> {
    if let [one] = fields {
        return one.to_vec();
    }
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend_from_slice(field);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// The name of an interface as sets have it.
pub fn interface(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    let length = name.len().min(15);
    bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
    bytes
}

/// Where packets come by.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
#[allow(missing_docs)]
pub enum Hook {
    Prerouting = 0,
    Forward = 2,
    Output = 3,
    Postrouting = 4,
}

const SUBSYSTEM: u16 = 10 << 8;
const NEWTABLE: u16 = SUBSYSTEM;
const GETTABLE: u16 = SUBSYSTEM | 1;
const DELTABLE: u16 = SUBSYSTEM | 2;
const NEWCHAIN: u16 = SUBSYSTEM | 3;
const NEWRULE: u16 = SUBSYSTEM | 6;
const GETRULE: u16 = SUBSYSTEM | 7;
const NEWSET: u16 = SUBSYSTEM | 9;
const NEWSETELEM: u16 = SUBSYSTEM | 12;
const GETSETELEM: u16 = SUBSYSTEM | 13;
const DELSETELEM: u16 = SUBSYSTEM | 14;
const GETGEN: u16 = SUBSYSTEM | 16;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const CREATE: u16 = libc::NLM_F_CREATE as u16;
const EXCLUSIVE: u16 = libc::NLM_F_EXCL as u16;
const APPEND: u16 = libc::NLM_F_APPEND as u16;
const SET_INTERVAL: u32 = 4;
const SET_MAP: u32 = 8;
const SET_CONCAT: u32 = 128;

/// What is changed together or not at all.
#[derive(Debug)]
pub struct Transaction {
    batch: Batch,
    table: &'static str,
    family: Family,
    sets: u32,
}

impl Transaction {
    /// Nothing yet, in this table.
    pub fn new(family: Family, table: &'static str) -> Self {
        let mut batch = Batch::new();
        batch.message(BATCH_BEGIN, 0, &[0, 0, 0, 10]);
        Transaction { batch, table, family, sets: 0 }
    }

    /// What follows is about this table.
    pub fn within(&mut self, family: Family, table: &'static str) {
        (self.family, self.table) = (family, table);
    }

    fn begin(&mut self, kind: u16, flags: u16) -> &mut Batch {
        self.batch.message(kind, flags, &[self.family as u8, 0, 0, 0])
    }

    /// The table, empty, in place of one that may be there.
    pub fn replace_table(&mut self, comment: &str) {
        let table = self.table;
        self.begin(NEWTABLE, CREATE).text(1, table);
        self.begin(DELTABLE, 0).text(1, table);
        let note = [&[0, comment.len() as u8 + 1], comment.as_bytes(), b"\0"].concat();
        self.begin(NEWTABLE, CREATE).text(1, table).put(6, &note);
    }

    /// The table is gone afterwards, also if it was not there.
    pub fn remove_table(&mut self) {
        let table = self.table;
        self.begin(NEWTABLE, CREATE).text(1, table);
        self.begin(DELTABLE, 0).text(1, table);
    }

    /// A chain that packets pass; what no rule decides is accepted.
    pub fn chain(&mut self, name: &str, kind: &str, hook: Hook, priority: i32) {
        let table = self.table;
        let batch = self.begin(NEWCHAIN, CREATE).text(1, table).text(3, name);
        batch.begin(4).be32(1, hook as u32).be32(2, priority as u32).end();
        batch.be32(5, 1).text(7, kind);
    }

    /// A rule at the end of a chain.
    pub fn rule(&mut self, chain: &str, rule: Rule) {
        let table = self.table;
        let batch = self.begin(NEWRULE, CREATE | APPEND).text(1, table).text(2, chain);
        batch.begin(4);
        rule.write(batch);
        batch.end();
    }

    /// An empty set or map.
    pub fn set(&mut self, kind: &SetKind) {
        self.sets += 1;
        let (table, id) = (self.table, self.sets);
        let (key_type, key_length) = type_of(kind.key);
        let mut flags = 0;
        if !kind.data.is_empty() {
            flags |= SET_MAP;
        }
        if kind.ranges {
            flags |= SET_INTERVAL | if kind.key.len() > 1 { SET_CONCAT } else { 0 };
        }
        let batch = self.begin(NEWSET, CREATE).text(1, table).text(2, kind.name);
        batch.be32(3, flags).be32(4, key_type).be32(5, key_length);
        if !kind.data.is_empty() {
            let (data_type, data_length) = type_of(kind.data);
            batch.be32(6, data_type).be32(7, data_length);
        }
        if kind.ranges && kind.key.len() > 1 {
            batch.begin(9).begin(2);
            for field in kind.key {
                batch.begin(1).be32(1, field.length()).end();
            }
            batch.end().end();
        }
        batch.be32(10, id);
        if kind.key == [Field::Interface] {
            // A note for the `nft` program: the key's bytes stand as the machine has them.
            batch.put(13, &[&[0, 4], &1u32.to_ne_bytes()[..]].concat());
        }
    }

    /// More elements; one that is there already with other data is an error.
    pub fn add<'a>(&mut self, elements: impl IntoIterator<Item = &'a Element>) {
        self.elements(NEWSETELEM, CREATE, elements, true);
    }

    /// More elements; one that is there already is an error.
    pub fn add_new<'a>(&mut self, elements: impl IntoIterator<Item = &'a Element>) {
        self.elements(NEWSETELEM, CREATE | EXCLUSIVE, elements, true);
    }

    /// Fewer elements; one that is not there is an error.
    pub fn remove<'a>(&mut self, elements: impl IntoIterator<Item = &'a Element>) {
        self.elements(DELSETELEM, 0, elements, false);
    }

    fn elements<'a>(&mut self, kind: u16, flags: u16, elements: impl IntoIterator<Item = &'a Element>, data: bool) {
        let table = self.table;
        let mut current = None;
        for element in elements {
            // An attribute must stay below 64 KiB.
            if current != Some(element.set) || self.batch.open_length() > 48 << 10 {
                current = Some(element.set);
                self.begin(kind, flags).text(1, table).text(2, element.set).begin(3);
            }
            let batch = &mut self.batch;
            batch.begin(1).begin(1).put(1, &element.key).end();
            if let Some(last) = &element.last {
                batch.begin(10).put(1, last).end();
            }
            if let Some(value) = element.data.as_ref().filter(|_| data) {
                batch.begin(2).put(1, value).end();
            }
            batch.end();
        }
    }

    /// Does it all, or nothing.
    pub fn commit(mut self, socket: &mut Socket) -> Result<(), Refused> {
        if self.batch.len() < 2 {
            return Ok(());
        }
        self.batch.message(BATCH_END, 0, &[0, 0, 0, 10]);
        socket.transact(self.batch)
    }
}

/// How often the rules of this namespace were changed, by anybody.
pub fn generation(socket: &mut Socket) -> Result<u32, Refused> {
    let mut batch = Batch::new();
    batch.message(GETGEN, 0, &[0, 0, 0, 0]);
    let mut found = None;
    socket.ask(false, batch, |_, body| {
        let id = body.get(4..).and_then(|attributes| netlink::attribute(attributes, 1));
        found = found.or(id.and_then(|id| id.first_chunk::<4>()).map(|bytes| u32::from_be_bytes(*bytes)));
    })?;
    found.ok_or(Refused { index: None, errno: libc::EIO, words: String::new() })
}

/// Whether there is such a table.
pub fn has_table(socket: &mut Socket, family: Family, table: &str) -> Result<bool, Refused> {
    let mut batch = Batch::new();
    batch.message(GETTABLE, 0, &[family as u8, 0, 0, 0]).text(1, table);
    match socket.ask(false, batch, |_, _| {}) {
        Ok(()) => Ok(true),
        Err(refused) if refused.errno == libc::ENOENT => Ok(false),
        Err(refused) => Err(refused),
    }
}

/// How many rules a table has.
pub fn rules(socket: &mut Socket, family: Family, table: &str) -> Result<usize, Refused> {
    let mut batch = Batch::new();
    batch.message(GETRULE, 0, &[family as u8, 0, 0, 0]).text(1, table);
    let mut count = 0;
    match socket.ask(true, batch, |kind, _| count += usize::from(kind == NEWRULE)) {
        Err(refused) if refused.errno != libc::ENOENT => Err(refused),
        _ => Ok(count),
    }
}

/// The keys (and data) that a set has.
pub fn elements(socket: &mut Socket, family: Family, table: &str, set: &'static str) -> Result<Vec<Element>, Refused> {
    let mut batch = Batch::new();
    batch.message(GETSETELEM, 0, &[family as u8, 0, 0, 0]).text(1, table).text(2, set);
    let mut found = Vec::new();
    let outcome = socket.ask(true, batch, |kind, body| {
        if kind != NEWSETELEM {
            return;
        }
        let list = body.get(4..).and_then(|attributes| netlink::attribute(attributes, 3)).unwrap_or_default();
        for (_, element) in netlink::attributes(list) {
            let value = |kind| {
                netlink::attribute(element, kind).and_then(|nest| netlink::attribute(nest, 1)).map(<[u8]>::to_vec)
            };
            if let Some(key) = value(1) {
                found.push(Element { set, key, last: value(10), data: value(2) });
            }
        }
    });
    match outcome {
        Err(refused) if refused.errno == libc::ENOENT => Ok(Vec::new()),
        other => other.map(|()| found),
    }
}
