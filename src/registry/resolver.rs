//! Name resolution for the HTTP client: our own, so that no nsswitch.conf and no C library module matters.

use super::dns::{self, Answer, Family, ResolvConf};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Looks names up in /etc/hosts, then by DNS; remembers them as long as it lives.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Arc<Mutex<HashMap<String, Vec<IpAddr>>>>);

/// The longest that a look-up takes.
const PATIENCE: Duration = Duration::from_secs(30);

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &ureq::http::Uri,
        _config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
            Some("http") => 80,
            Some("socks4" | "socks4a" | "socks5" | "socks5h" | "socks") => 1080,
            _ => 443,
        });
        let patience = timeout.not_zero().map_or(PATIENCE, |left| (*left).min(PATIENCE));
        let addresses = self.look_up(host, patience).map_err(|error| ureq::Error::Other(Box::new(error)))?;
        let mut all = self.empty();
        for address in addresses.into_iter().take(16) {
            all.push(SocketAddr::new(address, port));
        }
        Ok(all)
    }
}

impl Names {
    fn look_up(&self, host: &str, patience: Duration) -> Result<Vec<IpAddr>> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Ok(vec![address]);
        }
        let known = |names: &Names| names.0.lock().ok().and_then(|known| known.get(bare).cloned());
        if let Some(addresses) = known(self) {
            return Ok(addresses);
        }
        let addresses = look_up(bare, Instant::now() + patience)?;
        if let Ok(mut known) = self.0.lock() {
            known.insert(bare.to_string(), addresses.clone());
        }
        Ok(addresses)
    }
}

fn look_up(name: &str, deadline: Instant) -> Result<Vec<IpAddr>> {
    let hosts = std::fs::read("/etc/hosts").unwrap_or_default();
    let found = dns::in_hosts(&String::from_utf8_lossy(&hosts), name);
    if !found.is_empty() {
        return Ok(found);
    }
    if dns::is_localhost(name) {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let text = std::fs::read("/etc/resolv.conf").unwrap_or_default();
    let conf = ResolvConf::parse(&String::from_utf8_lossy(&text), interface);
    let mut problem = None;
    for candidate in conf.candidates(name) {
        match ask(&conf, &candidate, deadline) {
            Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
            Ok(_) => {}
            Err(error) => problem = Some(error),
        }
    }
    let text = format!("lookup {name}: no such host");
    Err(problem.unwrap_or_else(|| Error::new(ErrorKind::NotFound, text)))
}

fn interface(name: &str) -> Option<u32> {
    if name.contains('/') {
        return None;
    }
    std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok()?.trim().parse().ok()
}

/// Both families at once. IPv4 first: whoever has IPv6 addresses but no route waits for nothing.
fn ask(conf: &ResolvConf, name: &str, deadline: Instant) -> Result<Vec<IpAddr>> {
    let families: &[Family] = if conf.no_aaaa { &[Family::V4] } else { &[Family::V4, Family::V6] };
    let mut addresses = Vec::new();
    let mut problem = None;
    let answers: Vec<Result<Vec<IpAddr>>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            families.iter().map(|family| scope.spawn(move || ask_servers(conf, name, *family, deadline))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(Error::other("the resolver died"))))
            .collect()
    });
    for answer in answers {
        match answer {
            Ok(found) => addresses.extend(found),
            Err(error) => problem = Some(error),
        }
    }
    match problem {
        Some(error) if addresses.is_empty() => Err(error),
        _ => Ok(addresses),
    }
}

/// Every server in turn, as often as resolv.conf says.
fn ask_servers(conf: &ResolvConf, name: &str, family: Family, deadline: Instant) -> Result<Vec<IpAddr>> {
    let start = if conf.rotate { random() as usize % conf.servers.len().max(1) } else { 0 };
    let mut problem = Error::new(ErrorKind::TimedOut, format!("lookup {name}: no name server answers"));
    for _ in 0..conf.attempts {
        for server in conf.servers.iter().cycle().skip(start).take(conf.servers.len()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(problem);
            }
            match ask_one(conf, *server, name, family, conf.timeout.min(left)) {
                Ok(Answer::Addresses(addresses)) => return Ok(addresses),
                Ok(Answer::NoName) => return Ok(Vec::new()),
                Ok(Answer::Failed | Answer::Truncated) => {
                    problem = Error::other(format!("lookup {name} on {server}: server misbehaving"));
                }
                Err(error) => problem = Error::new(error.kind(), format!("lookup {name} on {server}: {error}")),
            }
        }
    }
    Err(problem)
}

fn ask_one(conf: &ResolvConf, server: SocketAddr, name: &str, family: Family, patience: Duration) -> Result<Answer> {
    let id = random();
    let Some(query) = dns::query(id, name, family) else { return Ok(Answer::NoName) };
    if !conf.use_tcp {
        match ask_udp(server, &query, id, name, family, patience)? {
            Answer::Truncated => {}
            answer => return Ok(answer),
        }
    }
    ask_tcp(server, &query, id, name, family, patience)
}

fn ask_udp(
    server: SocketAddr,
    query: &[u8],
    id: u16,
    name: &str,
    family: Family,
    patience: Duration,
) -> Result<Answer> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // Connected: answers of others do not arrive, and a closed port is an error at once.
    socket.connect(server)?;
    socket.send(query)?;
    let deadline = Instant::now() + patience;
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv(&mut buffer) {
            Ok(length) => {
                if let Some(answer) = dns::answer(&buffer[..length], id, name, family) {
                    return Ok(answer);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(ErrorKind::TimedOut.into()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn ask_tcp(
    server: SocketAddr,
    query: &[u8],
    id: u16,
    name: &str,
    family: Family,
    patience: Duration,
) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&server, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let length = u16::try_from(query.len()).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    stream.write_all(&[&length.to_be_bytes(), query].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    dns::answer(&message, id, name, family).ok_or_else(|| ErrorKind::InvalidData.into())
}

/// Not to be guessed from outside: keyed anew in every process and for every call.
fn random() -> u16 {
    RandomState::new().hash_one(Instant::now()) as u16
}
