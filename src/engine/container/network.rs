//! The network of a container: what it gets when it starts, and what is taken back when it has ended.
//!
//! A start goes in two halves around the monitor's: first all that can be refused (networks, addresses, ports), with
//! the container's namespace being made meanwhile; then, while the monitor sets up the process, the links into that
//! namespace. Names and firewall rules come last, when the container's record says that it runs: whoever makes the
//! rules anew finds it there.

use super::{exited, identity, resolved};
use crate::config::Program;
use crate::engine::{Engine, network};
use crate::fault::{Fault, Kind};
use crate::model::container::{ContainerSpec, NetworkMode};
use crate::model::id::ContainerId;
use crate::model::network::{
    Attachment, DEFAULT, Endpoint, NamedPlace, NetworkDriver, NetworkRecord, NetworkState, PortMapping, Protocol,
    PublishedPort, Services,
};
use crate::monitor::ServicesConfig;
use crate::network::inside::{self, Begun, Inside};
use crate::network::ipam::{Leases, Tenant};
use crate::network::link::{self, Link, Path as Route, Veth};
use crate::network::ports::{self, Held};
use crate::network::{Ground, bridge, names, rules};
use crate::store::{Container, ContainerRecord, ProcessIdentity, Store};
use anyhow::{Context, Result};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

/// What the monitor reads: see [`Services`].
const SERVICES: &str = "network.json";

/// The default network has a name from here on, where there is one.
pub(super) fn settle_mode(engine: &Engine, spec: &mut ContainerSpec) {
    if spec.namespaces.network == NetworkMode::Default && !engine.config.rootless {
        spec.namespaces.network = NetworkMode::Networks;
        if spec.network.attachments.is_empty() {
            spec.network.attachments.push(Attachment::default());
        }
    }
    for attachment in &mut spec.network.attachments {
        if network::is_default(&attachment.network) && attachment.network != "podman" {
            attachment.network = DEFAULT.into();
        }
    }
}

/// What can be refused before anything is made. Ports are tried, and given back.
pub(super) fn check(engine: &Engine, spec: &ContainerSpec) -> Result<()> {
    if spec.namespaces.network == NetworkMode::Networks {
        network::check_possible(engine)?;
        let mut seen = Vec::new();
        for wish in &spec.network.attachments {
            let record = network::find(engine, &wish.network)?;
            if seen.contains(&record.id) {
                return Err(Fault::invalid(format!("network {:?} is specified multiple times", wish.network)).into());
            }
            for address in wish.ip.iter().chain(&wish.ip6) {
                if !record.subnets.iter().any(|subnet| subnet.subnet.contains(address)) {
                    let what = format!("requested static ip {address} not in any subnet on network {}", record.name);
                    return Err(Fault::invalid(what).into());
                }
            }
            seen.push(record.id);
        }
        drop(hold(engine, spec, &[])?);
    } else if !spec.network.publish.is_empty() {
        match spec.namespaces.network {
            // The host's ports are the container's own.
            NetworkMode::Host => log::warn!("Published ports are discarded when using host network mode"),
            NetworkMode::Container(_) => {
                return Err(
                    Fault::invalid("conflicting options: port publishing and the container type network mode").into()
                );
            }
            NetworkMode::Default => {
                return Err(Fault::unsupported("--publish: ordinary users have no bridge network yet").into());
            }
            _ => log::warn!("Published ports are discarded: the container has no network"),
        }
    }
    Ok(())
}

/// The ports that a container asks for, held until it has them. The fewest words are lost when this comes first.
pub(super) fn hold(engine: &Engine, spec: &ContainerSpec, exposed: &[String]) -> Result<Vec<Held>> {
    if spec.namespaces.network != NetworkMode::Networks {
        return Ok(Vec::new());
    }
    let wanted = wanted_ports(engine, spec, exposed)?;
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let ipv6 = std::path::Path::new("/proc/sys/net/ipv6").exists();
    ports::hold(&wanted, ipv6, &|port, protocol| publisher(&engine.store, port, protocol))
}

