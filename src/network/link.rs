//! Links, addresses, routes and rules of one namespace, by rtnetlink.

use crate::model::mac::Mac;
use crate::sys::netlink::{Batch, Refused, Socket, as_text, as_u32, attribute};
use ipnet::IpNet;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

const CREATE: u16 = libc::NLM_F_CREATE as u16;
const EXCLUSIVE: u16 = libc::NLM_F_EXCL as u16;
const UP: u32 = libc::IFF_UP as u32;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const VETH_PEER: u16 = 1;
/// `IFA_F_NODAD | IFA_F_NOPREFIXROUTE`
const QUIET_ADDRESS: u32 = 0x202;
/// `IFA_F_NODAD`
const NO_DETECTION: u32 = 0x02;

/// A link as the kernel tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub kind: String,
    /// What was written to its `ifalias`.
    pub alias: String,
    pub master: u32,
    pub up: bool,
    pub mtu: u32,
}

fn head(index: u32, flags: u32) -> [u8; 16] {
    let mut head = [0; 16];
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    head[8..12].copy_from_slice(&flags.to_ne_bytes());
    head[12..16].copy_from_slice(&flags.to_ne_bytes());
    head
}

fn link(body: &[u8]) -> Option<Link> {
    let (fixed, attributes) = body.split_at_checked(16)?;
    let number = |kind| attribute(attributes, kind).and_then(as_u32).unwrap_or(0);
    let text = |bytes: &[u8], kind| attribute(bytes, kind).map(as_text).unwrap_or_default();
    let info = attribute(attributes, libc::IFLA_LINKINFO).unwrap_or_default();
    Some(Link {
        index: as_u32(&fixed[4..8])?,
        name: text(attributes, libc::IFLA_IFNAME),
        kind: text(info, INFO_KIND),
        alias: text(attributes, libc::IFLA_IFALIAS),
        master: number(libc::IFLA_MASTER),
        up: as_u32(&fixed[8..12])? & UP != 0,
        mtu: number(libc::IFLA_MTU),
    })
}

/// All links.
pub fn list(socket: &mut Socket) -> Result<Vec<Link>, Refused> {
    let mut batch = Batch::new();
    batch.message(libc::RTM_GETLINK, 0, &head(0, 0));
    let mut found = Vec::new();
    socket.ask(true, batch, |_, body| found.extend(link(body)))?;
    Ok(found)
}

/// The link of this name.
pub fn find(socket: &mut Socket, name: &str) -> Result<Option<Link>, Refused> {
    let mut batch = Batch::new();
    batch.message(libc::RTM_GETLINK, 0, &head(0, 0)).text(libc::IFLA_IFNAME, name);
    let mut found = None;
    match socket.ask(false, batch, |_, body| found = link(body)) {
        Err(refused) if refused.errno == libc::ENODEV => Ok(None),
        outcome => outcome.map(|()| found),
    }
}

/// A bridge to make.
#[derive(Debug, Clone)]
pub struct Bridge<'a> {
    /// Its name.
    pub name: &'a str,
    /// What tells that it is ours.
    pub alias: &'a str,
    /// Its own; without one it would change with its ports.
    pub mac: Mac,
    /// `None`: the kernel's.
    pub mtu: Option<u32>,
    /// All its ports are in this VLAN.
    pub vlan: Option<u16>,
}

/// Makes a bridge, down.
pub fn add_bridge(socket: &mut Socket, bridge: &Bridge) -> Result<(), Refused> {
    let mut batch = Batch::new();
    batch.message(libc::RTM_NEWLINK, CREATE | EXCLUSIVE, &head(0, 0)).text(libc::IFLA_IFNAME, bridge.name);
    batch.put(libc::IFLA_ADDRESS, &bridge.mac.0);
    if let Some(mtu) = bridge.mtu {
        batch.u32(libc::IFLA_MTU, mtu);
    }
    batch.begin(libc::IFLA_LINKINFO).text(INFO_KIND, "bridge");
    if let Some(vlan) = bridge.vlan {
        // IFLA_BR_VLAN_FILTERING, IFLA_BR_VLAN_DEFAULT_PVID
        batch.begin(INFO_DATA).put(7, &[1]).put(39, &vlan.to_ne_bytes()).end();
    }
    batch.end();
    batch.message(libc::RTM_SETLINK, 0, &head(0, 0)).text(libc::IFLA_IFNAME, bridge.name);
    batch.text(libc::IFLA_IFALIAS, bridge.alias);
    socket.execute(batch)
}

