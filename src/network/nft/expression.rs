//! What a rule does: a list of small steps over registers, built left to right as `nft` would write it.

use crate::model::network::Protocol;
use crate::sys::netlink::Batch;

/// Registers of four bytes each, from here on.
const FIRST: u32 = 8;

const META_MARK: u32 = 3;
const META_IIFNAME: u32 = 6;
const META_OIFNAME: u32 = 7;
const META_PROTOCOL: u32 = 1;
const META_NFPROTO: u32 = 15;
const META_L4PROTO: u32 = 16;
const CT_STATE: u32 = 0;
const CT_STATUS: u32 = 2;

/// `ct state`: part of, or belonging to, a connection that was let through.
pub const ESTABLISHED_RELATED: u32 = 2 | 4;
/// `ct status`: its destination was changed.
pub const DNAT: u32 = 32;

/// One step.
#[derive(Debug, Clone)]
enum Step {
    Meta { key: u32, register: u32 },
    SetMark { register: u32 },
    Payload { base: u32, offset: u32, length: u32, register: u32 },
    SetPort { offset: u32, checksum: u32, register: u32 },
    Ct { key: u32, register: u32 },
    Fib { register: u32 },
    Compare { register: u32, equal: bool, value: Vec<u8> },
    Mask { register: u32, mask: Vec<u8>, or: Vec<u8> },
    Load { register: u32, value: Vec<u8> },
    Lookup { set: &'static str, register: u32, into: Option<u32>, inverted: bool },
    Verdict(u32),
    Masquerade,
    Dnat { family: u32 },
}

/// A rule on its way.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    steps: Vec<Step>,
    /// The next free register, while fields are put together.
    next: u32,
}