fn wanted_ports(engine: &Engine, spec: &ContainerSpec, exposed: &[String]) -> Result<Vec<PortMapping>> {
    let mut wanted = spec.network.publish.clone();
    if spec.network.publish_all {
        for text in exposed.iter().chain(&spec.network.expose) {
            let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
            let Ok(number) = number.parse::<u16>() else { continue };
            let protocol: Protocol = protocol.parse()?;
            let known = wanted
                .iter()
                .any(|one| one.protocol == protocol && (one.container.0..=one.container.1).contains(&number));
            if !known {
                wanted.push(PortMapping { address: None, host: None, container: (number, number), protocol });
            }
        }
    }
    if wanted.is_empty() {
        return Ok(wanted);
    }
    let first = spec.network.attachments.first().map(|wish| network::find(engine, &wish.network)).transpose()?;
    if let Some(address) = first.and_then(|network| network.publish_address()) {
        wanted.iter_mut().for_each(|mapping| mapping.address = mapping.address.or(Some(address)));
    }
    Ok(wanted)
}

/// The container that publishes a port.
fn publisher(store: &Store, port: u16, protocol: Protocol) -> Option<String> {
    let containers = store.containers().ok()?;
    let holder = containers
        .iter()
        .find(|container| container.network.ports.iter().any(|one| one.host == port && one.protocol == protocol));
    holder.map(|container| container.name.to_string())
}

/// One link into a container, on its way.
struct Wire {
    network: NetworkRecord,
    /// The bridge; for macvlan and ipvlan the link that it sits on.
    base: Link,
    endpoint: Endpoint,
}

/// A container's network on its way; dropped without [`Wiring::keep`], it is taken back.
pub(super) struct Wiring<'a> {
    engine: &'a Engine,
    id: ContainerId,
    /// What the container's record is to say.
    pub(super) state: NetworkState,
    ground: Option<Ground>,
    wires: Vec<Wire>,
    begun: Option<Begun>,
    inside: Option<Inside>,
    held: Vec<Held>,
    known: Vec<String>,
    admitted: Option<Box<ContainerRecord>>,
    kept: bool,
}

