//! Questions for names, and what our networks know of them. Parsing and answering touch no socket.

use crate::model::network::Services as Known;
use crate::model::zone;
use simple_dns::rdata::{A, AAAA, PTR, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE};
use std::net::IpAddr;
use std::path::Path;

/// How long an answer of ours may be kept: containers come and go.
const SECONDS: u32 = 5;

/// What is to be done with a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send this.
    Answer(Vec<u8>),
    /// Ask outside.
    Forward,
    /// Not worth an answer.
    Ignore,
}

/// Looks at a question.
pub(super) fn judge(bytes: &[u8], known: &Known) -> Verdict {
    let Ok(packet) = Packet::parse(bytes) else { return refuse(bytes, 1) };
    if packet.has_flags(PacketFlag::RESPONSE) {
        return Verdict::Ignore;
    }
    let [question] = packet.questions.as_slice() else { return refuse(bytes, 1) };
    let name = question.qname.to_string();
    let kind = match question.qtype {
        QTYPE::TYPE(kind) => kind,
        _ => return outside(bytes, known),
    };
    if question.qclass != QCLASS::CLASS(CLASS::IN) {
        return outside(bytes, known);
    }
    if kind == TYPE::PTR {
        return match zone::reverse(&name).and_then(|address| holder(known, address)) {
            Some(holder) => pointer(&packet, question, &holder),
            None => outside(bytes, known),
        };
    }
    match addresses(known, &name) {
        Some(addresses) => reply(&packet, question, kind, &addresses),
        None => outside(bytes, known),
    }
}

fn outside(bytes: &[u8], known: &Known) -> Verdict {
    match known.outside {
        true => Verdict::Forward,
        // No such name: there is nobody else to ask.
        false => refuse(bytes, 3),
    }
}

/// The question with this code of an error as its answer.
pub(super) fn refuse(bytes: &[u8], code: u8) -> Verdict {
    failure(bytes, code).map_or(Verdict::Ignore, Verdict::Answer)
}

/// The same, as bytes; `None`: it is no question.
pub(super) fn failure(bytes: &[u8], code: u8) -> Option<Vec<u8>> {
    let mut answer = bytes.to_vec();
    let head = answer.get_mut(..12)?;
    if head[2] & 0x80 != 0 {
        return None;
    }
    head[2] |= 0x80;
    head[3] = 0x80 | code;
    // Only the question is said again; what else there was (EDNS) is not.
    let questions = u16::from_be_bytes([head[4], head[5]]);
    head[6..12].fill(0);
    let end = if questions == 1 { end_of_question(bytes) } else { None };
    match end {
        Some(end) => answer.truncate(end),
        None => {
            answer[4..6].fill(0);
            answer.truncate(12);
        }
    }
    Some(answer)
}

/// Where the only question ends.
pub(super) fn end_of_question(bytes: &[u8]) -> Option<usize> {
    let mut at = 12;
    loop {
        match *bytes.get(at)? {
            0 => return Some(at + 5).filter(|end| *end <= bytes.len()),
            length if length & 0xc0 != 0 => return None,
            length => at += usize::from(length) + 1,
        }
    }
}

/// What we know under a name; `None`: nothing at all.
fn addresses(known: &Known, name: &str) -> Option<Vec<IpAddr>> {
    let key = zone::key(name)?;
    if key == "localhost" || key.ends_with(".localhost") {
        return Some(vec![[127, 0, 0, 1].into(), std::net::Ipv6Addr::LOCALHOST.into()]);
    }
    let mut found: Vec<IpAddr> =
        known.hosts.iter().filter(|(host, _)| *host == key).map(|(_, address)| *address).collect();
    let mut names = vec![key.as_str()];
    names.extend(known.links.iter().filter(|(alias, _)| *alias == key).map(|(_, name)| name.as_str()));
    for network in &known.networks {
        for name in &names {
            collect(&network.dir, name, &mut found);
        }
        // `web.NETWORK`, as docker; `web.dns.podman`.
        for suffix in [network.name.as_str(), "dns.podman"] {
            if let Some(short) = key.strip_suffix(suffix).and_then(|rest| rest.strip_suffix('.')) {
                collect(&network.dir, short, &mut found);
            }
        }
    }
    (!found.is_empty()).then_some(found)
}

