//! The rules: all that is the same on every machine stands in chains that never change; what a network or a container
//! needs are elements of sets and maps, found by key. So the 500th container costs what the first did.
//!
//! | chain | what it does |
//! |---|---|
//! | `guard` | drops what comes from a bridge with a source that does not belong there, and what is for a loopback address but comes from elsewhere |
//! | `publish`, `publish_local` | sends what is for a published port of this host to its container |
//! | `mark` | marks what may reach a container: only marked packets see the routes to containers ([`crate::network::bridge`]), so that without these rules nothing gets in |
//! | `forward` | keeps networks apart |
//! | `leave` | gives what leaves a network the host's address |
//! | bridge: `guests` | drops frames that a container sends in another's name, and router advertisements |

use super::expression::{DNAT, ESTABLISHED_RELATED, Rule};
use super::message::{self, Element, Family, Field, Hook, SetKind, Transaction, interface, join};
use crate::model::mac::Mac;
use crate::model::network::{NetworkRecord, PublishedPort};
use crate::sys::netlink::{Refused, Socket};
use ipnet::IpNet;
use std::net::IpAddr;

/// The name of our tables.
pub const TABLE: &str = "barge";

/// The bit that marks packets which may reach a container.
pub const MARK: u32 = 0x1000_0000;

const BRIDGES: SetKind = set("bridges", &[Field::Interface]);
const INTERNAL: SetKind = set("internal", &[Field::Interface]);
const OPEN: SetKind = set("open", &[Field::Interface]);
const NATTED: SetKind = set("natted", &[Field::Interface]);
const SAME: SetKind = set("same", &[Field::Interface, Field::Interface]);
const SUBNETS4: SetKind = ranges("subnets4", &[Field::Interface, Field::Ipv4]);
const SUBNETS6: SetKind = ranges("subnets6", &[Field::Interface, Field::Ipv6]);
const LOOPBACK: SetKind = set("loopback", &[Field::Protocol, Field::Service]);
const ANY4: SetKind = map("any4", &[Field::Protocol, Field::Service], &[Field::Ipv4, Field::Service]);
const ANY6: SetKind = map("any6", &[Field::Protocol, Field::Service], &[Field::Ipv6, Field::Service]);
const ONE4: SetKind = map("one4", &[Field::Ipv4, Field::Protocol, Field::Service], &[Field::Ipv4, Field::Service]);
const ONE6: SetKind = map("one6", &[Field::Ipv6, Field::Protocol, Field::Service], &[Field::Ipv6, Field::Service]);
const SETS: &[SetKind] = &[BRIDGES, INTERNAL, OPEN, NATTED, SAME, SUBNETS4, SUBNETS6, LOOPBACK, ANY4, ANY6, ONE4, ONE6];

const PORTS: SetKind = set("ports", &[Field::Interface]);
const MACS: SetKind = set("macs", &[Field::Interface, Field::Ether]);
const ADDRESSES4: SetKind = set("addresses4", &[Field::Interface, Field::Ipv4]);
const ADDRESSES6: SetKind = set("addresses6", &[Field::Interface, Field::Ipv6]);
const BRIDGE_SETS: &[SetKind] = &[PORTS, MACS, ADDRESSES4, ADDRESSES6];

const fn set(name: &'static str, key: &'static [Field]) -> SetKind {
    SetKind { name, key, data: &[], ranges: false }
}

const fn ranges(name: &'static str, key: &'static [Field]) -> SetKind {
    SetKind { name, key, data: &[], ranges: true }
}

const fn map(name: &'static str, key: &'static [Field], data: &'static [Field]) -> SetKind {
    SetKind { name, key, data, ranges: false }
}

/// What a running container adds to the rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Guest {
    /// Where its published ports lead: its address of each family.
    pub target: Vec<IpAddr>,
    /// Its published ports.
    pub ports: Vec<PublishedPort>,
    /// Host sides of its links whose frames must bear its own addresses: interface, MAC, addresses.
    pub links: Vec<(String, Mac, Vec<IpAddr>)>,
}

/// Everything that the rules are made of.
#[derive(Debug, Clone, Default)]
pub struct Ruleset {
    /// Bridges that exist.
    pub networks: Vec<NetworkRecord>,
    /// Containers that run.
    pub guests: Vec<Guest>,
}

/// The elements of the main table and those of the bridges' table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elements {
    /// Of the main table.
    pub main: Vec<Element>,
    /// Of the bridges' table.
    pub bridge: Vec<Element>,
}

fn element(kind: &SetKind, key: &[&[u8]]) -> Element {
    Element { set: kind.name, key: join(key), last: None, data: None }
}