impl<'a> Wiring<'a> {
    /// The first half: everything that needs no process.
    pub(super) fn begin(engine: &'a Engine, container: &Container, held: Vec<Held>) -> Result<Wiring<'a>> {
        let mut wiring = Wiring {
            engine,
            id: container.id.clone(),
            state: NetworkState::default(),
            ground: None,
            wires: Vec::new(),
            begun: None,
            inside: None,
            held,
            known: Vec::new(),
            admitted: None,
            kept: false,
        };
        match &container.spec.namespaces.network {
            NetworkMode::Networks => wiring.plan(container)?,
            NetworkMode::Container(name) => wiring.join(name)?,
            _ => {}
        }
        Ok(wiring)
    }

    fn plan(&mut self, container: &Container) -> Result<()> {
        network::check_possible(self.engine)?;
        let spec = &container.spec;
        let mut networks = Vec::new();
        for wish in &spec.network.attachments {
            networks.push((wish, network::find(self.engine, &wish.network)?));
        }
        let resolver = networks.iter().any(|(_, network)| network.dns);
        self.state.resolver = u16::from(resolver);
        // A namespace that belongs to a user namespace of the container's own is made in there.
        if resolved(container).ids.is_none() {
            self.begun = Some(inside::begin(resolver)?);
        }
        let mut ground = Ground::here()?;
        let mut fresh = false;
        for (index, (wish, network)) in networks.into_iter().enumerate() {
            let (base, made) = base(&mut ground, &network)?;
            fresh |= made;
            let endpoint = self.endpoint(container, wish, &network, index)?;
            self.state.endpoints.push(endpoint.clone());
            self.wires.push(Wire { network, base, endpoint });
        }
        if fresh {
            rules::render(&self.engine.store, &mut ground)?;
        }
        self.state.ports = self.held.iter().map(|held| held.port.clone()).collect();
        self.ground = Some(ground);
        if let Some(begun) = self.begun.take() {
            self.take_inside(begun.finish()?);
        }
        Ok(())
    }

    fn take_inside(&mut self, inside: Inside) {
        self.state.resolver = inside.resolver.as_ref().map_or(0, |resolver| resolver.port);
        self.inside = Some(inside);
    }

    /// What it gets of one network: addresses are leased here.
    fn endpoint(
        &self,
        container: &Container,
        wish: &Attachment,
        network: &NetworkRecord,
        index: usize,
    ) -> Result<Endpoint> {
        lease(self.engine, container, wish, network, index, &self.state.endpoints)
    }

    /// In another container's namespace, with that one's resolver, which then is ours as well.
    fn join(&mut self, name: &str) -> Result<()> {
        let owner = self.engine.store.find_container(name)?.id.clone();
        let owner = exited::settled(self.engine, &owner)?;
        let state = &owner.network;
        self.state = NetworkState {
            endpoints: state.endpoints.clone(),
            ports: Vec::new(),
            resolver: state.resolver,
            guest_of: Some(state.guest_of.clone().unwrap_or_else(|| owner.id.clone())),
        };
        if state.resolver > 0 {
            self.inside = Some(inside::enter(namespace_of(self.engine, &owner)?, Some(state.resolver))?);
        }
        if let Some(owner) = &self.state.guest_of {
            guests::add(&self.engine.store, owner, &self.id)?;
        }
        Ok(())
    }

    /// The namespace, for the monitor; none where it is made later, or is another's.
    pub(super) fn namespace(&self) -> Result<Option<OwnedFd>> {
        match (&self.inside, &self.state.guest_of) {
            (Some(inside), None) => Ok(Some(inside.namespace.try_clone()?)),
            _ => Ok(None),
        }
    }

    /// The links, while the monitor does its part.
    pub(super) fn connect(&mut self) -> Result<()> {
        let (Some(ground), Some(inside)) = (&mut self.ground, &mut self.inside) else { return Ok(()) };
        let ways = ways(&self.wires);
        for (index, wire) in self.wires.iter_mut().enumerate() {
            plug(ground, inside, wire, &ways[index])?;
            self.state.endpoints[index] = wire.endpoint.clone();
        }
        Ok(())
    }

    /// The same for a container whose namespace came with its process.
    pub(super) fn connect_late(&mut self, process: &ProcessIdentity) -> Result<()> {
        if self.ground.is_none() || self.inside.is_some() {
            return Ok(());
        }
        let namespace = identity::network_namespace(self.engine, Some(process))?;
        let namespace = namespace.context("the container's process ended before it had its networks")?;
        let resolver = (self.state.resolver > 0).then_some(0);
        self.take_inside(inside::enter(namespace, resolver)?);
        self.connect()
    }

    /// Names and rules: the container's record says by now that it runs.
    pub(super) fn admit(&mut self, container: &Container) -> Result<()> {
        let Some(ground) = &mut self.ground else { return Ok(()) };
        self.admitted = Some(Box::new((**container).clone()));
        rules::admit(&self.engine.store, ground, container)?;
        self.known = own_names(container);
        for wire in self.wires.iter().filter(|wire| wire.network.dns) {
            let mut all = self.known.clone();
            all.extend(wire.endpoint.aliases.iter().cloned());
            let addresses: Vec<IpAddr> = wire.endpoint.addresses.iter().map(IpNet::addr).collect();
            names::join(&self.engine.store.network_run_dir(&wire.network.id), &self.id, &all, &addresses)?;
        }
        Ok(())
    }

    /// What the monitor is to serve; the file that it reads is written.
    pub(super) fn services(&self, container: &Container) -> Result<Option<ServicesConfig>> {
        if self.state.resolver == 0 && self.state.ports.is_empty() {
            return Ok(None);
        }
        let path = write_services(self.engine, container, &self.state)?;
        let ports = self.held.iter().filter(|held| held.socket.is_some()).map(|held| held.port.clone()).collect();
        Ok(Some(ServicesConfig { path, resolver: self.state.resolver > 0, ports }))
    }

    /// The sockets of all that, for the monitor.
    pub(super) fn sockets(&mut self) -> Vec<OwnedFd> {
        let mut sockets = Vec::new();
        if let Some(resolver) = self.inside.as_mut().and_then(|inside| inside.resolver.take()) {
            sockets.extend([resolver.udp, resolver.tcp]);
        }
        sockets.extend(self.held.drain(..).filter_map(|held| held.socket));
        sockets
    }

    /// It runs.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Wiring<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if let (Some(record), Some(ground)) = (&self.admitted, &mut self.ground)
            && let Err(error) = rules::dismiss(&self.engine.store, ground, record)
        {
            log::warn!("{error:#}");
        }
        if let Some(owner) = &self.state.guest_of {
            guests::remove(&self.engine.store, owner, &self.id);
        }
        give_back(&self.engine.store, &self.id, &self.state, &self.known);
    }
}

/// The bridge, or the link that a macvlan sits on; `true`: the rules don't know it yet.
fn base(ground: &mut Ground, network: &NetworkRecord) -> Result<(Link, bool)> {
    if network.is_bridge() {
        return bridge::ensure(ground, network);
    }
    let found = match network.interface.as_str() {
        "" => {
            let index = link::default_link(&mut ground.route)?;
            let links = link::list(&mut ground.route)?;
            links.into_iter().find(|link| Some(link.index) == index)
        }
        name => link::find(&mut ground.route, name)?,
    };
    let missing = || {
        Fault::not_found(format!("network {}: the parent interface {:?} is not there", network.name, network.interface))
            .hint("`ip link` shows those that are; name one with --opt parent=NAME")
    };
    Ok((found.ok_or_else(missing)?, false))
}