fn collect(dir: &Path, name: &str, found: &mut Vec<IpAddr>) {
    let Ok(entries) = std::fs::read_dir(dir.join(zone::NAMES).join(name)) else { return };
    for entry in entries.flatten() {
        if let Ok(target) = std::fs::read_link(entry.path()) {
            found.extend(zone::read_addresses(&target.to_string_lossy()));
        }
    }
}

/// The name of who has an address.
fn holder(known: &Known, address: IpAddr) -> Option<String> {
    known.networks.iter().find_map(|network| {
        let target = std::fs::read_link(network.dir.join(zone::LEASES).join(address.to_string())).ok()?;
        zone::read_holder(&target.to_string_lossy()).map(|(_, name)| name.to_string())
    })
}

fn begin<'a>(packet: &Packet<'a>, question: &Question<'a>) -> Packet<'a> {
    let mut answer = Packet::new_reply(packet.id());
    answer.set_flags(PacketFlag::RECURSION_AVAILABLE | PacketFlag::AUTHORITATIVE_ANSWER);
    if packet.has_flags(PacketFlag::RECURSION_DESIRED) {
        answer.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    answer.questions.push(question.clone());
    answer
}

fn finish(answer: Packet) -> Verdict {
    answer.build_bytes_vec_compressed().map_or(Verdict::Ignore, Verdict::Answer)
}

fn reply(packet: &Packet, question: &Question, kind: TYPE, addresses: &[IpAddr]) -> Verdict {
    let mut answer = begin(packet, question);
    *answer.rcode_mut() = RCODE::NoError;
    for address in addresses {
        let data = match (address, kind) {
            (IpAddr::V4(address), TYPE::A) => RData::A(A::from(*address)),
            (IpAddr::V6(address), TYPE::AAAA) => RData::AAAA(AAAA::from(*address)),
            // The name is there, but not so: an answer without records.
            _ => continue,
        };
        answer.answers.push(ResourceRecord::new(question.qname.clone(), CLASS::IN, SECONDS, data));
    }
    finish(answer)
}

fn pointer(packet: &Packet, question: &Question, holder: &str) -> Verdict {
    let Ok(name) = Name::new(holder) else { return Verdict::Ignore };
    let mut answer = begin(packet, question);
    let data = RData::PTR(PTR(name.into_owned()));
    answer.answers.push(ResourceRecord::new(question.qname.clone(), CLASS::IN, SECONDS, data));
    finish(answer)
}

/// Cuts an answer that is too long for a datagram: the question stays, with the flag that tells to ask by TCP.
pub(super) fn fit(question: &[u8], answer: Vec<u8>) -> Vec<u8> {
    let most =
        Packet::parse(question).ok().and_then(|packet| packet.opt().map(|opt| opt.udp_packet_size)).unwrap_or(512);
    if answer.len() <= usize::from(most.max(512)) {
        return answer;
    }
    let Some(end) = end_of_question(&answer) else { return answer };
    let mut short = answer;
    short.truncate(end);
    short[2] |= 0x02;
    short[6..12].fill(0);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::network::NamedPlace;

    fn question(name: &str, kind: TYPE) -> Vec<u8> {
        let mut packet = Packet::new_query(7);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new(name).unwrap().into_owned();
        packet.questions.push(Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
        packet.build_bytes_vec().unwrap()
    }

    fn known(dir: &Path) -> Known {
        let id = "ab".repeat(32);
        let names = dir.join("names/web");
        std::fs::create_dir_all(&names).unwrap();
        std::os::unix::fs::symlink("10.1.0.2,fd00::2", names.join(&id)).unwrap();
        std::fs::create_dir_all(dir.join("leases")).unwrap();
        std::os::unix::fs::symlink(format!("{id}/web"), dir.join("leases/10.1.0.2")).unwrap();
        Known {
            networks: vec![NamedPlace { name: "net".into(), dir: dir.into() }],
            links: vec![("db".into(), "web".into())],
            hosts: vec![("host.docker.internal".into(), [10, 1, 0, 1].into())],
            ..Known::default()
        }
    }

    fn told(verdict: Verdict) -> (RCODE, Vec<String>) {
        let Verdict::Answer(bytes) = verdict else { panic!("{verdict:?}") };
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!((packet.id(), packet.questions.len()), (7, 1));
        let text = |record: &ResourceRecord| match &record.rdata {
            RData::A(a) => std::net::Ipv4Addr::from(a.address).to_string(),
            RData::AAAA(a) => std::net::Ipv6Addr::from(a.address).to_string(),
            RData::PTR(name) => name.0.to_string(),
            other => format!("{other:?}"),
        };
        (packet.rcode(), packet.answers.iter().map(text).collect())
    }

    #[test]
    fn our_names_are_answered_and_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut known = known(dir.path());
        for (name, kind, wanted) in [
            ("web", TYPE::A, vec!["10.1.0.2"]),
            ("WEB", TYPE::AAAA, vec!["fd00::2"]),
            ("web.net", TYPE::A, vec!["10.1.0.2"]),
            ("web.dns.podman", TYPE::A, vec!["10.1.0.2"]),
            ("db", TYPE::A, vec!["10.1.0.2"]),
            ("web", TYPE::MX, vec![]),
            ("2.0.1.10.in-addr.arpa", TYPE::PTR, vec!["web"]),
            ("host.docker.internal", TYPE::A, vec!["10.1.0.1"]),
            ("host.docker.internal", TYPE::AAAA, vec![]),
            ("localhost", TYPE::A, vec!["127.0.0.1"]),
        ] {
            let (code, found) = told(judge(&question(name, kind), &known));
            assert_eq!((code, found), (RCODE::NoError, wanted.iter().map(ToString::to_string).collect()), "{name}");
        }
        for name in ["example.org", "web.other", "..", "x/../web"] {
            let Ok(_) = Name::new(name) else { continue };
            assert_eq!(told(judge(&question(name, TYPE::A), &known)).0, RCODE::NameError, "{name}");
        }
        known.outside = true;
        assert_eq!(judge(&question("example.org", TYPE::A), &known), Verdict::Forward);
        assert_eq!(judge(&question("9.0.1.10.in-addr.arpa", TYPE::PTR), &known), Verdict::Forward);
    }

    #[test]
    fn no_bytes_make_it_stumble() {
        let known = Known::default();
        let good = question("web.example.org", TYPE::A);
        for length in 0..good.len() {
            judge(&good[..length], &known);
            failure(&good[..length], 2);
        }
        let mut state = 1u32;
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (state >> 8) as usize % bytes.len();
                bytes[at] = state as u8;
            }
            judge(&bytes, &known);
            failure(&bytes, 2);
            fit(&bytes, bytes.clone());
        }
    }

    #[test]
    fn long_answers_are_cut_for_datagrams() {
        let question = question("web", TYPE::A);
        let mut packet = Packet::parse(&question).unwrap();
        packet.set_flags(PacketFlag::RESPONSE);
        let name = packet.questions[0].qname.clone();
        for last in 0..100 {
            let data = RData::A(A::from(std::net::Ipv4Addr::new(10, 0, 0, last)));
            packet.answers.push(ResourceRecord::new(name.clone(), CLASS::IN, 1, data));
        }
        let short = fit(&question, packet.build_bytes_vec().unwrap());
        let short = Packet::parse(&short).unwrap();
        assert!(short.has_flags(PacketFlag::TRUNCATION) && short.answers.is_empty());
    }
}
