//! Names to addresses without the C library: hosts, resolv.conf and DNS messages. Parsing and planning are pure.

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) use crate::model::resolv_conf::ResolvConf;

/// The addresses that a hosts(5) file has for a name.
pub(super) fn in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.trim_end_matches('.');
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
        if words.any(|word| word.eq_ignore_ascii_case(name)) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// `localhost` and what is below it never leaves the machine (RFC 6761).
pub(super) fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Which addresses are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// A query, ready to send. `None`: no such name can exist.
pub(super) fn query(id: u16, name: &str, family: Family) -> Option<Vec<u8>> {
    let kind = if family == Family::V4 { TYPE::A } else { TYPE::AAAA };
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(Name::new(name).ok()?, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().ok()
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// These addresses; none: the name exists without.
    Addresses(Vec<IpAddr>),
    /// No such name.
    NoName,
    /// Cut off: ask again over TCP.
    Truncated,
    /// It can't or won't say.
    Failed,
}

/// Reads an answer to the query `id` for `name`; `None`: it is no answer to that.
pub(super) fn answer(bytes: &[u8], id: u16, name: &str, family: Family) -> Option<Answer> {
    let packet = Packet::parse(bytes).ok()?;
    if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) {
        return None;
    }
    let kind = if family == Family::V4 { TYPE::A } else { TYPE::AAAA };
    let asked = packet.questions.first();
    if asked.is_some_and(|question| !same(&question.qname, name) || question.qtype != QTYPE::TYPE(kind)) {
        return None;
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Some(Answer::Truncated);
    }
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Some(Answer::NoName),
        _ => return Some(Answer::Failed),
    }
    // Records count only for the name itself and for what its CNAMEs lead to.
    let mut owner = name.trim_end_matches('.').to_string();
    for _ in 0..16 {
        let alias = packet.answers.iter().find_map(|record| match &record.rdata {
            RData::CNAME(target) if same(&record.name, &owner) => Some(target.0.to_string()),
            _ => None,
        });
        match alias {
            Some(target) => owner = target,
            None => break,
        }
    }
    let addresses = packet
        .answers
        .iter()
        .filter(|record| same(&record.name, &owner))
        .filter_map(|record| match &record.rdata {
            RData::A(a) if family == Family::V4 => Some(IpAddr::V4(Ipv4Addr::from(a.address))),
            RData::AAAA(a) if family == Family::V6 => Some(IpAddr::V6(Ipv6Addr::from(a.address))),
            _ => None,
        })
        .collect();
    Some(Answer::Addresses(addresses))
}

fn same(one: &Name<'_>, other: &str) -> bool {
    one.to_string().trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::{A, CNAME};

    #[test]
    fn hosts_files() {
        let text =
            "127.0.0.1 localhost\n::1 localhost ip6-localhost # six\n10.0.0.9 Registry.Test reg\nbad x\n10.0.0.9 reg\n";
        let find = |name| in_hosts(text, name).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(find("localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(find("registry.test"), ["10.0.0.9"]);
        assert_eq!(find("reg."), ["10.0.0.9"]);
        assert!(find("six").is_empty() && find("x").is_empty());
        assert!(is_localhost("LOCALHOST") && is_localhost("a.localhost.") && !is_localhost("mylocalhost"));
    }

    #[test]
    fn answers_follow_aliases_and_nothing_else() {
        let reply = |build: &dyn Fn(&mut Packet<'static>)| {
            let mut packet = Packet::new_reply(7);
            packet.questions.push(Question::new(
                Name::new("a.test").unwrap(),
                QTYPE::TYPE(TYPE::A),
                QCLASS::CLASS(CLASS::IN),
                false,
            ));
            build(&mut packet);
            packet.build_bytes_vec_compressed().unwrap()
        };
        let record = |name: &'static str, rdata| ResourceRecord::new(Name::new(name).unwrap(), CLASS::IN, 60, rdata);
        let address = |last| RData::A(A::from(Ipv4Addr::new(10, 0, 0, last)));
        let good = reply(&|packet| {
            packet.answers.push(record("b.test", address(2)));
            packet.answers.push(record("a.test", RData::CNAME(CNAME(Name::new("B.test").unwrap()))));
            packet.answers.push(record("evil.test", address(66)));
        });
        let wanted = Answer::Addresses(vec!["10.0.0.2".parse().unwrap()]);
        assert_eq!(answer(&good, 7, "A.test", Family::V4), Some(wanted));
        assert_eq!(answer(&good, 8, "a.test", Family::V4), None);
        assert_eq!(answer(&good, 7, "other.test", Family::V4), None);
        assert_eq!(answer(&good, 7, "a.test", Family::V6), None);
        let looping = reply(&|packet| {
            packet.answers.push(record("a.test", RData::CNAME(CNAME(Name::new("a.test").unwrap()))));
        });
        assert_eq!(answer(&looping, 7, "a.test", Family::V4), Some(Answer::Addresses(vec![])));
        let none = reply(&|packet| *packet.rcode_mut() = RCODE::NameError);
        assert_eq!(answer(&none, 7, "a.test", Family::V4), Some(Answer::NoName));
        let cut = reply(&|packet| packet.set_flags(PacketFlag::TRUNCATION));
        assert_eq!(answer(&cut, 7, "a.test", Family::V4), Some(Answer::Truncated));
        for length in 0..good.len() {
            answer(&good[..length], 7, "a.test", Family::V4);
        }
        assert!(query(1, "a.test", Family::V4).is_some());
        assert!(query(1, &"x".repeat(64), Family::V4).is_none());
    }
}