/// Removes a link; one that is not there is fine.
pub fn remove(socket: &mut Socket, name: &str) -> Result<(), Refused> {
    let mut batch = Batch::new();
    batch.message(libc::RTM_DELLINK, 0, &head(0, 0)).text(libc::IFLA_IFNAME, name);
    match socket.execute(batch) {
        Err(refused) if refused.errno == libc::ENODEV => Ok(()),
        outcome => outcome,
    }
}

/// Brings a link up.
pub fn set_up(socket: &mut Socket, name: &str) -> Result<(), Refused> {
    let mut batch = Batch::new();
    batch.message(libc::RTM_SETLINK, 0, &head(0, UP)).text(libc::IFLA_IFNAME, name);
    socket.execute(batch)
}

/// A pair of links between a bridge and a container.
#[derive(Debug, Clone)]
pub struct Veth<'a> {
    /// On the host.
    pub name: &'a str,
    /// The bridge's index.
    pub master: u32,
    /// In the container.
    pub inside: &'a str,
    /// In the container.
    pub mac: Mac,
    /// `None`: the kernel's.
    pub mtu: Option<u32>,
    /// The host has IPv6.
    pub ipv6: bool,
    /// It reaches the bridge, but no other such port.
    pub isolated: bool,
}

/// Makes the pair: one end on the bridge and up, the other in the namespace `inside`, down (up it can't be yet).
pub fn add_veth(socket: &mut Socket, veth: &Veth, inside: BorrowedFd<'_>) -> Result<(), Refused> {
    let mut batch = Batch::new();
    batch.message(libc::RTM_NEWLINK, CREATE | EXCLUSIVE, &head(0, 0)).text(libc::IFLA_IFNAME, veth.name);
    batch.u32(libc::IFLA_MASTER, veth.master);
    if let Some(mtu) = veth.mtu {
        batch.u32(libc::IFLA_MTU, mtu);
    }
    batch.begin(libc::IFLA_LINKINFO).text(INFO_KIND, "veth").begin(INFO_DATA).begin(VETH_PEER);
    batch.raw(&head(0, 0)).text(libc::IFLA_IFNAME, veth.inside);
    batch.u32(libc::IFLA_NET_NS_FD, inside.as_raw_fd() as u32).put(libc::IFLA_ADDRESS, &veth.mac.0);
    if let Some(mtu) = veth.mtu {
        batch.u32(libc::IFLA_MTU, mtu);
    }
    batch.message(libc::RTM_NEWLINK, 0, &head(0, UP)).text(libc::IFLA_IFNAME, veth.name);
    // IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA: as a port of the bridge. What a container sends to its own published
    // port comes back by the port it went out by (IFLA_BRPORT_MODE: hairpin).
    batch.begin(libc::IFLA_LINKINFO).text(4, "bridge").begin(5).put(4, &[1]);
    if veth.isolated {
        batch.put(33, &[1]);
    }
    batch.end().end();
    if veth.ipv6 {
        // A port of a bridge needs no address of its own: IFLA_INET6_ADDR_GEN_MODE none.
        batch.begin(libc::IFLA_AF_SPEC).begin(libc::AF_INET6 as u16).put(8, &[1]).end().end();
    }
    socket.execute(batch)
}

