//! Which proxy a request goes through: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, as given by the caller.

use super::Failure;
use std::net::IpAddr;

/// The proxy variables, in curl's and Go's meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http://`.
    pub http: Option<String>,
    /// For `https://`.
    pub https: Option<String>,
    /// For both, when there is no closer one.
    pub all: Option<String>,
    /// Hosts to speak to directly: names with what is below them, addresses, networks, `*`.
    pub no_proxy: String,
}

impl Proxies {
    /// `get` gives a variable's value; lower case wins.
    pub fn from_variables<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let value = |name: &str| {
            get(&name.to_ascii_lowercase()).or_else(|| get(name)).filter(|text| !text.is_empty()).map(str::to_string)
        };
        Proxies {
            http: value("HTTP_PROXY"),
            https: value("HTTPS_PROXY"),
            all: value("ALL_PROXY"),
            no_proxy: value("NO_PROXY").unwrap_or_default(),
        }
    }

    /// The proxy for `scheme://host:port`; loopback is always spoken to directly.
    pub(super) fn for_host(&self, scheme: &str, host: &str, port: u16) -> Result<Option<ureq::Proxy>, Failure> {
        let Some(url) = self.choose(scheme, host, port) else { return Ok(None) };
        let full = if url.contains("://") { url.to_string() } else { format!("http://{url}") };
        ureq::Proxy::new(&full)
            .map(Some)
            .map_err(|_| Failure::Bad(format!("proxy {:?}: not a proxy URL", without_secret(url))))
    }

    fn choose(&self, scheme: &str, host: &str, port: u16) -> Option<&str> {
        let own = if scheme == "https" { &self.https } else { &self.http };
        let url = own.as_deref().or(self.all.as_deref())?;
        (!is_loopback(host) && !excluded(&self.no_proxy, host, port)).then_some(url)
    }
}

fn without_secret(url: &str) -> &str {
    url.rsplit('@').next().unwrap_or_default()
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || bare(host).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Go's httpproxy rules.
fn excluded(no_proxy: &str, host: &str, port: u16) -> bool {
    let host = bare(host).trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    no_proxy.split([',', ' ']).map(|entry| entry.trim().to_ascii_lowercase()).filter(|entry| !entry.is_empty()).any(
        |entry| {
            if entry == "*" {
                return true;
            }
            if let Some((network, bits)) = entry.split_once('/') {
                let (Ok(network), Ok(bits)) = (network.parse(), bits.parse()) else { return false };
                return address.is_some_and(|address| within(address, network, bits));
            }
            let (name, only_port) = match entry.rsplit_once(':') {
                Some((name, digits)) if !name.contains(':') || name.ends_with(']') => {
                    (name, digits.parse::<u16>().ok())
                }
                _ => (entry.as_str(), None),
            };
            if only_port.is_some_and(|only| only != port) {
                return false;
            }
            let name = bare(name);
            if let Ok(only) = name.parse::<IpAddr>() {
                return address == Some(only);
            }
            let below = name.strip_prefix('*').unwrap_or(name);
            match below.strip_prefix('.') {
                Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
                None => host == below || host.strip_suffix(below).is_some_and(|rest| rest.ends_with('.')),
            }
        },
    )
}

fn within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(two)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            u32::from(one) & mask == u32::from(two) & mask
        }
        (IpAddr::V6(one), IpAddr::V6(two)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            u128::from(one) & mask == u128::from(two) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_through_which_proxy() {
        let proxies = Proxies::from_variables(|name| match name {
            "HTTP_PROXY" => Some("plain:3128"),
            "https_proxy" => Some("http://tls:3128"),
            "HTTPS_PROXY" => Some("http://loses:1"),
            "NO_PROXY" => Some("direct.test,.below.test, 10.0.0.0/8,[fd00::]/8,fd01::1,port.test:5000,*.star.test"),
            _ => None,
        });
        for (scheme, host, port, want) in [
            ("http", "a.test", 80, Some("plain:3128")),
            ("https", "a.test", 443, Some("http://tls:3128")),
            ("https", "direct.test", 443, None),
            ("https", "sub.direct.test", 443, None),
            ("https", "indirect.test", 443, Some("http://tls:3128")),
            ("https", "below.test", 443, Some("http://tls:3128")),
            ("https", "x.below.test", 443, None),
            ("https", "x.star.test", 443, None),
            ("https", "10.1.2.3", 443, None),
            ("https", "11.1.2.3", 443, Some("http://tls:3128")),
            ("https", "[fd01::1]", 443, None),
            ("https", "port.test", 5000, None),
            ("https", "port.test", 443, Some("http://tls:3128")),
            ("http", "127.0.0.5", 5000, None),
            ("http", "localhost", 5000, None),
            ("http", "[::1]", 5000, None),
        ] {
            assert_eq!(proxies.choose(scheme, host, port), want, "{scheme}://{host}:{port}");
        }
        let all = Proxies { all: Some("socks5://s:1".into()), no_proxy: "*".into(), ..Proxies::default() };
        assert_eq!(all.choose("https", "a.test", 443), None);
        let all = Proxies { no_proxy: String::new(), ..all };
        assert!(all.for_host("https", "a.test", 443).unwrap().is_some());
        let bad = Proxies { all: Some("gopher://u:secret@x y".into()), ..Proxies::default() };
        let error = bad.for_host("https", "a.test", 443).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
