//! Which registries there are and how they are reached: registries.conf as a plain value. Pure; `config` reads the files.

use super::reference::Reference;
use crate::fault::{Fault, Kind};
use std::collections::BTreeMap;

/// What registries.conf and its drop-ins say together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Registries {
    /// `unqualified-search-registries`; empty: docker.io.
    pub unqualified: Vec<String>,
    /// `[[registry]]` tables.
    pub rules: Vec<Rule>,
    /// `[aliases]`: short name → repository; an empty value takes an alias of an earlier file back.
    pub aliases: BTreeMap<String, String>,
    /// Loopback registries may be spoken to without TLS (docker's rule).
    pub trust_loopback: bool,
    /// Networks whose registries need no verified TLS: address and bits.
    pub insecure_networks: Vec<(std::net::IpAddr, u8)>,
}

/// One `[[registry]]` table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rule {
    /// `host[:port][/path]` or `*.domain`.
    pub prefix: String,
    /// Where the prefix really lives; `None`: at the prefix.
    pub location: Option<String>,
    /// TLS is not verified, plain HTTP is allowed.
    pub insecure: bool,
    /// Not to be used at all.
    pub blocked: bool,
    /// Mirrors of this table are for references with a digest only.
    pub mirror_by_digest_only: bool,
    /// Tried in this order before the location itself.
    pub mirrors: Vec<Mirror>,
}

/// One `[[registry.mirror]]` table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mirror {
    /// `host[:port][/path]`, replaces the prefix.
    pub location: String,
    /// As in [`Rule::insecure`].
    pub insecure: bool,
    /// `pull-from-mirror`: which references it serves.
    pub serves: Serves,
}

/// `pull-from-mirror`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Serves {
    #[default]
    All,
    DigestOnly,
    TagOnly,
}

/// One place to try for a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What to ask for there.
    pub reference: Reference,
    /// TLS need not be verified.
    pub insecure: bool,
    /// Not the place itself but a mirror of it.
    pub mirror: bool,
}

impl Registries {
    /// The references that a name typed by a user may mean, in the order in which a pull tries them.
    pub fn candidates(&self, text: &str) -> Result<Vec<Reference>, Fault> {
        let direct: Reference = text.parse()?;
        if !is_short(text) {
            return Ok(vec![direct]);
        }
        let name_end = text.rfind('/').map_or(0, |at| at + 1);
        let end = text[name_end..].find([':', '@']).map_or(text.len(), |at| name_end + at);
        if let Some(target) = self.aliases.get(&text[..end]).filter(|target| !target.is_empty()) {
            return Ok(vec![format!("{target}{}", &text[end..]).parse()?]);
        }
        if self.unqualified.is_empty() {
            return Ok(vec![direct]);
        }
        self.unqualified.iter().map(|registry| format!("{registry}/{text}").parse()).collect()
    }

    /// Where to look for `reference`, best first: mirrors, then the place itself (or where it was moved to).
    pub fn sources(&self, reference: &Reference) -> Result<Vec<Source>, Fault> {
        let loopback =
            (self.trust_loopback && is_loopback(&reference.domain)) || self.in_insecure_network(&reference.domain);
        let Some((rule, matched)) = self.rule(reference) else {
            return Ok(vec![Source { reference: reference.clone(), insecure: loopback, mirror: false }]);
        };
        if rule.blocked {
            return Err(Fault::new(Kind::Denied, format!("registry {} is blocked in registries.conf", rule.prefix)));
        }
        let full = reference.to_string();
        let rest = &full[matched.len()..];
        let mut sources = Vec::new();
        for mirror in &rule.mirrors {
            let by_digest = reference.digest.is_some();
            let serves = match mirror.serves {
                Serves::All => !rule.mirror_by_digest_only || by_digest,
                Serves::DigestOnly => by_digest,
                Serves::TagOnly => !by_digest,
            };
            if serves {
                let reference: Reference = format!("{}{rest}", mirror.location).parse()?;
                sources.push(Source { reference, insecure: mirror.insecure, mirror: true });
            }
        }
        let reference = match &rule.location {
            Some(location) => format!("{location}{rest}").parse()?,
            None => reference.clone(),
        };
        sources.push(Source { reference, insecure: rule.insecure || loopback, mirror: false });
        Ok(sources)
    }

    /// Whether the place is an address in one of [`Registries::insecure_networks`].
    pub fn in_insecure_network(&self, domain: &str) -> bool {
        let Some(address) = address(domain) else { return false };
        self.insecure_networks.iter().any(|(network, bits)| contains(*network, *bits, address))
    }

    /// The rule with the longest matching prefix, and the part of the reference that it matched.
    fn rule(&self, reference: &Reference) -> Option<(&Rule, String)> {
        let full = reference.to_string();
        self.rules
            .iter()
            .filter_map(|rule| Some((rule, matched(&rule.prefix, &full, reference)?)))
            .max_by_key(|(rule, matched)| (matched.len(), !rule.prefix.starts_with('*'), rule.prefix.len()))
    }
}

/// The address that a `host[:port]` is, unless it is a name.
fn address(domain: &str) -> Option<std::net::IpAddr> {
    if let Some(rest) = domain.strip_prefix('[') {
        return rest.split(']').next()?.parse().ok();
    }
    domain.rsplit_once(':').map_or(domain, |(host, _)| host).parse().ok()
}