/// Makes a link for a container on one of the host's: `macvlan` or `ipvlan`, with the driver's number of a mode.
pub fn add_sublink(
    socket: &mut Socket,
    kind: &str,
    mode: u32,
    parent: u32,
    veth: &Veth,
    inside: BorrowedFd<'_>,
) -> Result<(), Refused> {
    let mut batch = Batch::new();
    batch.message(libc::RTM_NEWLINK, CREATE | EXCLUSIVE, &head(0, 0));
    batch.text(libc::IFLA_IFNAME, veth.inside).u32(libc::IFLA_LINK, parent);
    batch.u32(libc::IFLA_NET_NS_FD, inside.as_raw_fd() as u32);
    if kind == "macvlan" {
        batch.put(libc::IFLA_ADDRESS, &veth.mac.0);
    }
    if let Some(mtu) = veth.mtu {
        batch.u32(libc::IFLA_MTU, mtu);
    }
    batch.begin(libc::IFLA_LINKINFO).text(INFO_KIND, kind).begin(INFO_DATA);
    if kind == "macvlan" {
        batch.u32(1, mode)
    } else {
        batch.put(1, &(mode as u16).to_ne_bytes())
    };
    socket.execute(batch)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn family(address: IpAddr) -> u8 {
    (if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }) as u8
}

fn put_address(batch: &mut Batch, index: u32, address: &IpNet, flags: u32) {
    let mut fixed = [family(address.addr()), address.prefix_len(), 0, 0, 0, 0, 0, 0];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    let bytes = octets(address.addr());
    batch.message(libc::RTM_NEWADDR, CREATE | libc::NLM_F_REPLACE as u16, &fixed);
    batch.put(libc::IFA_LOCAL, &bytes).put(libc::IFA_ADDRESS, &bytes);
    if let IpNet::V4(subnet) = address
        && subnet.prefix_len() < 31
    {
        batch.put(libc::IFA_BROADCAST, &subnet.broadcast().octets());
    }
    batch.u32(libc::IFA_FLAGS, flags);
}

/// A route to write.
#[derive(Debug, Clone)]
pub struct Path {
    /// Where to.
    pub destination: IpNet,
    /// By way of; `None`: on the link itself.
    pub gateway: Option<IpAddr>,
    /// The link's index.
    pub link: u32,
    /// The table.
    pub table: u32,
    /// The cheaper one is taken.
    pub metric: Option<u32>,
    /// The address that the host uses as its own on this way.
    pub source: Option<IpAddr>,
}

fn put_route(batch: &mut Batch, route: &Path) {
    let destination = route.destination;
    let scope = if route.gateway.is_some() { libc::RT_SCOPE_UNIVERSE } else { libc::RT_SCOPE_LINK };
    let table = u8::try_from(route.table).unwrap_or(libc::RT_TABLE_UNSPEC);
    // RTPROT_STATIC: written by hand, as far as routing daemons go.
    let fixed = [
        family(destination.addr()),
        destination.prefix_len(),
        0,
        0,
        table,
        libc::RTPROT_STATIC,
        scope,
        libc::RTN_UNICAST,
        0,
        0,
        0,
        0,
    ];
    batch.message(libc::RTM_NEWROUTE, CREATE | libc::NLM_F_REPLACE as u16, &fixed);
    if destination.prefix_len() > 0 {
        batch.put(libc::RTA_DST, &octets(destination.network()));
    }
    if let Some(gateway) = route.gateway {
        batch.put(libc::RTA_GATEWAY, &octets(gateway));
    }
    if let Some(source) = route.source {
        batch.put(libc::RTA_PREFSRC, &octets(source));
    }
    if let Some(metric) = route.metric {
        batch.u32(libc::RTA_PRIORITY, metric);
    }
    batch.u32(libc::RTA_OIF, route.link).u32(libc::RTA_TABLE, route.table);
}

/// Gives the bridge's link its addresses, brings it up, and writes its routes (which are in no table but ours).
pub fn dress_bridge(socket: &mut Socket, index: u32, addresses: &[IpNet], routes: &[Path]) -> Result<(), Refused> {
    let mut batch = Batch::new();
    for address in addresses {
        put_address(&mut batch, index, address, QUIET_ADDRESS);
    }
    batch.message(libc::RTM_SETLINK, 0, &head(index, UP));
    for route in routes {
        put_route(&mut batch, route);
    }
    socket.execute(batch)
}