impl Rule {
    /// Matches everything and does nothing.
    pub fn new() -> Self {
        Rule { steps: Vec::new(), next: FIRST }
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn field(mut self, length: u32, step: impl FnOnce(u32) -> Step) -> Self {
        let register = self.next;
        self.next += length.div_ceil(4);
        self.step(step(register))
    }

    fn compare(self, equal: bool, value: &[u8]) -> Self {
        let mut rule = self.step(Step::Compare { register: FIRST, equal, value: value.to_vec() });
        rule.next = FIRST;
        rule
    }

    /// The interface that it came in by, for the set that follows.
    pub fn iifname(self) -> Self {
        self.field(16, |register| Step::Meta { key: META_IIFNAME, register })
    }

    /// The interface that it goes out by.
    pub fn oifname(self) -> Self {
        self.field(16, |register| Step::Meta { key: META_OIFNAME, register })
    }

    /// The protocol above IP.
    pub fn l4proto(self) -> Self {
        self.field(1, |register| Step::Meta { key: META_L4PROTO, register })
    }

    /// `ip saddr`
    pub fn saddr4(self) -> Self {
        self.payload(1, 12, 4)
    }

    /// `ip daddr`
    pub fn daddr4(self) -> Self {
        self.payload(1, 16, 4)
    }

    /// `ip6 saddr`
    pub fn saddr6(self) -> Self {
        self.payload(1, 8, 16)
    }

    /// `ip6 daddr`
    pub fn daddr6(self) -> Self {
        self.payload(1, 24, 16)
    }

    /// `ether saddr`
    pub fn ether_saddr(self) -> Self {
        self.payload(0, 6, 6)
    }

    /// The sender's address in an ARP packet.
    pub fn arp_sender(self) -> Self {
        self.payload(1, 14, 4)
    }

    /// `th dport`
    pub fn dport(self) -> Self {
        self.payload(2, 2, 2)
    }

    /// The first byte of what IP carries: a type of ICMP.
    pub fn first_byte(self) -> Self {
        self.payload(2, 0, 1)
    }

    fn payload(self, base: u32, offset: u32, length: u32) -> Self {
        self.field(length, |register| Step::Payload { base, offset, length, register })
    }

    /// What was put together is this.
    pub fn is(self, value: &[u8]) -> Self {
        self.compare(true, value)
    }

    /// What was put together is not this.
    pub fn is_not(self, value: &[u8]) -> Self {
        self.compare(false, value)
    }

    /// What was put together is in the set.
    pub fn among(self, set: &'static str) -> Self {
        self.look_up(set, None, false)
    }

    /// What was put together is not in the set.
    pub fn not_among(self, set: &'static str) -> Self {
        self.look_up(set, None, true)
    }

    fn look_up(self, set: &'static str, into: Option<u32>, inverted: bool) -> Self {
        let mut rule = self.step(Step::Lookup { set, register: FIRST, into, inverted });
        rule.next = FIRST;
        rule
    }

    /// Only IPv4, or only IPv6, in tables of both.
    pub fn ip(self, ipv4: bool) -> Self {
        let number = if ipv4 { 2 } else { 10 };
        self.field(1, |register| Step::Meta { key: META_NFPROTO, register }).is(&[number])
    }

    /// What a frame carries, in tables of bridges.
    pub fn ethertype(self, number: u16) -> Self {
        self.field(2, |register| Step::Meta { key: META_PROTOCOL, register }).is(&number.to_be_bytes())
    }

    /// `ip daddr` lies, or does not lie, in 127.0.0.0/8.
    pub fn to_loopback4(self, inside: bool) -> Self {
        let rule = self.daddr4().step(Step::Mask { register: FIRST, mask: vec![255, 0, 0, 0], or: vec![0; 4] });
        rule.compare(inside, &[127, 0, 0, 0])
    }

    /// The source is not a link-local address of IPv6.
    pub fn from_beyond_link6(self) -> Self {
        let mut mask = vec![0; 16];
        (mask[0], mask[1]) = (0xff, 0xc0);
        let mut value = vec![0; 16];
        (value[0], value[1]) = (0xfe, 0x80);
        self.saddr6().step(Step::Mask { register: FIRST, mask, or: vec![0; 16] }).compare(false, &value)
    }

    /// Any of these bits of the connection's state.
    pub fn ct_state(self, bits: u32) -> Self {
        self.bits(CT_STATE, bits)
    }

    /// Any of these bits of the connection's status.
    pub fn ct_status(self, bits: u32) -> Self {
        self.bits(CT_STATUS, bits)
    }

    fn bits(self, key: u32, bits: u32) -> Self {
        self.field(4, |register| Step::Ct { key, register })
            .step(Step::Mask { register: FIRST, mask: bits.to_ne_bytes().to_vec(), or: vec![0; 4] })
            .is_not(&[0; 4])
    }

    /// To an address of this host.
    pub fn to_local(self) -> Self {
        // RTN_LOCAL
        self.field(4, |register| Step::Fib { register }).is(&2u32.to_ne_bytes())
    }

    /// Sets bits of the packet's mark.
    pub fn mark(mut self, bits: u32) -> Self {
        self.steps.push(Step::Meta { key: META_MARK, register: FIRST });
        let (mask, or) = ((!bits).to_ne_bytes().to_vec(), bits.to_ne_bytes().to_vec());
        self.step(Step::Mask { register: FIRST, mask, or }).step(Step::SetMark { register: FIRST })
    }

    /// Lets it through this chain.
    pub fn accept(self) -> Self {
        self.step(Step::Verdict(1))
    }

    /// Drops it.
    pub fn drop(self) -> Self {
        self.step(Step::Verdict(0))
    }

    /// Gives it the address of the interface that it leaves by.
    pub fn masquerade(self) -> Self {
        self.step(Step::Masquerade)
    }

    /// Sends it where the map says for what was put together: an address and a port.
    pub fn dnat(self, map: &'static str, ipv4: bool) -> Self {
        let family = if ipv4 { 2 } else { 10 };
        self.look_up(map, Some(FIRST), false).step(Step::Dnat { family })
    }

    /// Rewrites the destination port (`true`) or the source port of a packet of UDP or TCP itself, without any memory of
    /// it.
    pub fn set_port(self, destination: bool, protocol: Protocol, port: u16) -> Self {
        let offset = if destination { 2 } else { 0 };
        let checksum = if protocol == Protocol::Udp { 6 } else { 16 };
        self.step(Step::Load { register: FIRST, value: port.to_be_bytes().to_vec() }).step(Step::SetPort {
            offset,
            checksum,
            register: FIRST,
        })
    }

    /// `th sport`
    pub fn sport(self) -> Self {
        self.payload(2, 0, 2)
    }

    pub(super) fn write(self, batch: &mut Batch) {
        for step in self.steps {
            step.write(batch);
        }
    }
}

impl Step {
    fn write(self, batch: &mut Batch) {
        let name = match &self {
            Step::Meta { .. } | Step::SetMark { .. } => "meta",
            Step::Payload { .. } | Step::SetPort { .. } => "payload",
            Step::Ct { .. } => "ct",
            Step::Fib { .. } => "fib",
            Step::Compare { .. } => "cmp",
            Step::Mask { .. } => "bitwise",
            Step::Load { .. } | Step::Verdict(_) => "immediate",
            Step::Lookup { .. } => "lookup",
            Step::Masquerade => "masq",
            Step::Dnat { .. } => "nat",
        };
        batch.begin(1).text(1, name).begin(2);
        match self {
            Step::Meta { key, register } => batch.be32(2, key).be32(1, register),
            Step::SetMark { register } => batch.be32(2, META_MARK).be32(3, register),
            Step::Payload { base, offset, length, register } => {
                batch.be32(1, register).be32(2, base).be32(3, offset).be32(4, length)
            }
            Step::SetPort { offset, checksum, register } => {
                batch.be32(5, register).be32(2, 2).be32(3, offset).be32(4, 2).be32(6, 1).be32(7, checksum)
            }
            Step::Ct { key, register } => batch.be32(2, key).be32(1, register),
            // The type of the destination address.
            Step::Fib { register } => batch.be32(1, register).be32(2, 3).be32(3, 2),
            Step::Compare { register, equal, value } => {
                batch.be32(1, register).be32(2, u32::from(!equal)).begin(3).put(1, &value).end()
            }
            Step::Mask { register, mask, or } => batch
                .be32(1, register)
                .be32(2, register)
                .be32(3, mask.len() as u32)
                .begin(4)
                .put(1, &mask)
                .end()
                .begin(5)
                .put(1, &or)
                .end(),
            Step::Load { register, value } => batch.be32(1, register).begin(2).put(1, &value).end(),
            Step::Lookup { set, register, into, inverted } => {
                batch.text(1, set).be32(2, register);
                if let Some(into) = into {
                    batch.be32(3, into);
                }
                batch.be32(5, u32::from(inverted))
            }
            Step::Verdict(code) => batch.be32(1, 0).begin(2).begin(2).be32(1, code).end().end(),
            Step::Masquerade => batch,
            Step::Dnat { family } => {
                // An address of four or sixteen bytes, then the port.
                let port = FIRST + if family == 2 { 1 } else { 4 };
                batch.be32(1, 1).be32(2, family).be32(3, FIRST).be32(5, port)
            }
        };
        batch.end().end();
    }
}