/// Leases addresses of a network for a container.
fn lease(
    engine: &Engine,
    container: &Container,
    wish: &Attachment,
    network: &NetworkRecord,
    index: usize,
    others: &[Endpoint],
) -> Result<Endpoint> {
    let wanted: Vec<IpAddr> = wish.ip.iter().chain(&wish.ip6).copied().collect();
    let holds = |id: &ContainerId, address: IpAddr| holds(&engine.store, id, address, None);
    let tenant = Tenant { id: &container.id, name: container.name.as_str(), holds: &holds };
    let addresses = match network.no_addresses {
        true => Vec::new(),
        false => Leases::of(&engine.store.network_run_dir(&network.id)).take(network, &wanted, &tenant)?,
    };
    let mac = wish.mac.unwrap_or_else(|| match addresses.first() {
        Some(address) => crate::model::mac::Mac::of(address.addr()),
        None => {
            let byte = |at: usize| u8::from_str_radix(&container.id.as_str()[at..at + 2], 16).unwrap_or(0);
            crate::model::mac::Mac([0x02, 0x42, byte(0), byte(2), byte(4), index as u8])
        }
    });
    let free = |name: &String| !others.iter().any(|other| other.interface == *name);
    let interface = match &wish.interface {
        Some(name) => name.clone(),
        None => (0..).map(|number| format!("eth{number}")).find(free).unwrap_or_default(),
    };
    let gateways = [true, false].into_iter().filter_map(|ipv4| network.gateway(ipv4)).collect();
    let host_interface = match network.is_bridge() {
        true => format!("vb{}{}", &container.id.as_str()[..8], index),
        false => String::new(),
    };
    Ok(Endpoint {
        network: network.id.clone(),
        name: network.name.to_string(),
        interface,
        host_interface,
        mac,
        addresses,
        gateways,
        aliases: wish.aliases.clone(),
    })
}

/// For each link, which families' default route it gets: the first that has a way out.
fn ways(wires: &[Wire]) -> Vec<[bool; 2]> {
    let mut found = [false; 2];
    wires
        .iter()
        .map(|wire| {
            let mut own = [false; 2];
            for (index, ipv4) in [true, false].into_iter().enumerate() {
                let leads = !wire.network.internal
                    && wire.network.gateway(ipv4).is_some()
                    && wire.endpoint.address(ipv4).is_some();
                own[index] = leads && !found[index];
                found[index] |= leads;
            }
            own
        })
        .collect()
}

/// Makes a link, and gives it its addresses and routes inside.
fn plug(ground: &mut Ground, inside: &mut Inside, wire: &mut Wire, ways: &[bool; 2]) -> Result<()> {
    let about = format!("connecting to network {}", wire.network.name);
    let (network, base) = (&wire.network, &wire.base);
    let ipv6 = ground.ipv6;
    let mtu = network.mtu().or((base.mtu != 1500).then_some(base.mtu)).filter(|mtu| *mtu <= 65535);
    let interface = wire.endpoint.interface.clone();
    let made = Veth {
        name: "",
        master: base.index,
        inside: &interface,
        mac: wire.endpoint.mac,
        mtu,
        ipv6,
        isolated: network.separates(),
    };
    match network.driver {
        NetworkDriver::Bridge => {
            // The last one of that name may not be quite gone, or live on with a guest.
            let first = wire.endpoint.host_interface.clone();
            let names = std::iter::once(first.clone()).chain(('a'..='z').map(|letter| format!("{first}{letter}")));
            let mut outcome = Ok(());
            for name in names {
                outcome =
                    link::add_veth(&mut ground.route, &Veth { name: &name, ..made.clone() }, inside.namespace.as_fd());
                match &outcome {
                    Err(refused) if refused.errno == libc::EEXIST => {}
                    _ => {
                        wire.endpoint.host_interface = name;
                        break;
                    }
                }
            }
            outcome.with_context(|| about.clone())?;
        }
        driver => {
            let mode = match (driver, network.mode()) {
                (NetworkDriver::Macvlan, Some("private")) => 1,
                (NetworkDriver::Macvlan, Some("vepa")) => 2,
                (NetworkDriver::Macvlan, Some("passthru")) => 8,
                (NetworkDriver::Macvlan, _) => 4,
                (_, Some("l3")) => 1,
                (_, Some("l3s")) => 2,
                _ => 0,
            };
            link::add_sublink(&mut ground.route, driver.name(), mode, base.index, &made, inside.namespace.as_fd())
                .map_err(|refused| {
                    let kind = if refused.errno == libc::EOPNOTSUPP { Kind::Unsupported } else { Kind::Internal };
                    Fault::new(kind, format!("{about}: making a {} link on {}: {refused}", driver.name(), base.name))
                })?;
        }
    }
    let index = link::find(&mut inside.route, &wire.endpoint.interface)?
        .with_context(|| format!("{about}: the link is not there"))?
        .index;
    let mut routes = Vec::new();
    for (at, (ipv4, everywhere)) in [
        (true, IpNet::V4(Ipv4Net::new(Ipv4Addr::UNSPECIFIED, 0)?)),
        (false, IpNet::V6(Ipv6Net::new(Ipv6Addr::UNSPECIFIED, 0)?)),
    ]
    .into_iter()
    .enumerate()
    {
        if let Some(gateway) = wire.network.gateway(ipv4).filter(|_| ways[at] && (ipv4 || ipv6)) {
            routes.push(route(index, everywhere, gateway, None));
        }
    }
    for more in &wire.network.routes {
        routes.push(route(index, more.destination, more.gateway, more.metric));
    }
    let mut addresses = wire.endpoint.addresses.clone();
    addresses.retain(|address| address.addr().is_ipv4() || ipv6);
    link::dress_inside(&mut inside.route, index, &addresses, &routes).with_context(|| about)
}

