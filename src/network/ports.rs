//! Published ports: each is held by a real socket, so that nobody else gets it and everybody sees who has it.

use crate::fault::{Fault, Kind};
use crate::model::network::{PortMapping, Protocol, PublishedPort};
use anyhow::Result;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, getsockname, listen, setsockopt,
    socket, sockopt,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// A port that is ours.
#[derive(Debug)]
pub struct Held {
    /// Which.
    pub port: PublishedPort,
    /// What holds it; none where the kernel has no such sockets (SCTP).
    pub socket: Option<OwnedFd>,
}

/// Takes the ports that are asked for; all or none. `who` may know which container has a port.
pub fn hold(wanted: &[PortMapping], ipv6: bool, who: &dyn Fn(u16, Protocol) -> Option<String>) -> Result<Vec<Held>> {
    let mut held = Vec::new();
    for mapping in wanted {
        let addresses: Vec<IpAddr> = match mapping.address {
            Some(address) => vec![address],
            None if ipv6 => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            None => vec![Ipv4Addr::UNSPECIFIED.into()],
        };
        for container in mapping.container.0..=mapping.container.1 {
            let index = container - mapping.container.0;
            let single = mapping.container.0 == mapping.container.1;
            let candidates: Vec<u16> = match mapping.host {
                None => vec![0; 32],
                Some((first, last)) if single => (first..=last).collect(),
                Some((first, _)) => vec![first + index],
            };
            let mut outcome = Err(Errno::EADDRINUSE);
            for candidate in &candidates {
                outcome = hold_one(&addresses, *candidate, container, mapping.protocol);
                if !matches!(outcome, Err(Errno::EADDRINUSE)) {
                    break;
                }
            }
            match outcome {
                Ok(one) => held.extend(one),
                Err(errno) => {
                    let port = candidates.last().copied().unwrap_or(0);
                    return Err(refused(&addresses, port, mapping.protocol, errno, who).into());
                }
            }
        }
    }
    Ok(held)
}

/// The same port on every address.
fn hold_one(addresses: &[IpAddr], port: u16, container: u16, protocol: Protocol) -> Result<Vec<Held>, Errno> {
    let mut number = port;
    let mut held: Vec<Held> = Vec::new();
    for address in addresses {
        match bound(SocketAddr::new(*address, number), protocol) {
            Ok((socket, port)) => {
                number = port;
                let port = PublishedPort { address: *address, host: number, container, protocol };
                held.push(Held { port, socket });
            }
            // The host has IPv6 switched off on the way.
            Err(Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT) if !held.is_empty() => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(held)
}

fn bound(address: SocketAddr, protocol: Protocol) -> Result<(Option<OwnedFd>, u16), Errno> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let made = match protocol {
        Protocol::Tcp => socket(family, SockType::Stream, flags, None),
        Protocol::Udp => socket(family, SockType::Datagram, flags, None),
        Protocol::Sctp => socket(family, SockType::Stream, flags, SockProtocol::Sctp),
    };
    let fd = match made {
        // Passed on by the firewall all the same; only that nobody sees who has it.
        Err(_) if protocol == Protocol::Sctp && address.port() > 0 => return Ok((None, address.port())),
        other => other?,
    };
    if !address.is_ipv4() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
    }
    if protocol != Protocol::Udp {
        // Connections of a container that has just ended are not in the way.
        setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    }
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    if protocol != Protocol::Udp {
        listen(&fd, Backlog::MAXALLOWABLE)?;
    }
    let name: SockaddrStorage = getsockname(fd.as_raw_fd())?;
    let port = match (name.as_sockaddr_in(), name.as_sockaddr_in6()) {
        (Some(name), _) => name.port(),
        (_, Some(name)) => name.port(),
        _ => address.port(),
    };
    Ok((Some(fd), port))
}

