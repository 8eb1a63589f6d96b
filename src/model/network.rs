//! Networks: what people ask for, what is written down of one, and what a container has of it.

use super::mac::Mac;
use super::name::Name;
use crate::fault::Fault;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The network of containers that ask for none.
pub const DEFAULT: &str = "bridge";

/// How frames travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkDriver {
    /// A bridge of ours, with a way out through the host.
    #[default]
    Bridge,
    /// Own addresses on one of the host's links.
    Macvlan,
    /// The same, sharing the link's MAC address.
    Ipvlan,
}

impl NetworkDriver {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            NetworkDriver::Bridge => "bridge",
            NetworkDriver::Macvlan => "macvlan",
            NetworkDriver::Ipvlan => "ipvlan",
        }
    }
}

impl FromStr for NetworkDriver {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "" | "bridge" => Ok(NetworkDriver::Bridge),
            "macvlan" => Ok(NetworkDriver::Macvlan),
            "ipvlan" => Ok(NetworkDriver::Ipvlan),
            other => Err(Fault::invalid(format!("unsupported driver {other}: invalid argument"))
                .hint("the drivers are bridge, macvlan and ipvlan")),
        }
    }
}

/// What `network create` asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetworkSpec {
    /// `None`: one is made up.
    pub name: Option<Name>,
    /// `--driver`
    pub driver: NetworkDriver,
    /// `--subnet`, `--gateway`, `--ip-range`, `--aux-address`, those of one subnet together; empty: from the pools.
    pub subnets: Vec<Subnet>,
    /// `--ipv6`: `None`: as the host can.
    pub ipv6: Option<bool>,
    /// `--internal`
    pub internal: bool,
    /// `--disable-dns`
    pub no_dns: bool,
    /// `--dns`
    pub dns: Vec<IpAddr>,
    /// `--opt`, as written.
    pub options: BTreeMap<String, String>,
    /// `--label`
    pub labels: BTreeMap<String, String>,
    /// `--route`
    pub routes: Vec<Route>,
    /// `--interface-name`: the bridge's name, or the parent's.
    pub interface: Option<String>,
    /// `--ipam-driver=none`: containers get no addresses.
    pub no_addresses: bool,
}

/// One subnet of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// The whole of it.
    pub subnet: IpNet,
    /// The host's own address in it.
    #[serde(default)]
    pub gateway: Option<IpAddr>,
    /// The first and the last address for containers; `None`: all.
    #[serde(default)]
    pub range: Option<(IpAddr, IpAddr)>,
    /// Addresses that belong to others, by the name people gave them.
    #[serde(default)]
    pub auxiliary: BTreeMap<String, IpAddr>,
}

impl Subnet {
    /// A subnet with its first address as the gateway.
    pub fn new(subnet: IpNet) -> Subnet {
        let subnet = subnet.trunc();
        Subnet { subnet, gateway: nth(&subnet, 1), range: None, auxiliary: BTreeMap::new() }
    }

    /// The first and the last address that a container may get.
    pub fn bounds(&self) -> (IpAddr, IpAddr) {
        if let Some(range) = self.range {
            return range;
        }
        let first = nth(&self.subnet, 1).unwrap_or(self.subnet.network());
        let last = match self.subnet {
            IpNet::V4(subnet) if subnet.prefix_len() < 31 => IpAddr::V4((u32::from(subnet.broadcast()) - 1).into()),
            IpNet::V4(subnet) => IpAddr::V4(subnet.broadcast()),
            IpNet::V6(subnet) => IpAddr::V6(subnet.broadcast()),
        };
        (first, last)
    }
}

/// The address so many after the first of a subnet, if it lies in it.
pub fn nth(subnet: &IpNet, number: u128) -> Option<IpAddr> {
    let address = match subnet.network() {
        IpAddr::V4(first) => IpAddr::V4(u32::from(first).checked_add(u32::try_from(number).ok()?)?.into()),
        IpAddr::V6(first) => IpAddr::V6(u128::from(first).checked_add(number)?.into()),
    };
    subnet.contains(&address).then_some(address)
}

/// Which address of its subnet it is, counted from the first.
pub fn offset(subnet: &IpNet, address: IpAddr) -> Option<u128> {
    match (subnet.network(), address) {
        (IpAddr::V4(first), IpAddr::V4(address)) => u32::from(address).checked_sub(u32::from(first)).map(u128::from),
        (IpAddr::V6(first), IpAddr::V6(address)) => u128::from(address).checked_sub(u128::from(first)),
        _ => None,
    }
}

/// One more way out of the containers of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where to.
    pub destination: IpNet,
    /// By way of.
    pub gateway: IpAddr,
    /// The cheaper one is taken.
    #[serde(default)]
    pub metric: Option<u32>,
}

impl FromStr for Route {
    type Err = Fault;