fn route(link: u32, destination: IpNet, gateway: IpAddr, metric: Option<u32>) -> Route {
    Route { destination, gateway: Some(gateway), link, table: libc::RT_TABLE_MAIN.into(), metric, source: None }
}

/// What a container is called in every network of its.
fn own_names(record: &ContainerRecord) -> Vec<String> {
    let mut names = vec![record.name.to_string(), record.id.short().to_string()];
    names.extend(record.spec.hostname.clone());
    names
}

/// Writes what the container's monitor reads; returns where.
fn write_services(engine: &Engine, container: &Container, state: &NetworkState) -> Result<PathBuf> {
    let mut services = Services { servers: container.spec.network.dns.clone(), ..Services::default() };
    let mut own_servers = Vec::new();
    for endpoint in &state.endpoints {
        let Some(network) = engine.store.find_network(&endpoint.network)? else { continue };
        if network.dns {
            let dir = engine.store.network_run_dir(&network.id);
            services.networks.push(NamedPlace { name: network.name.as_str().to_ascii_lowercase(), dir });
        }
        services.outside |= !network.internal;
        own_servers.extend(network.dns_servers.iter().copied());
        services.target.extend(endpoint.addresses.iter().map(IpNet::addr));
    }
    if services.servers.is_empty() {
        services.servers = own_servers;
    }
    for (name, alias) in &container.spec.network.links {
        services.links.push((alias.to_ascii_lowercase(), name.to_ascii_lowercase()));
    }
    for gateway in gateways(state) {
        for name in HOST_NAMES {
            services.hosts.push((name.to_string(), gateway));
        }
    }
    let path = container.dirs().run.join(SERVICES);
    let temporary = container.dirs().run.join(format!("{SERVICES}.new"));
    std::fs::write(&temporary, serde_json::to_vec(&services)?)
        .and_then(|()| std::fs::rename(&temporary, &path))
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

/// Under which the host is known to a container.
pub(super) const HOST_NAMES: [&str; 2] = ["host.containers.internal", "host.docker.internal"];

/// The host's addresses in the first network that has some: where a container finds it.
pub(super) fn gateways(state: &NetworkState) -> Vec<IpAddr> {
    state
        .endpoints
        .iter()
        .find(|endpoint| !endpoint.gateways.is_empty())
        .map(|one| one.gateways.clone())
        .unwrap_or_default()
}

/// `--link`: the other containers' addresses, for the hosts file; names that are not there now are the resolver's.
pub(super) fn linked(engine: &Engine, container: &Container) -> Result<Vec<(String, IpAddr)>> {
    let mut found = Vec::new();
    for (name, alias) in &container.spec.network.links {
        for endpoint in &container.network.endpoints {
            let dir = engine.store.network_run_dir(&endpoint.network);
            found.extend(names::look_up(&dir, name).into_iter().map(|address| (alias.clone(), address)));
        }
    }
    Ok(found)
}

/// Takes back what a container had, when its process is gone. Does nothing the second time.
pub(super) fn release(engine: &Engine, record: &ContainerRecord) {
    if record.network == NetworkState::default() {
        return;
    }
    let store = &engine.store;
    if let Some(owner) = &record.network.guest_of {
        guests::remove(store, owner, &record.id);
    } else if !record.network.endpoints.is_empty() {
        let outcome = Ground::here().and_then(|mut ground| rules::dismiss(store, &mut ground, record));
        if let Err(error) = outcome {
            log::warn!("taking back the network of {}: {error:#}", record.id.short());
        }
    }
    give_back(store, &record.id, &record.network, &own_names(record));
}

fn give_back(store: &Store, id: &ContainerId, state: &NetworkState, known: &[String]) {
    let owner = state.guest_of.as_ref().unwrap_or(id);
    let shared = !guests::of(store, owner).is_empty() || state.guest_of.is_some();
    for endpoint in &state.endpoints {
        let dir = store.network_run_dir(&endpoint.network);
        if state.guest_of.is_none() {
            let mut all = known.to_vec();
            all.extend(endpoint.aliases.iter().cloned());
            names::leave(&dir, id, &all);
        }
        let mut addresses = endpoint.addresses.clone();
        if shared {
            // Whoever lives on in the namespace still has them.
            addresses.retain(|address| !holds(store, owner, address.addr(), Some(id)));
        }
        Leases::of(&dir).give_back(&addresses, owner);
    }
}

/// Whether a container, or one that lives in its namespace, has an address; `without` is not asked.
fn holds(store: &Store, id: &ContainerId, address: IpAddr, without: Option<&ContainerId>) -> bool {
    let has = |container: &Container| {
        exited::runs(container)
            && Some(&container.id) != without
            && container.network.endpoints.iter().any(|endpoint| endpoint.address(address.is_ipv4()) == Some(address))
    };
    if store.find_container(id.as_str()).is_ok_and(|container| has(&container) && container.network.guest_of.is_none())
    {
        return true;
    }
    guests::of(store, id)
        .iter()
        .any(|guest| store.find_container(guest.as_str()).is_ok_and(|container| has(&container)))
}

/// The sockets of a container that lost its monitor, for the one that takes over.
pub(super) fn again(engine: &Engine, container: &Container) -> Result<(Option<ServicesConfig>, Vec<OwnedFd>)> {
    let state = &container.network;
    if state.resolver == 0 && state.ports.is_empty() {
        return Ok((None, Vec::new()));
    }
    let path = write_services(engine, container, state)?;
    let mut config = ServicesConfig { path, resolver: false, ports: Vec::new() };
    let mut sockets = Vec::new();
    if state.resolver > 0
        && let Some(namespace) = identity::network_namespace(engine, container.process.as_ref())?
        && let Some(resolver) = inside::enter(namespace, Some(state.resolver))?.resolver
    {
        config.resolver = true;
        sockets.extend([resolver.udp, resolver.tcp]);
    }
    for port in &state.ports {
        let mapping = PortMapping {
            address: Some(port.address),
            host: Some((port.host, port.host)),
            container: (port.container, port.container),
            protocol: port.protocol,
        };
        match ports::hold(&[mapping], true, &|_, _| None) {
            Ok(held) => {
                for held in held {
                    sockets.extend(held.socket);
                    config.ports.push(held.port);
                }
            }
            // Somebody was faster while nobody held it; the firewall passes it on all the same.
            Err(error) => log::warn!("{error:#}"),
        }
    }
    Ok((Some(config), sockets))
}

/// What a change of networks needs: the container that runs, its namespace, and the host's.
fn open_running(engine: &Engine, container: &Container) -> Result<(Ground, Inside)> {
    Ok((Ground::here()?, inside::enter(namespace_of(engine, container)?, None)?))
}

/// The network namespace of a container, which must live for that.
fn namespace_of(engine: &Engine, container: &Container) -> Result<OwnedFd> {
    identity::network_namespace(engine, container.process.as_ref())?.ok_or_else(|| {
        let what = format!("container {} is not running: its network can't be entered", container.id.short());
        let start = format!("`barge start {}` first", container.id.short());
        Fault::conflict(what).hint(start).into()
    })
}

/// One more network for a container, also while it runs.
pub(crate) fn attach(engine: &Engine, id: &ContainerId, wish: Attachment) -> Result<()> {
    let network = network::find(engine, &wish.network)?;
    let mut container = engine.store.lock_container(id)?;
    exited::settle(engine, &mut container)?;
    check_changeable(&container)?;
    if is_attached(engine, &container, &network)? {
        return Err(Fault::conflict(match engine.config.program {
            Program::Docker => {
                format!("endpoint with name {} already exists in network {}", container.name, network.name)
            }
            _ => format!(
                "container {id} is already connected to network {:?}: network is already connected",
                network.name.as_str()
            ),
        })
        .into());
    }
    if exited::runs(&container) {
        let (mut ground, mut inside) = open_running(engine, &container)?;
        let (base, _) = base(&mut ground, &network)?;
        let others = container.network.endpoints.clone();
        let endpoint = lease(engine, &container, &wish, &network, others.len(), &others)?;
        let mut wire = Wire { network, base, endpoint };
        let mut way = [false; 2];
        for (index, ipv4) in [true, false].into_iter().enumerate() {
            let led = default_way(engine, &others, ipv4)?.is_some();
            way[index] = !led && !wire.network.internal && wire.endpoint.address(ipv4).is_some();
        }
        if let Err(error) = plug(&mut ground, &mut inside, &mut wire, &way) {
            let dir = engine.store.network_run_dir(&wire.network.id);
            Leases::of(&dir).give_back(&wire.endpoint.addresses, id);
            return Err(error);
        }
        let record = container.record_mut();
        record.network.endpoints.push(wire.endpoint.clone());
        record.spec.network.attachments.push(Attachment { network: wire.network.name.to_string(), ..wish });
        container.save()?;
        let addresses: Vec<IpAddr> = wire.endpoint.addresses.iter().map(IpNet::addr).collect();
        if wire.network.dns {
            let mut all = own_names(&container);
            all.extend(wire.endpoint.aliases.iter().cloned());
            names::join(&engine.store.network_run_dir(&wire.network.id), id, &all, &addresses)?;
        }
        write_services(engine, &container, &container.network)?;
        let names = format!("{} {}", seen_name(&container), container.name);
        let lines: String = addresses.iter().map(|address| format!("{address}\t{names}\n")).collect();
        edit_hosts(&container, |text| text + &lines)?;
        return rules::render(&engine.store, &mut ground);
    }
    let record = container.record_mut();
    record.spec.network.attachments.push(Attachment { network: network.name.to_string(), ..wish });
    container.save()
}

/// One network less.
pub(crate) fn detach(engine: &Engine, id: &ContainerId, name: &str) -> Result<()> {
    let network = network::find(engine, name)?;
    let mut container = engine.store.lock_container(id)?;
    exited::settle(engine, &mut container)?;
    check_changeable(&container)?;
    if !is_attached(engine, &container, &network)? {
        return Err(Fault::conflict(match engine.config.program {
            Program::Docker => format!("container {id} is not connected to network {}", network.name),
            _ => format!("container {id} is not connected to network {}: network is not connected", network.name),
        })
        .into());
    }
    let position = container.network.endpoints.iter().position(|endpoint| endpoint.network == network.id);
    let mut left = Vec::new();
    for wish in &container.spec.network.attachments {
        if network::find(engine, &wish.network).map(|other| other.id != network.id).unwrap_or(true) {
            left.push(wish.clone());
        }
    }
    let Some(position) = position.filter(|_| exited::runs(&container)) else {
        container.record_mut().spec.network.attachments = left;
        return container.save();
    };
    let (mut ground, mut inside) = open_running(engine, &container)?;
    let endpoint = container.network.endpoints[position].clone();
    let (socket, link) = match endpoint.host_interface.is_empty() {
        true => (&mut inside.route, &endpoint.interface),
        false => (&mut ground.route, &endpoint.host_interface),
    };
    link::remove(socket, link).with_context(|| format!("disconnecting from network {}", network.name))?;
    let record = container.record_mut();
    record.spec.network.attachments = left;
    record.network.endpoints.remove(position);
    container.save()?;
    let dir = engine.store.network_run_dir(&network.id);
    let mut all = own_names(&container);
    all.extend(endpoint.aliases.iter().cloned());
    names::leave(&dir, id, &all);
    Leases::of(&dir).give_back(&endpoint.addresses, id);
    write_services(engine, &container, &container.network)?;
    let gone: Vec<String> = endpoint.addresses.iter().map(|address| format!("{}\t", address.addr())).collect();
    edit_hosts(&container, |text| {
        let lines = text.lines().filter(|line| !gone.iter().any(|address| line.starts_with(address.as_str())));
        lines.map(|line| format!("{line}\n")).collect()
    })?;
    // The way out may have gone with it: the next one leads out now.
    for ipv4 in [true, false] {
        let Some((index, gateway)) = default_way(engine, &container.network.endpoints, ipv4)? else { continue };
        let interface = &container.network.endpoints[index].interface;
        let Some(link) = link::find(&mut inside.route, interface)? else { continue };
        let everywhere = match ipv4 {
            true => IpNet::V4(Ipv4Net::new(Ipv4Addr::UNSPECIFIED, 0)?),
            false => IpNet::V6(Ipv6Net::new(Ipv6Addr::UNSPECIFIED, 0)?),
        };
        link::dress_inside(&mut inside.route, link.index, &[], &[route(link.index, everywhere, gateway, None)])?;
    }
    rules::render(&engine.store, &mut ground)
}

/// Which of these leads out, and by way of which gateway.
fn default_way(engine: &Engine, endpoints: &[Endpoint], ipv4: bool) -> Result<Option<(usize, IpAddr)>> {
    for (index, endpoint) in endpoints.iter().enumerate() {
        let gateway = endpoint.gateways.iter().find(|gateway| gateway.is_ipv4() == ipv4);
        if let (Some(gateway), Some(_)) = (gateway, endpoint.address(ipv4))
            && engine.store.find_network(&endpoint.network)?.is_some_and(|network| !network.internal)
        {
            return Ok(Some((index, *gateway)));
        }
    }
    Ok(None)
}

fn check_changeable(container: &Container) -> Result<()> {
    if container.spec.namespaces.network == NetworkMode::Networks {
        return Ok(());
    }
    Err(Fault::conflict(format!(
        "container {} has no networks of its own: only containers with bridge networks can be connected: invalid network mode",
        container.name
    ))
    .hint("create it with --network=NAME")
    .into())
}

fn is_attached(engine: &Engine, container: &Container, network: &NetworkRecord) -> Result<bool> {
    for wish in &container.spec.network.attachments {
        if network::find(engine, &wish.network).is_ok_and(|known| known.id == network.id) {
            return Ok(true);
        }
    }
    Ok(container.network.endpoints.iter().any(|endpoint| endpoint.network == network.id))
}

fn seen_name(record: &ContainerRecord) -> String {
    record.spec.hostname.clone().unwrap_or_else(|| record.id.short().to_string())
}

/// Changes the hosts file that the container sees. In place: it is mounted there.
fn edit_hosts(container: &Container, change: impl FnOnce(String) -> String) -> Result<()> {
    let path = container.dirs().run.join("hosts");
    match std::fs::read_to_string(&path) {
        Ok(text) => std::fs::write(&path, change(text)).with_context(|| format!("writing {}", path.display())),
        // `--no-hosts`
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// A container as it truly is, if it runs.
pub(crate) fn settled(engine: &Engine, id: &ContainerId) -> Result<Option<Container>> {
    Ok(Some(exited::settled(engine, id)?).filter(exited::runs))
}

/// Rewrites what the monitors of a network's containers read.
pub(crate) fn tell(engine: &Engine, container: &Container) -> Result<()> {
    match container.network.resolver > 0 && exited::runs(container) {
        true => write_services(engine, container, &container.network).map(drop),
        false => Ok(()),
    }
}

/// The published ports, as lists show them: those of a running container.
pub(super) fn published(container: &Container) -> &[PublishedPort] {
    if exited::runs(container) { &container.network.ports } else { &[] }
}

/// Who lives in whose namespace: empty files, so that a container that ends need not read everybody's record.
mod guests {
    use crate::model::id::ContainerId;
    use crate::store::Store;
    use anyhow::{Context, Result};
    use std::path::PathBuf;

    fn dir(store: &Store) -> PathBuf {
        store.layout().run_networks().join("guests")
    }

    pub(super) fn add(store: &Store, owner: &ContainerId, guest: &ContainerId) -> Result<()> {
        let dir = dir(store).join(owner.as_str());
        let path = dir.join(guest.as_str());
        std::fs::create_dir_all(&dir)
            .and_then(|()| std::fs::write(&path, b""))
            .with_context(|| format!("writing {}", path.display()))
    }

    pub(super) fn remove(store: &Store, owner: &ContainerId, guest: &ContainerId) {
        let dir = dir(store).join(owner.as_str());
        let _ = std::fs::remove_file(dir.join(guest.as_str()));
        // Only when it is empty.
        let _ = std::fs::remove_dir(dir);
    }

    pub(super) fn of(store: &Store, owner: &ContainerId) -> Vec<ContainerId> {
        let entries = std::fs::read_dir(dir(store).join(owner.as_str())).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }
}