/// Whether the first `bits` bits are the same.
fn contains(network: std::net::IpAddr, bits: u8, address: std::net::IpAddr) -> bool {
    use std::net::IpAddr::{V4, V6};
    let (network, address, length) = match (network, address) {
        (V4(network), V4(address)) => (u128::from(network.to_bits()), u128::from(address.to_bits()), 32),
        (V6(network), V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let rest = u32::from(length - bits.min(length));
    network.checked_shr(rest) == address.checked_shr(rest)
}

/// `10.0.0.0/8`, `fd00::/8`; `None`: that is no network.
pub fn parse_network(text: &str) -> Option<(std::net::IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let (address, bits): (std::net::IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

/// How much of `full` the prefix covers, when it does.
fn matched(prefix: &str, full: &str, reference: &Reference) -> Option<String> {
    if let Some(suffix) = prefix.strip_prefix('*') {
        let fits =
            suffix.starts_with('.') && reference.domain.ends_with(suffix) && reference.domain.len() > suffix.len();
        return fits.then(|| reference.domain.clone());
    }
    let rest = full.strip_prefix(prefix)?;
    // A port belongs to the host: `example.com` does not cover `example.com:5000`.
    let whole = match rest.as_bytes().first() {
        None | Some(b'/' | b'@') => true,
        Some(b':') => prefix.contains('/'),
        _ => false,
    };
    whole.then(|| prefix.to_string())
}

/// No registry in front: `alpine`, `user/app`.
pub fn is_short(text: &str) -> bool {
    match text.split_once('/') {
        None => true,
        Some((first, _)) => {
            !first.contains(['.', ':']) && first != "localhost" && !first.bytes().any(|byte| byte.is_ascii_uppercase())
        }
    }
}

/// `localhost`, `127.0.0.0/8`, `::1`, with or without a port.
pub fn is_loopback(domain: &str) -> bool {
    let host = match domain.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => domain.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(prefix: &str) -> Rule {
        Rule { prefix: prefix.into(), ..Rule::default() }
    }

    fn places(registries: &Registries, text: &str) -> Vec<String> {
        let reference: Reference = text.parse().unwrap();
        let show = |source: Source| format!("{}{}", source.reference, if source.insecure { " insecure" } else { "" });
        registries.sources(&reference).unwrap().into_iter().map(show).collect()
    }

    #[test]
    fn short_names_go_through_aliases_then_the_search_list() {
        let mut registries = Registries::default();
        registries.aliases.insert("fedora".into(), "registry.fedoraproject.org/fedora".into());
        let one = |registries: &Registries, text: &str| {
            registries.candidates(text).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(one(&registries, "alpine:3"), "docker.io/library/alpine:3");
        assert_eq!(one(&registries, "fedora:40"), "registry.fedoraproject.org/fedora:40");
        assert_eq!(one(&registries, "quay.io/fedora"), "quay.io/fedora");
        registries.unqualified = vec!["quay.io".into(), "docker.io".into()];
        assert_eq!(one(&registries, "a/b"), "quay.io/a/b docker.io/a/b");
        assert_eq!(one(&registries, "alpine"), "quay.io/alpine docker.io/library/alpine");
        assert_eq!(one(&registries, "localhost/x"), "localhost/x");
    }

    #[test]
    fn mirrors_come_first_and_locations_replace_the_prefix() {
        let mut registries = Registries {
            rules: vec![
                Rule { location: Some("mirror.local:5000/hub".into()), insecure: true, ..rule("docker.io") },
                Rule {
                    mirrors: vec![
                        Mirror { location: "one.test".into(), insecure: true, serves: Serves::All },
                        Mirror { location: "two.test/x".into(), insecure: false, serves: Serves::DigestOnly },
                    ],
                    ..rule("example.com/team")
                },
                Rule { blocked: true, ..rule("bad.test") },
                Rule { location: Some("inner.test".into()), ..rule("*.corp.test") },
                Rule { insecure: true, ..rule("plain.test:5000") },
            ],
            ..Registries::default()
        };
        assert_eq!(places(&registries, "alpine"), ["mirror.local:5000/hub/library/alpine insecure"]);
        assert_eq!(
            places(&registries, "example.com/team/app:1"),
            ["one.test/app:1 insecure", "example.com/team/app:1"]
        );
        assert_eq!(places(&registries, "example.com/teamster"), ["example.com/teamster"]);
        assert_eq!(places(&registries, "a.corp.test/x:1"), ["inner.test/x:1"]);
        assert_eq!(places(&registries, "plain.test:5000/x"), ["plain.test:5000/x insecure"]);
        assert_eq!(places(&registries, "plain.test/x"), ["plain.test/x"]);
        assert!(registries.sources(&"bad.test/x".parse().unwrap()).is_err());
        assert_eq!(places(&registries, "127.0.0.1:5000/x"), ["127.0.0.1:5000/x"]);
        registries.trust_loopback = true;
        assert_eq!(places(&registries, "127.0.0.1:5000/x"), ["127.0.0.1:5000/x insecure"]);
        assert_eq!(places(&registries, "localhost/x"), ["localhost/x insecure"]);
    }
}