/// The elements of a network.
pub fn of_network(network: &NetworkRecord) -> Vec<Element> {
    let name = interface(&network.interface);
    let mut list = vec![element(&BRIDGES, &[&name]), element(&SAME, &[&name, &name])];
    for (kind, wanted) in
        [(&INTERNAL, network.internal), (&OPEN, !network.isolated()), (&NATTED, network.masquerades())]
    {
        if wanted {
            list.push(element(kind, &[&name]));
        }
    }
    let mut range = |kind: &SetKind, first: &[u8], last: &[u8]| {
        let last = Some(join(&[&name, last]));
        list.push(Element { last, ..element(kind, &[&name, first]) });
    };
    let mut ipv6 = false;
    for subnet in &network.subnets {
        match subnet.subnet {
            IpNet::V4(subnet) => range(&SUBNETS4, &subnet.network().octets(), &subnet.broadcast().octets()),
            IpNet::V6(subnet) => {
                ipv6 = true;
                range(&SUBNETS6, &subnet.network().octets(), &subnet.broadcast().octets());
            }
        }
    }
    if ipv6 {
        // Where addresses are being found out.
        range(&SUBNETS6, &[0; 16], &[0; 16]);
    }
    list
}

/// The elements of a container.
pub fn of_guest(guest: &Guest) -> Elements {
    let mut elements = Elements::default();
    for port in &guest.ports {
        let (protocol, host) = ([port.protocol.number()], port.host.to_be_bytes());
        if port.address.is_loopback() {
            elements.main.push(element(&LOOPBACK, &[&protocol, &host]));
            continue;
        }
        let Some(target) = guest.target.iter().find(|target| target.is_ipv4() == port.address.is_ipv4()) else {
            continue;
        };
        let container = port.container.to_be_bytes();
        let data = match target {
            IpAddr::V4(target) => join(&[&target.octets(), &container]),
            IpAddr::V6(target) => join(&[&target.octets(), &container]),
        };
        let found = match port.address {
            IpAddr::V4(address) if address.is_unspecified() => element(&ANY4, &[&protocol, &host]),
            IpAddr::V6(address) if address.is_unspecified() => element(&ANY6, &[&protocol, &host]),
            IpAddr::V4(address) => element(&ONE4, &[&address.octets(), &protocol, &host]),
            IpAddr::V6(address) => element(&ONE6, &[&address.octets(), &protocol, &host]),
        };
        elements.main.push(Element { data: Some(data), ..found });
    }
    elements.main.sort_by_key(|element| element.set);
    elements.main.dedup();
    for (name, mac, addresses) in &guest.links {
        let name = interface(name);
        elements.bridge.push(element(&PORTS, &[&name]));
        elements.bridge.push(element(&MACS, &[&name, &mac.0]));
        for address in addresses {
            elements.bridge.push(match address {
                IpAddr::V4(address) => element(&ADDRESSES4, &[&name, &address.octets()]),
                IpAddr::V6(address) => element(&ADDRESSES6, &[&name, &address.octets()]),
            });
        }
    }
    elements
}

/// The rules of the main table, by chain.
fn rules() -> Vec<(&'static str, Rule)> {
    let rule = Rule::new;
    let mut list = vec![
        ("guard", rule().ip(true).iifname().among(BRIDGES.name).iifname().saddr4().not_among(SUBNETS4.name).drop()),
        (
            "guard",
            rule()
                .ip(false)
                .iifname()
                .among(BRIDGES.name)
                .from_beyond_link6()
                .iifname()
                .saddr6()
                .not_among(SUBNETS6.name)
                .drop(),
        ),
        (
            "guard",
            rule()
                .ip(true)
                .iifname()
                .is_not(&interface("lo"))
                .to_loopback4(true)
                .l4proto()
                .dport()
                .among(LOOPBACK.name)
                .drop(),
        ),
    ];
    for (chain, loopback) in [("publish", false), ("publish_local", true)] {
        let local = |ipv4: bool| match (ipv4, loopback) {
            (true, true) => rule().ip(true).to_loopback4(false).to_local(),
            (false, true) => {
                let mut one = [0; 16];
                one[15] = 1;
                rule().ip(false).daddr6().is_not(&one).to_local()
            }
            (ipv4, false) => rule().ip(ipv4).to_local(),
        };
        list.push((chain, local(true).daddr4().l4proto().dport().dnat(ONE4.name, true)));
        list.push((chain, local(true).l4proto().dport().dnat(ANY4.name, true)));
        list.push((chain, local(false).daddr6().l4proto().dport().dnat(ONE6.name, false)));
        list.push((chain, local(false).l4proto().dport().dnat(ANY6.name, false)));
    }
    list.extend([
        ("mark", rule().ct_state(ESTABLISHED_RELATED).mark(MARK)),
        ("mark", rule().ct_status(DNAT).mark(MARK)),
        ("mark", rule().iifname().among(OPEN.name).mark(MARK)),
        // What is bridged, where the host lets IP rules see it.
        ("forward", rule().iifname().oifname().among(SAME.name).accept()),
        ("forward", rule().oifname().among(INTERNAL.name).drop()),
        ("forward", rule().iifname().among(INTERNAL.name).drop()),
        ("forward", rule().oifname().among(BRIDGES.name).ct_state(ESTABLISHED_RELATED).accept()),
        ("forward", rule().oifname().among(BRIDGES.name).ct_status(DNAT).accept()),
        ("forward", rule().iifname().among(OPEN.name).oifname().among(OPEN.name).accept()),
        ("forward", rule().oifname().among(BRIDGES.name).drop()),
        // To a published port of its own network, or of itself. (Where bridged packets pass here, nobody knows the
        // interface that they came in by.)
        ("leave", rule().ip(true).oifname().saddr4().among(SUBNETS4.name).ct_status(DNAT).masquerade()),
        ("leave", rule().ip(false).oifname().saddr6().among(SUBNETS6.name).ct_status(DNAT).masquerade()),
        ("leave", rule().iifname().among(NATTED.name).oifname().not_among(BRIDGES.name).masquerade()),
    ]);
    list
}

