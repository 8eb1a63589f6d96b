//! `-p`, `--expose`, `--network`.

use super::super::NetworkMode;
use super::refuse;
use crate::fault::Fault;
use crate::model::network::{Attachment, PortMapping, Protocol};
use std::net::IpAddr;

/// `[ADDRESS:][HOST]:CONTAINER[/PROTOCOL]` or `CONTAINER[/PROTOCOL]`; ports may be ranges.
pub fn parse_publish(text: &str) -> Result<PortMapping, Fault> {
    let bad = |why: &str| Fault::invalid(format!("invalid port publication {text:?}: {why}"));
    let (ports, protocol) = match text.rsplit_once('/') {
        Some((ports, protocol)) => (ports, protocol.parse::<Protocol>()?),
        None => (text, Protocol::Tcp),
    };
    let (address, rest) = match ports.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once("]:").ok_or_else(|| bad("the bracket is not closed"))?;
            (Some(address), rest)
        }
        None => match ports.match_indices(':').count() {
            0 | 1 => (None, ports),
            2 => ports.split_once(':').map(|(address, rest)| (Some(address), rest)).unwrap_or((None, ports)),
            _ => return Err(bad("addresses of IPv6 must be in brackets")),
        },
    };
    let address = match address {
        None | Some("") => None,
        Some("localhost") => Some(IpAddr::from([127, 0, 0, 1])),
        Some(text) => Some(text.parse::<IpAddr>().map_err(|_| bad("the host's address is none"))?),
    };
    let (host, container) = match rest.rsplit_once(':') {
        Some((host, container)) => (Some(host).filter(|host| !host.is_empty()), container),
        None if address.is_some() => return Err(bad("there is no container port")),
        None => (None, rest),
    };
    let container = parse_range(container).ok_or_else(|| bad("the container's port must be 1 to 65535, or a range"))?;
    let host = match host {
        None | Some("0") => None,
        Some(text) => Some(parse_range(text).ok_or_else(|| bad("the host's port must be 1 to 65535, or a range"))?),
    };
    if let Some((first, last)) = host {
        let (count, wanted) = (u32::from(last - first) + 1, u32::from(container.1 - container.0) + 1);
        if count != wanted && wanted != 1 {
            return Err(bad("host and container port ranges have different lengths"));
        }
    }
    Ok(PortMapping { address, host, container, protocol })
}

/// `80` or `80-90`
fn parse_range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|port| digits && *port > 0)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = (number(first)?, number(last)?);
    (range.0 <= range.1).then_some(range)
}

/// `80`, `80-90/udp` → `80/tcp` each (`--expose`, and an image's).
pub fn parse_expose(text: &str) -> Result<Vec<String>, Fault> {
    let bad = || Fault::invalid(format!("invalid port {text:?}: must be 1 to 65535, or a range, with /tcp or /udp"));
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol: Protocol = if protocol.is_empty() { Protocol::Tcp } else { protocol.parse()? };
    let (first, last) = parse_range(ports).ok_or_else(bad)?;
    Ok((first..=last).map(|port| format!("{port}/{}", protocol.name())).collect())
}

/// What one `--network` asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum NetworkWish {
    /// No network of ours.
    Mode(NetworkMode),
    /// One of our networks.
    Attach(Attachment),
}

/// `bridge`, `NAME[:ip=…,mac=…]`, `name=NAME,ip=…`, `none`, `host`, `container:NAME`, `ns:PATH`, `private`.
pub fn parse_network(text: &str) -> Result<NetworkWish, Fault> {
    let word = text.split([':', ',']).next().unwrap_or_default();
    Ok(match text {
        "" | "default" | "private" => NetworkWish::Mode(NetworkMode::Default),
        "none" => NetworkWish::Mode(NetworkMode::None),
        "host" => NetworkWish::Mode(NetworkMode::Host),
        _ => match text.split_once(':') {
            Some(("container", name)) if !name.is_empty() => NetworkWish::Mode(NetworkMode::Container(name.into())),
            Some(("ns", path)) if path.starts_with('/') => NetworkWish::Mode(NetworkMode::Path(path.into())),
            Some(("container" | "ns" | "host" | "none", _)) => {
                return Err(Fault::invalid(format!("invalid network {text:?}")));
            }
            _ if matches!(word, "slirp4netns" | "pasta" | "pod") => {
                return Err(refuse(&format!("--network {text}"), "not built"));
            }
            // docker's way of writing the same.
            _ if text.contains("name=") && !text.contains(':') => attachment("", text)?,
            Some((name, options)) => attachment(name, options)?,
            None => attachment(text, "")?,
        },
    })
}

