//! resolv.conf(5): whom to ask for names. Pure.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

/// resolv.conf(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvConf {
    /// Whom to ask, in order.
    pub servers: Vec<SocketAddr>,
    /// Where short names are looked for.
    pub search: Vec<String>,
    /// From so many dots on a name is taken as it is first.
    pub ndots: usize,
    /// How long to wait for a server.
    pub timeout: Duration,
    /// How often to ask all of them.
    pub attempts: u32,
    /// Begin with another one each time.
    pub rotate: bool,
    /// Ask by TCP only.
    pub use_tcp: bool,
    /// Don't ask for addresses of IPv6.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