    /// `DESTINATION,GATEWAY[,METRIC]`
    fn from_str(text: &str) -> Result<Self, Fault> {
        let bad = || Fault::invalid(format!("invalid route {text:?}: must be DESTINATION,GATEWAY[,METRIC]"));
        let mut parts = text.split(',');
        let destination = parts.next().and_then(|part| part.parse::<IpNet>().ok()).ok_or_else(bad)?.trunc();
        let gateway = parts.next().and_then(|part| part.parse().ok()).ok_or_else(bad)?;
        let metric = parts.next().map(|part| part.parse().map_err(|_| bad())).transpose()?;
        if parts.next().is_some() || destination.addr().is_ipv4() != IpAddr::is_ipv4(&gateway) {
            return Err(bad());
        }
        Ok(Route { destination, gateway, metric })
    }
}

/// A network as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkRecord {
    /// The format: 1.
    #[serde(default)]
    pub version: u32,
    /// 64 hex digits.
    pub id: String,
    /// Never changes.
    pub name: Name,
    /// How frames travel.
    #[serde(default)]
    pub driver: NetworkDriver,
    /// RFC 3339.
    #[serde(default)]
    pub created: String,
    /// The bridge's name on the host; for the others the link that they sit on, empty when they sit on none.
    #[serde(default)]
    pub interface: String,
    /// IPv4 first.
    #[serde(default)]
    pub subnets: Vec<Subnet>,
    /// No way out.
    #[serde(default)]
    pub internal: bool,
    /// Names are answered.
    #[serde(default)]
    pub dns: bool,
    /// Who is asked for other names; empty: whom the host asks.
    #[serde(default)]
    pub dns_servers: Vec<IpAddr>,
    /// As written.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// `--label`
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// `--route`
    #[serde(default)]
    pub routes: Vec<Route>,
    /// `--ipam-driver=none`
    #[serde(default)]
    pub no_addresses: bool,
}

impl NetworkRecord {
    /// The 12 digits that lists show.
    pub fn short_id(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }

    /// The value of the first of these options that was given.
    fn option(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.options.get(*name)).map(String::as_str)
    }

    /// `--opt mtu=`
    pub fn mtu(&self) -> Option<u32> {
        self.option(&["mtu", "com.docker.network.driver.mtu"]).and_then(|text| text.parse().ok()).filter(|mtu| *mtu > 0)
    }

    /// `--opt vlan=`
    pub fn vlan(&self) -> Option<u16> {
        self.option(&["vlan"]).and_then(|text| text.parse().ok())
    }

    /// Whether containers of other networks are kept out: yes, unless `--opt isolate=false`.
    pub fn isolated(&self) -> bool {
        !matches!(self.option(&["isolate"]), Some("false" | "0"))
    }

    /// `--opt com.docker.network.bridge.enable_icc=false`: its containers don't reach each other.
    pub fn separates(&self) -> bool {
        matches!(self.option(&["com.docker.network.bridge.enable_icc"]), Some("false" | "0"))
    }

    /// Whether what leaves gets the host's address.
    pub fn masquerades(&self) -> bool {
        !self.internal
            && !matches!(self.option(&["com.docker.network.bridge.enable_ip_masquerade"]), Some("false" | "0"))
    }

    /// Where ports are published that name no address of the host.
    pub fn publish_address(&self) -> Option<IpAddr> {
        self.option(&["com.docker.network.bridge.host_binding_ipv4"]).and_then(|text| text.parse().ok())
    }

    /// `--opt mode=`, for macvlan and ipvlan.
    pub fn mode(&self) -> Option<&str> {
        self.option(&["mode", "macvlan_mode", "ipvlan_mode"])
    }

    /// The gateway of a family.
    pub fn gateway(&self, ipv4: bool) -> Option<IpAddr> {
        self.subnets.iter().filter_map(|subnet| subnet.gateway).find(|gateway| gateway.is_ipv4() == ipv4)
    }

    /// Whether it is a bridge of ours.
    pub fn is_bridge(&self) -> bool {
        self.driver == NetworkDriver::Bridge
    }

    /// Whether it has addresses of IPv6.
    pub fn ipv6(&self) -> bool {
        self.subnets.iter().any(|subnet| subnet.subnet.addr().is_ipv6())
    }
}

/// What a container asks of one network: `--network NAME:ip=…`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// A network by name or id.
    pub network: String,
    /// `ip=`, `--ip`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// `ip6=`, `--ip6`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip6: Option<IpAddr>,
    /// `mac=`, `--mac-address`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// `alias=`, `--network-alias`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// `interface_name=`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
}

/// What a running container has of one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The network's id.
    pub network: String,
    /// The network's name.
    pub name: String,
    /// In the container: `eth0`.
    pub interface: String,
    /// On the host; empty for macvlan and ipvlan.
    pub host_interface: String,
    /// In the container.
    pub mac: Mac,
    /// With the subnet's length; at most one of each family.
    pub addresses: Vec<IpNet>,
    /// Of the same families.
    pub gateways: Vec<IpAddr>,
    /// Under which names it is known, besides its own.
    #[serde(default)]
    pub aliases: Vec<String>,
}

