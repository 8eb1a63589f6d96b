//! A container's own network namespace: made before its process, while other things are prepared.
//!
//! Its resolver is the container's monitor. It listens at 127.0.0.11 on a port that is free, and two rules in the
//! container's namespace change port 53 there into that one and back, packet by packet: no connection tracking, and
//! the container's own server may have 0.0.0.0:53.

use super::nft::expression::Rule;
use super::nft::message::{Family, Hook, Transaction};
use super::nft::ruleset::TABLE;
use crate::model::network::Protocol;
use crate::sys::namespace;
use crate::sys::netlink::{self, Socket};
use anyhow::{Context, Result, bail};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, setsockopt, socket, sockopt,
};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread::JoinHandle;

/// Where containers ask for names.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

/// A container's namespace, and sockets into it.
#[derive(Debug)]
pub struct Inside {
    /// It lives as long as this, a socket or a process in it.
    pub namespace: OwnedFd,
    /// Links, addresses, routes.
    pub route: Socket,
    /// For the monitor: where it answers.
    pub resolver: Option<Resolver>,
}

/// The sockets of a resolver.
#[derive(Debug)]
pub struct Resolver {
    /// Datagrams.
    pub udp: OwnedFd,
    /// Connections.
    pub tcp: OwnedFd,
    /// The port of both.
    pub port: u16,
}

/// Begins to make a namespace; [`Begun::finish`] waits for it.
#[derive(Debug)]
pub struct Begun(JoinHandle<Result<Inside>>);

/// Makes a namespace, with loopback up, in a thread of its own.
pub fn begin(resolver: bool) -> Result<Begun> {
    let work = move || {
        namespace::unshare(libc::CLONE_NEWNET).context("making a network namespace")?;
        let own = namespace::own_network()?;
        netlink::loopback_up().context("bringing up the loopback interface")?;
        furnish(own, resolver.then_some(0))
    };
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(work).context("starting a thread")?;
    Ok(Begun(thread))
}

impl Begun {
    /// The namespace, when it is there.
    pub fn finish(self) -> Result<Inside> {
        match self.0.join() {
            Ok(inside) => inside,
            Err(_) => bail!("making a network namespace: a thread of ours died"),
        }
    }
}

/// A namespace that exists. `resolver`: the port that its resolver has, or 0 for a new one.
pub fn enter(fd: OwnedFd, resolver: Option<u16>) -> Result<Inside> {
    let copy = fd.try_clone()?;
    namespace::in_network(fd.as_fd(), move || furnish(copy, resolver)).context("joining a container's network")?
}

fn furnish(own: OwnedFd, resolver: Option<u16>) -> Result<Inside> {
    let route = Socket::route().context("opening a netlink socket")?;
    let resolver = match resolver {
        None => None,
        Some(port) => {
            let resolver = sockets(port)?;
            if port == 0 {
                redirect(resolver.port)?;
            }
            Some(resolver)
        }
    };
    Ok(Inside { namespace: own, route, resolver })
}

/// Two sockets on one port. Others of ours may listen there, too: those of containers that share the namespace.
fn sockets(wanted: u16) -> Result<Resolver> {
    for _ in 0..16 {
        let udp = bound(SockType::Datagram, wanted)?;
        let name: SockaddrIn = getsockname(udp.as_raw_fd())?;
        match bound(SockType::Stream, name.port()) {
            Ok(tcp) => {
                listen(&tcp, Backlog::new(64)?)?;
                return Ok(Resolver { udp, tcp, port: name.port() });
            }
            // That port of TCP is somebody else's: another one.
            Err(_) if wanted == 0 => {}
            Err(error) => return Err(error),
        }
    }
    bail!("no port is free for the resolver")
}

fn bound(kind: SockType, port: u16) -> Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Inet, kind, flags, None).context("making the resolver's socket")?;
    setsockopt(&fd, sockopt::ReusePort, &true)?;
    let [a, b, c, d] = RESOLVER.octets();
    bind(fd.as_raw_fd(), &SockaddrIn::new(a, b, c, d, port)).context("binding the resolver's socket")?;
    Ok(fd)
}

fn redirect(port: u16) -> Result<()> {
    let mut rules = Socket::netfilter().context("opening a netfilter socket")?;
    let mut change = Transaction::new(Family::Ipv4, TABLE);
    change.replace_table("127.0.0.11:53 is where barge answers for names");
    change.chain("resolver", "filter", Hook::Output, -300);
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let number = [protocol.number()];
        let there = Rule::new().daddr4().is(&RESOLVER.octets()).l4proto().is(&number);
        change.rule("resolver", there.dport().is(&53u16.to_be_bytes()).set_port(true, protocol, port));
        let back = Rule::new().saddr4().is(&RESOLVER.octets()).l4proto().is(&number);
        change.rule("resolver", back.sport().is(&port.to_be_bytes()).set_port(false, protocol, 53));
    }
    change.commit(&mut rules).map_err(super::rules::explain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};

    /// What is sent to port 53 arrives at the resolver's, and the answer seems to come from port 53.
    #[test]
    fn port_53_is_the_resolvers() {
        let Ok(begun) = begin(true) else { return };
        let inside = match begun.finish() {
            Ok(inside) => inside,
            // An ordinary user may make no namespace.
            Err(_) if !nix::unistd::geteuid().is_root() => return,
            Err(error) => panic!("{error:#}"),
        };
        let resolver = inside.resolver.unwrap();
        let namespace = inside.namespace.as_fd();
        namespace::in_network(namespace, || {
            // Somebody has the whole of port 53 for himself.
            let _own = (UdpSocket::bind("0.0.0.0:53").unwrap(), TcpListener::bind("0.0.0.0:53").unwrap());
            let client = UdpSocket::bind("0.0.0.0:0").unwrap();
            client.connect("127.0.0.11:53").unwrap();
            client.send(b"question").unwrap();
            let server = UdpSocket::from(resolver.udp);
            server.set_nonblocking(false).unwrap();
            let mut buffer = [0; 100];
            let (length, from) = server.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"question");
            server.send_to(b"answer", from).unwrap();
            client.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
            let length = client.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"answer");

            let listener = TcpListener::from(resolver.tcp);
            let mut client = TcpStream::connect("127.0.0.11:53").unwrap();
            listener.set_nonblocking(false).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            client.write_all(&[7; 40000]).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let mut all = Vec::new();
            server.read_to_end(&mut all).unwrap();
            assert_eq!(all, [7; 40000]);
            server.write_all(b"good").unwrap();
            drop(server);
            all.clear();
            client.read_to_end(&mut all).unwrap();
            assert_eq!(all, b"good");
        })
        .unwrap();
    }
}