/// In a container: the link up, with its addresses and routes.
pub fn dress_inside(socket: &mut Socket, index: u32, addresses: &[IpNet], routes: &[Path]) -> Result<(), Refused> {
    let mut batch = Batch::new();
    // IFLA_INET6_ADDR_GEN_MODE eui64: a link-local address comes with the link.
    batch.message(libc::RTM_SETLINK, 0, &head(index, UP));
    for address in addresses {
        put_address(&mut batch, index, address, NO_DETECTION);
    }
    for route in routes {
        put_route(&mut batch, route);
    }
    socket.execute(batch)
}

/// Every destination that a table other than the local one has a route for, without the default ones.
pub fn routed(socket: &mut Socket) -> Result<Vec<IpNet>, Refused> {
    let mut found = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut fixed = [0; 12];
        fixed[0] = family as u8;
        let mut batch = Batch::new();
        batch.message(libc::RTM_GETROUTE, 0, &fixed);
        let answer = socket.ask(true, batch, |_, body| {
            let Some((fixed, attributes)) = body.split_at_checked(12) else { return };
            // RTN_UNICAST, RTN_LOCAL; multicast and the like are everywhere.
            if !matches!(fixed[7], 1 | 2) {
                return;
            }
            found.extend(attribute(attributes, libc::RTA_DST).and_then(|bytes| net(bytes, fixed[1])));
        });
        match answer {
            // No IPv6 in this kernel.
            Err(refused) if refused.errno == libc::EAFNOSUPPORT || refused.errno == libc::EOPNOTSUPP => {}
            other => other?,
        }
    }
    let everywhere = |net: &IpNet| net.addr().is_loopback() || net.prefix_len() == 0 || is_link_local(net);
    found.retain(|net| !everywhere(net));
    Ok(found)
}

/// The link that the default route leads to.
pub fn default_link(socket: &mut Socket) -> Result<Option<u32>, Refused> {
    let mut fixed = [0; 12];
    fixed[0] = libc::AF_INET as u8;
    let mut batch = Batch::new();
    batch.message(libc::RTM_GETROUTE, 0, &fixed);
    let mut found = None;
    socket.ask(true, batch, |_, body| {
        let Some((fixed, attributes)) = body.split_at_checked(12) else { return };
        if fixed[1] == 0 && fixed[4] == libc::RT_TABLE_MAIN {
            found = found.or(attribute(attributes, libc::RTA_OIF).and_then(as_u32));
        }
    })?;
    Ok(found)
}

fn is_link_local(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(net) if net.network().segments()[0] & 0xffc0 == 0xfe80)
}

fn net(bytes: &[u8], prefix: u8) -> Option<IpNet> {
    let address = match bytes.len() {
        4 => IpAddr::from(*bytes.first_chunk::<4>()?),
        16 => IpAddr::from(*bytes.first_chunk::<16>()?),
        _ => return None,
    };
    IpNet::new(address, prefix).ok()
}