fn attachment(name: &str, options: &str) -> Result<NetworkWish, Fault> {
    let mut wish = Attachment { network: name.to_string(), ..Attachment::default() };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let address = || -> Result<IpAddr, Fault> {
            value.parse().map_err(|_| Fault::invalid(format!("invalid ip address {value:?} in network options")))
        };
        match key {
            "name" => wish.network = value.to_string(),
            "ip" | "ip6" => match address()? {
                address if address.is_ipv4() => wish.ip = Some(address),
                address => wish.ip6 = Some(address),
            },
            "mac" | "mac-address" => wish.mac = Some(value.parse()?),
            "alias" => wish.aliases.push(value.to_string()),
            "interface_name" | "interface-name" => wish.interface = Some(parse_interface(value)?),
            _ => return Err(Fault::invalid(format!("unknown bridge network option: {option}"))),
        }
    }
    if wish.network.is_empty() {
        return Err(Fault::invalid("network name cannot be empty"));
    }
    wish.aliases.iter().try_for_each(|alias| check_alias(alias))?;
    Ok(NetworkWish::Attach(wish))
}

/// A name that DNS can carry.
pub fn check_alias(alias: &str) -> Result<(), Fault> {
    match crate::model::zone::key(alias) {
        Some(_) => Ok(()),
        None => Err(Fault::invalid(format!("invalid network alias {alias:?}: letters, digits, dots and hyphens only"))),
    }
}

/// A name that the kernel takes for an interface.
pub fn parse_interface(name: &str) -> Result<String, Fault> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if name.is_empty() || name.len() > 15 || name.starts_with('.') || !name.bytes().all(good) {
        return Err(Fault::invalid(format!("invalid interface name {name:?}: at most 15 letters, digits and _.-")));
    }
    Ok(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_published_in_all_forms() {
        let any = None;
        for (text, address, host, container, protocol) in [
            ("80", any, None, (80, 80), Protocol::Tcp),
            ("8080:80", any, Some((8080, 8080)), (80, 80), Protocol::Tcp),
            ("8080:80/udp", any, Some((8080, 8080)), (80, 80), Protocol::Udp),
            (":80", any, None, (80, 80), Protocol::Tcp),
            ("0:80", any, None, (80, 80), Protocol::Tcp),
            ("127.0.0.1:8080:80", Some("127.0.0.1"), Some((8080, 8080)), (80, 80), Protocol::Tcp),
            ("127.0.0.1::80/sctp", Some("127.0.0.1"), None, (80, 80), Protocol::Sctp),
            ("[::1]:8080:80", Some("::1"), Some((8080, 8080)), (80, 80), Protocol::Tcp),
            ("8080-8082:80-82", any, Some((8080, 8082)), (80, 82), Protocol::Tcp),
            ("8080-8090:80", any, Some((8080, 8090)), (80, 80), Protocol::Tcp),
        ] {
            let address = address.map(|text| text.parse().unwrap());
            assert_eq!(parse_publish(text).unwrap(), PortMapping { address, host, container, protocol }, "{text}");
        }
        for text in
            ["", "x", "80:x", "70000", "0", "1:2:3:4", "::1:80:80", "[::1:80", "80/icmp", "1-2:3-5", "9-8:1", "+1:2"]
        {
            assert!(parse_publish(text).is_err(), "{text}");
        }
        assert_eq!(parse_expose("80-81/udp").unwrap(), ["80/udp", "81/udp"]);
        assert!(parse_expose("x").is_err());
    }

    #[test]
    fn networks_are_modes_or_names_with_options() {
        let name = |text: &str| match parse_network(text).unwrap() {
            NetworkWish::Attach(wish) => wish,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(name("bridge").network, "bridge");
        let wish = name("net:ip=10.1.2.3,ip6=fd00::3,mac=02:00:00:00:00:01,alias=a,alias=b,interface_name=x0");
        assert_eq!(
            (wish.network.as_str(), wish.aliases.join("+"), wish.interface),
            ("net", "a+b".into(), Some("x0".into()))
        );
        assert_eq!((wish.ip, wish.ip6), (Some("10.1.2.3".parse().unwrap()), Some("fd00::3".parse().unwrap())));
        assert_eq!(name("name=net,ip=10.1.2.3").ip, wish.ip);
        assert_eq!(parse_network("none").unwrap(), NetworkWish::Mode(NetworkMode::None));
        for text in
            ["container:", "ns:x", "net:foo=1", "net:ip=x", "pasta:-t,80", "net:alias=a/b", "net:interface_name=a/b"]
        {
            assert!(parse_network(text).is_err(), "{text}");
        }
    }
}
