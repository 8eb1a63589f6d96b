//! Names to addresses without the C library: hosts, resolv.conf and DNS messages. Parsing and planning are pure.

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

/// resolv.conf(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResolvConf {
    pub servers: Vec<SocketAddr>,
    pub search: Vec<String>,
    pub ndots: usize,
    pub timeout: Duration,
    pub attempts: u32,
    pub rotate: bool,
    pub use_tcp: bool,
    pub no_aaaa: bool,
}

impl Default for ResolvConf {
    fn default() -> Self {
        ResolvConf {
            servers: vec![SocketAddr::from(([127, 0, 0, 1], 53))],
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            use_tcp: false,
            no_aaaa: false,
        }
    }
}

impl ResolvConf {
    /// `index_of`: the number of a network interface (for link-local servers, `fe80::1%eth0`).
    pub fn parse(text: &str, index_of: impl Fn(&str) -> Option<u32>) -> Self {
        let mut conf = ResolvConf::default();
        let mut servers = Vec::new();
        for line in text.lines() {
            let mut words = line.split(['#', ';']).next().unwrap_or_default().split_whitespace();
            match words.next() {
                Some("nameserver") => servers.extend(words.next().and_then(|word| server(word, &index_of))),
                // The last of `search` and `domain` wins.
                Some("search") => conf.search = words.map(|word| word.trim_end_matches('.').to_string()).collect(),
                Some("domain") => {
                    conf.search = words.take(1).map(|word| word.trim_end_matches('.').to_string()).collect()
                }
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        conf.search.retain(|domain| !domain.is_empty());
        conf.search.truncate(32);
        // Three, as the C library.
        servers.truncate(3);
        if !servers.is_empty() {
            conf.servers = servers;
        }
        conf
    }

    fn option(&mut self, word: &str) {
        let number = |text: &str, most: u64| text.parse::<u64>().ok().map(|number| number.min(most));
        match word.split_once(':') {
            Some(("ndots", value)) => self.ndots = number(value, 15).map_or(self.ndots, |n| n as usize),
            Some(("timeout", value)) => {
                self.timeout = number(value, 30).map_or(self.timeout, |n| Duration::from_secs(n.max(1)));
            }
            Some(("attempts", value)) => self.attempts = number(value, 5).map_or(self.attempts, |n| n.max(1) as u32),
            None if word == "rotate" => self.rotate = true,
            None if word == "use-vc" => self.use_tcp = true,
            None if word == "no-aaaa" => self.no_aaaa = true,
            _ => {}
        }
    }

    /// The full names to ask for, in order.
    pub fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_string()];
        }
        let as_is = std::iter::once(name.to_string());
        let searched = self.search.iter().map(|domain| format!("{name}.{domain}"));
        if name.matches('.').count() >= self.ndots {
            as_is.chain(searched).collect()
        } else {
            searched.chain(as_is).collect()
        }
    }
}

fn server(word: &str, index_of: impl Fn(&str) -> Option<u32>) -> Option<SocketAddr> {
    if let Some((address, zone)) = word.split_once('%') {
        let address: Ipv6Addr = address.parse().ok()?;
        let scope = zone.parse().ok().or_else(|| index_of(zone))?;
        return Some(SocketAddrV6::new(address, 53, 0, scope).into());
    }
    Some(SocketAddr::new(word.parse().ok()?, 53))
}

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
    fn resolv_conf_as_the_c_library_reads_it() {
        let conf = ResolvConf::parse(
            "# by hand\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver nonsense\nnameserver ::1 # home\n\
             nameserver 10.0.0.4\nnameserver 10.0.0.5\ndomain old.test\nsearch a.test b.test.\n\
             options ndots:2 timeout:1 attempts:9 rotate use-vc edns0\n",
            |name| (name == "eth0").then_some(7),
        );
        let servers: Vec<String> = conf.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:53", "[fe80::1%7]:53", "[::1]:53"]);
        assert_eq!(conf.search, ["a.test", "b.test"]);
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (2, Duration::from_secs(1), 5));
        assert!(conf.rotate && conf.use_tcp && !conf.no_aaaa);
        assert_eq!(ResolvConf::parse("", |_| None).servers, [SocketAddr::from(([127, 0, 0, 1], 53))]);
    }

    #[test]
    fn the_search_list_comes_first_for_names_with_few_dots() {
        let conf = ResolvConf { search: vec!["a.test".into()], ndots: 2, ..ResolvConf::default() };
        for (name, want) in [
            ("x", vec!["x.a.test", "x"]),
            ("x.y", vec!["x.y.a.test", "x.y"]),
            ("x.y.z", vec!["x.y.z", "x.y.z.a.test"]),
            ("x.", vec!["x"]),
        ] {
            assert_eq!(conf.candidates(name), want, "{name}");
        }
    }

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