/// The links whose IPv6 routes come from router advertisements: they must go on believing them when the host begins
/// to forward.
pub fn advertised(socket: &mut Socket) -> Result<Vec<u32>, Refused> {
    let mut fixed = [0; 12];
    fixed[0] = libc::AF_INET6 as u8;
    let mut batch = Batch::new();
    batch.message(libc::RTM_GETROUTE, 0, &fixed);
    let mut found = Vec::new();
    socket.ask(true, batch, |_, body| {
        let Some((fixed, attributes)) = body.split_at_checked(12) else { return };
        // RTPROT_RA; the kernel's own marks those that expire.
        if fixed[5] == 9 || attribute(attributes, libc::RTA_EXPIRES).is_some() {
            found.extend(attribute(attributes, libc::RTA_OIF).and_then(as_u32));
        }
    })?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// A rule about which table decides on a packet.
#[derive(Debug, Clone, Copy)]
pub struct PolicyRule {
    /// The lower one is asked first.
    pub priority: u32,
    /// The table that it sends to.
    pub table: u32,
    /// Only packets that have all bits of this mark.
    pub mark: Option<u32>,
    /// Only the host's own packets.
    pub own: bool,
}

/// Writes a rule for both families, unless it is there.
pub fn add_rule(socket: &mut Socket, rule: &PolicyRule, ipv6: bool) -> Result<(), Refused> {
    let families = if ipv6 { &[libc::AF_INET, libc::AF_INET6][..] } else { &[libc::AF_INET] };
    for family in families {
        let mut batch = Batch::new();
        let fixed = [*family as u8, 0, 0, 0, rule.table.try_into().unwrap_or(0), 0, 0, 1, 0, 0, 0, 0];
        batch.message(libc::RTM_NEWRULE, CREATE | EXCLUSIVE, &fixed);
        // FRA_PRIORITY, FRA_TABLE, FRA_PROTOCOL (static), FRA_IIFNAME, FRA_FWMARK, FRA_FWMASK
        batch.u32(6, rule.priority).u32(15, rule.table).put(21, &[libc::RTPROT_STATIC]);
        if rule.own {
            batch.text(3, "lo");
        }
        if let Some(mark) = rule.mark {
            batch.u32(10, mark).u32(16, mark);
        }
        match socket.execute(batch) {
            Err(refused) if refused.errno == libc::EEXIST => {}
            other => other?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_bridge_and_a_pair_of_links() {
        let made = crate::sys::namespace::in_new_network(|_| {
            let mut host = Socket::route().unwrap();
            let bridge =
                Bridge { name: "br7", alias: "ours", mac: Mac([2, 0, 0, 0, 0, 1]), mtu: Some(1400), vlan: None };
            add_bridge(&mut host, &bridge).unwrap();
            assert_eq!(add_bridge(&mut host, &bridge).unwrap_err().errno, libc::EEXIST);
            let found = find(&mut host, "br7").unwrap().unwrap();
            assert_eq!((found.kind.as_str(), found.alias.as_str(), found.mtu), ("bridge", "ours", 1400));
            let subnet: IpNet = "10.1.0.1/24".parse().unwrap();
            let route = Path {
                destination: subnet.trunc(),
                gateway: None,
                link: found.index,
                table: 500,
                metric: None,
                source: None,
            };
            dress_bridge(&mut host, found.index, &[subnet, "fd00::1/64".parse().unwrap()], &[route]).unwrap();
            for _ in 0..2 {
                let rule = PolicyRule { priority: 100, table: 500, mark: Some(1), own: false };
                add_rule(&mut host, &rule, true).unwrap();
            }
            let (mut inside, ns) = crate::sys::namespace::in_new_network(|ns| {
                crate::sys::netlink::loopback_up().unwrap();
                (Socket::route().unwrap(), ns)
            })
            .unwrap();
            let veth = Veth {
                name: "vb7",
                master: found.index,
                inside: "eth0",
                mac: Mac([2, 0, 0, 0, 0, 2]),
                mtu: None,
                ipv6: true,
                isolated: true,
            };
            add_veth(&mut host, &veth, ns.as_fd()).unwrap();
            let index = find(&mut inside, "eth0").unwrap().unwrap().index;
            let gateway = Path {
                destination: "0.0.0.0/0".parse().unwrap(),
                gateway: Some("10.1.0.1".parse().unwrap()),
                link: index,
                table: 254,
                metric: None,
                source: None,
            };
            dress_inside(&mut inside, index, &["10.1.0.2/24".parse().unwrap()], &[gateway]).unwrap();
            assert!(list(&mut inside).unwrap().iter().any(|link| link.name == "eth0" && link.up));
            assert!(routed(&mut host).unwrap().contains(&"10.1.0.0/24".parse().unwrap()));
            remove(&mut host, "br7").unwrap();
            remove(&mut host, "br7").unwrap();
            assert!(find(&mut host, "br7").unwrap().is_none());
        });
        if let Err(error) = made {
            assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        }
    }
}