fn refused(
    addresses: &[IpAddr],
    port: u16,
    protocol: Protocol,
    errno: Errno,
    who: &dyn Fn(u16, Protocol) -> Option<String>,
) -> Fault {
    let address = addresses.first().copied().unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let place = SocketAddr::new(address, port);
    let what = format!("publishing {port}/{}: listen {} {place}: bind: ", protocol.name(), protocol.name());
    match errno {
        Errno::EADDRINUSE => {
            let fault = Fault::conflict(format!("{what}address already in use"));
            if let Some(name) = who(port, protocol) {
                return fault.hint(format!("container `{name}` publishes it: stop that one, or pick another port"));
            }
            match listener(port, protocol) {
                Some((pid, name)) => {
                    fault.hint(format!("`{name}` (process {pid}) has it: stop that one, or pick another port"))
                }
                None => fault.hint(format!("`ss -lnp sport = :{port}` shows who has it")),
            }
        }
        Errno::EACCES if port < 1024 => {
            Fault::new(Kind::Denied, format!("{what}permission denied: ports below 1024 are the administrator's")).hint(
                format!(
                    "run `sysctl -w net.ipv4.ip_unprivileged_port_start={port}` as root, or pick a port from 1024 on"
                ),
            )
        }
        Errno::EADDRNOTAVAIL => Fault::invalid(format!("{what}cannot assign requested address"))
            .hint(format!("this host has no address {address}: `ip addr` shows those that it has")),
        other => Fault::new(Kind::Unavailable, format!("{what}{}", other.desc().to_lowercase())),
    }
}

/// The process that has a port, and its name; as far as we may see it.
fn listener(port: u16, protocol: Protocol) -> Option<(i32, String)> {
    let tables: &[&str] = match protocol {
        Protocol::Tcp => &["tcp", "tcp6"],
        Protocol::Udp => &["udp", "udp6"],
        Protocol::Sctp => return None,
    };
    let mut inodes = Vec::new();
    for table in tables {
        let text = std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(state), Some(inode)) = (fields.get(1), fields.get(3), fields.get(9)) else {
                continue;
            };
            // 0A: it listens; 07: so do datagram sockets.
            let listens = *state == "0A" || protocol == Protocol::Udp;
            if listens && local.rsplit(':').next() == Some(&format!("{port:04X}")) {
                inodes.push(format!("socket:[{inode}]"));
            }
        }
    }
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        for fd in std::fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten() {
            let target = std::fs::read_link(fd.path()).unwrap_or_default();
            if inodes.iter().any(|inode| Path::new(inode) == target) {
                let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                return Some((pid, name.trim().to_string()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(text: &str) -> PortMapping {
        crate::model::container::grammar::parse_publish(text).unwrap()
    }

    #[test]
    fn ports_are_held_and_refused_with_a_name() {
        let nobody = |_, _| None;
        let held = hold(&[mapping("127.0.0.1::80"), mapping("127.0.0.1::80-81/udp")], true, &nobody).unwrap();
        assert_eq!(held.len(), 3);
        let port = held[0].port.host;
        assert!(port > 0);
        let again = || hold(&[mapping(&format!("127.0.0.1:{port}:80"))], true, &nobody).unwrap_err();
        let error = again();
        let words = format!("publishing {port}/tcp: listen tcp 127.0.0.1:{port}: bind: address already in use");
        assert_eq!(format!("{error:#}"), words);
        let hint = Fault::of(&error).unwrap().hint.clone().unwrap();
        assert!(hint.contains(&format!("process {}", std::process::id())), "{hint}");
        // One of a range is free.
        let range = format!("127.0.0.1:{port}-{}:80", port.saturating_add(20));
        assert_ne!(hold(&[mapping(&range)], true, &nobody).unwrap()[0].port.host, port);
        drop(held);
        hold(&[mapping(&format!("127.0.0.1:{port}:80"))], true, &nobody).unwrap();
        let error = hold(&[mapping("192.0.2.77:1234:80")], true, &nobody).unwrap_err();
        assert!(format!("{error:#}").ends_with("cannot assign requested address"), "{error:#}");
        let both = hold(&[mapping("80")], true, &nobody).unwrap();
        assert!(both.iter().all(|one| one.port.host == both[0].port.host));
    }
}