impl Endpoint {
    /// The address of a family.
    pub fn address(&self, ipv4: bool) -> Option<IpAddr> {
        self.addresses.iter().map(IpNet::addr).find(|address| address.is_ipv4() == ipv4)
    }
}

/// The protocols that have ports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }

    /// As packets have it.
    pub fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Protocol {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Protocol::Tcp),
            "udp" => Ok(Protocol::Udp),
            "sctp" => Ok(Protocol::Sctp),
            _ => Err(Fault::invalid(format!("invalid proto: {text:?}: must be tcp, udp or sctp"))),
        }
    }
}

/// `-p`: as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// The host's address; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The first and the last port of the host; `None`: any that is free. As many as the container's, or more, of
    /// which one that is free is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<(u16, u16)>,
    /// The first and the last port of the container.
    pub container: (u16, u16),
    /// What runs on it.
    #[serde(default)]
    pub protocol: Protocol,
}

/// One published port, as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublishedPort {
    /// The host's address; unspecified: all of its family.
    pub address: IpAddr,
    /// The host's port.
    pub host: u16,
    /// The container's port.
    pub container: u16,
    /// What runs on it.
    pub protocol: Protocol,
}

impl PublishedPort {
    /// Where on the host: `0.0.0.0:8080`, `[::]:8080`.
    pub fn place(&self) -> std::net::SocketAddr {
        std::net::SocketAddr::new(self.address, self.host)
    }
}

/// As podman shows them: all addresses of the host are one line, whatever their family.
pub fn merged(ports: &[PublishedPort]) -> Vec<PublishedPort> {
    let mut merged = ports.to_vec();
    let has = |port: &PublishedPort| {
        let four = PublishedPort { address: IpAddr::from([0, 0, 0, 0]), ..port.clone() };
        ports.contains(&four)
    };
    merged.retain(|port| !(port.address.is_ipv6() && port.address.is_unspecified() && has(port)));
    merged
}

/// What is written down of a container's network while it runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkState {
    /// What it has of its networks; of the owner's, when it lives in another container's namespace.
    pub endpoints: Vec<Endpoint>,
    /// What of it the host passes on.
    pub ports: Vec<PublishedPort>,
    /// Where the resolver listens in the container's namespace; 0: nowhere.
    pub resolver: u16,
    /// The container in whose namespace it lives (`--network container:`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_of: Option<super::id::ContainerId>,
}

/// A network's name, and its run directory: see [`super::zone`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPlace {
    /// The network's name.
    pub name: String,
    /// Its run directory.
    pub dir: PathBuf,
}

/// What a container's monitor serves to it: written to a file of the container, and read again when it changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Services {
    /// Where names are looked up.
    pub networks: Vec<NamedPlace>,
    /// Names that only this container knows (`--link`), with their own in the networks; lower case.
    pub links: Vec<(String, String)>,
    /// Names that are no container's (`host.docker.internal`); lower case.
    pub hosts: Vec<(String, IpAddr)>,
    /// Other names are asked for outside.
    pub outside: bool,
    /// Who is asked; empty: whom the host asks.
    pub servers: Vec<IpAddr>,
    /// Its addresses: where relayed connections go.
    pub target: Vec<IpAddr>,
}

/// What a container asks of networks at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkOptions {
    /// The networks, when its mode is to have some; in order: the first is `eth0`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// `-p`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<PortMapping>,
    /// `-P`
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub publish_all: bool,
    /// `--expose`: `80/tcp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expose: Vec<String>,
    /// `--dns`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// `--dns none`: no resolv.conf of ours.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_resolv_conf: bool,
    /// `--dns-search`; `.` alone: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns_search: Vec<String>,
    /// `--dns-option`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns_options: Vec<String>,
    /// `--link`: container and alias.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_from_the_first() {
        let subnet: IpNet = "10.88.0.0/16".parse().unwrap();
        assert_eq!(nth(&subnet, 258), Some("10.88.1.2".parse().unwrap()));
        assert_eq!(nth(&subnet, 1 << 16), None);
        assert_eq!(offset(&subnet, "10.88.1.2".parse().unwrap()), Some(258));
        let six: IpNet = "fd00:1::/64".parse().unwrap();
        assert_eq!(nth(&six, 258), Some("fd00:1::102".parse().unwrap()));
        let subnet = Subnet::new("10.89.0.5/24".parse().unwrap());
        assert_eq!(subnet.gateway, Some("10.89.0.1".parse().unwrap()));
        assert_eq!(subnet.bounds(), ("10.89.0.1".parse().unwrap(), "10.89.0.254".parse().unwrap()));
    }

    #[test]
    fn routes_are_two_or_three_words() {
        assert!("10.0.0.0/8,10.89.0.9,5".parse::<Route>().is_ok());
        for text in ["", "10.0.0.0/8", "10.0.0.0/8,::1", "10.0.0.0/8,10.0.0.1,x", "10.0.0.0/8,10.0.0.1,1,1"] {
            assert!(text.parse::<Route>().is_err(), "{text}");
        }
    }
}