fn bridge_rules() -> Vec<Rule> {
    let rule = || Rule::new().iifname().among(PORTS.name);
    vec![
        rule().iifname().ether_saddr().not_among(MACS.name).drop(),
        rule().ethertype(0x0800).iifname().saddr4().not_among(ADDRESSES4.name).drop(),
        rule().ethertype(0x0806).arp_sender().is_not(&[0; 4]).iifname().arp_sender().not_among(ADDRESSES4.name).drop(),
        rule()
            .ethertype(0x86dd)
            .from_beyond_link6()
            .saddr6()
            .is_not(&[0; 16])
            .iifname()
            .saddr6()
            .not_among(ADDRESSES6.name)
            .drop(),
        // Router advertisements (134) and redirects (137): no container is a router.
        rule().ethertype(0x86dd).l4proto().is(&[58]).first_byte().is(&[134]).drop(),
        rule().ethertype(0x86dd).l4proto().is(&[58]).first_byte().is(&[137]).drop(),
    ]
}

impl Ruleset {
    /// Puts all of it in place of whatever is there, at once.
    pub fn replace(&self, socket: &mut Socket) -> Result<(), Refused> {
        let mut change = Transaction::new(Family::Inet, TABLE);
        change.replace_table("the networks of barge; made anew by `barge network reload`");
        SETS.iter().for_each(|kind| change.set(kind));
        change.chain("guard", "filter", Hook::Prerouting, -310);
        change.chain("publish", "nat", Hook::Prerouting, -100);
        change.chain("publish_local", "nat", Hook::Output, -100);
        change.chain("mark", "filter", Hook::Prerouting, -90);
        change.chain("forward", "filter", Hook::Forward, 0);
        change.chain("leave", "nat", Hook::Postrouting, 100);
        for (chain, rule) in rules() {
            change.rule(chain, rule);
        }
        let elements = self.elements();
        change.add(&elements.main);
        change.within(Family::Bridge, TABLE);
        change.replace_table("containers of barge send in no name but their own");
        BRIDGE_SETS.iter().for_each(|kind| change.set(kind));
        change.chain("guests", "filter", Hook::Prerouting, -300);
        for rule in bridge_rules() {
            change.rule("guests", rule);
        }
        change.add(&elements.bridge);
        change.commit(socket)
    }

    /// Every element, the first of two with the same key.
    pub fn elements(&self) -> Elements {
        let mut all = Elements { main: self.networks.iter().flat_map(of_network).collect(), bridge: Vec::new() };
        for guest in &self.guests {
            let own = of_guest(guest);
            all.main.extend(own.main);
            all.bridge.extend(own.bridge);
        }
        for list in [&mut all.main, &mut all.bridge] {
            list.sort_by(|a, b| (a.set, &a.key).cmp(&(b.set, &b.key)));
            list.dedup_by(|a, b| a.set == b.set && a.key == b.key);
        }
        all
    }

    /// Whether what is there is what [`Ruleset::replace`] would put there.
    pub fn is_in_place(&self, socket: &mut Socket) -> Result<bool, Refused> {
        let wanted = self.elements();
        for (family, rules, sets, elements) in [
            (Family::Inet, rules().len(), SETS, &wanted.main),
            (Family::Bridge, bridge_rules().len(), BRIDGE_SETS, &wanted.bridge),
        ] {
            if message::rules(socket, family, TABLE)? != rules {
                return Ok(false);
            }
            for kind in sets {
                let mut there = message::elements(socket, family, TABLE, kind.name)?;
                there.sort_by(|a, b| a.key.cmp(&b.key));
                let wanted = elements.iter().filter(|element| element.set == kind.name);
                if !there.iter().eq(wanted) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// Adds and removes elements, all or nothing.
pub fn change(socket: &mut Socket, add: &Elements, remove: &Elements) -> Result<(), Refused> {
    let mut change = Transaction::new(Family::Inet, TABLE);
    change.remove(&remove.main);
    change.add_new(&add.main);
    if !(add.bridge.is_empty() && remove.bridge.is_empty()) {
        change.within(Family::Bridge, TABLE);
        change.remove(&remove.bridge);
        change.add_new(&add.bridge);
    }
    change.commit(socket)
}

/// Takes all our rules away.
pub fn clear(socket: &mut Socket) -> Result<(), Refused> {
    let mut change = Transaction::new(Family::Inet, TABLE);
    change.remove_table();
    change.within(Family::Bridge, TABLE);
    change.remove_table();
    change.commit(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(interface: &str, subnets: &[&str]) -> NetworkRecord {
        let subnets: Vec<_> =
            subnets.iter().map(|text| crate::model::network::Subnet::new(text.parse().unwrap())).collect();
        serde_json::from_value(serde_json::json!({
            "id": "ab".repeat(32), "name": "net", "interface": interface, "subnets": subnets,
        }))
        .unwrap()
    }

    fn guest(number: u8) -> Guest {
        let target: Vec<IpAddr> = vec![[10, 88, 0, number].into(), "fd00::2".parse().unwrap()];
        let port = |address: &str, host| PublishedPort {
            address: address.parse().unwrap(),
            host,
            container: 80,
            protocol: Default::default(),
        };
        let ports = vec![port("0.0.0.0", 8080), port("::", 8080), port("192.0.2.2", 81), port("127.0.0.1", 82)];
        let links = vec![(format!("vb{number}"), Mac([2, 0, 0, 0, 0, number]), target.clone())];
        Guest { target, ports, links }
    }

    /// The kernel takes the rules, changes elements, and says when something is missing.
    #[test]
    fn rules_are_placed_changed_and_missed() {
        let outcome = crate::sys::namespace::in_new_network(|_| {
            let mut socket = Socket::netfilter().unwrap();
            let mut rules =
                Ruleset { networks: vec![network("barge0", &["10.88.0.0/16", "fd00::/64"])], guests: vec![guest(2)] };
            assert!(!rules.is_in_place(&mut socket).unwrap());
            rules.replace(&mut socket).unwrap();
            rules.replace(&mut socket).unwrap();
            assert!(rules.is_in_place(&mut socket).unwrap());
            let mut other = guest(3);
            other.ports.iter_mut().for_each(|port| port.host += 1000);
            change(&mut socket, &of_guest(&other), &Elements::default()).unwrap();
            assert!(!rules.is_in_place(&mut socket).unwrap());
            let refused = change(&mut socket, &of_guest(&other), &Elements::default()).unwrap_err();
            assert_eq!(refused.errno, libc::EEXIST);
            rules.guests.push(other.clone());
            assert!(rules.is_in_place(&mut socket).unwrap());
            change(&mut socket, &Elements::default(), &of_guest(&other)).unwrap();
            rules.guests.pop();
            assert!(rules.is_in_place(&mut socket).unwrap());
            let before = super::super::generation(&mut socket).unwrap();
            clear(&mut socket).unwrap();
            clear(&mut socket).unwrap();
            assert!(super::super::generation(&mut socket).unwrap() > before);
            let refused = change(&mut socket, &of_guest(&other), &Elements::default()).unwrap_err();
            assert_eq!(refused.errno, libc::ENOENT);
        });
        if let Err(error) = outcome {
            // An ordinary user may make no namespace.
            assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        }
    }

    #[test]
    #[allow(clippy::print_stdout)] // shown when asked for: `--nocapture`
    fn the_rules_read_as_meant() {
        let text = crate::sys::namespace::in_new_network(|_| {
            let mut socket = Socket::netfilter().ok()?;
            let rules =
                Ruleset { networks: vec![network("barge0", &["10.88.0.0/16", "fd00::/64"])], guests: vec![guest(2)] };
            rules.replace(&mut socket).ok()?;
            let output = std::process::Command::new("nft").args(["list", "ruleset"]).output().ok()?;
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        });
        // Without root or without the program there is nobody to ask.
        let Ok(Some(text)) = text else { return };
        println!("{text}");
        for line in [
            "ct state established,related meta mark set meta mark | 0x10000000",
            "oifname . ip saddr @subnets4 ct status dnat masquerade",
            "tcp . 8080 : 10.88.0.2 . 80",
            "192.0.2.2 . tcp . 81 : 10.88.0.2 . 80",
            "\"barge0\" . 10.88.0.0/16",
            "oifname @bridges drop",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
