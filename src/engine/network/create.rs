//! `network create`: a record; the bridge comes with the first container.

use super::OTHERS;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::model::name::Name;
use crate::model::network::{DEFAULT, NetworkDriver, NetworkRecord, NetworkSpec, Subnet, offset};
use crate::network::{Ground, ipam, link};
use anyhow::{Context, Result};
use ipnet::IpNet;

/// Makes a network; durable when it returns.
pub fn create(engine: &Engine, spec: &NetworkSpec) -> Result<NetworkRecord> {
    super::check_possible(engine)?;
    if let Some(name) = &spec.name {
        let name = name.as_str();
        if OTHERS.contains(&name) || name == DEFAULT || matches!(name, "default" | "container" | "private" | "ns") {
            return Err(Fault::conflict(format!(
                "cannot create network with name {name:?} because it conflicts with a valid network mode"
            ))
            .into());
        }
    }
    make(engine, spec, false)
}

/// The same for any name. `existing`: one that is there already is as good.
pub(super) fn make(engine: &Engine, spec: &NetworkSpec, existing: bool) -> Result<NetworkRecord> {
    super::check_possible(engine)?;
    let mut ground = Ground::here()?;
    let lock = engine.store.lock_networks()?;
    let known = engine.store.networks()?;
    if let Some(name) = &spec.name
        && let Some(network) = known.iter().find(|network| network.name == *name)
    {
        if existing {
            return Ok(network.clone());
        }
        return Err(Fault::conflict(format!("network name {name} already used: network already exists")).into());
    }
    let id = crate::engine::random_id()?;
    let name = match &spec.name {
        Some(name) => name.clone(),
        None => free_name(&known)?,
    };
    let routed = link::routed(&mut ground.route).context("looking at the host's routes")?;
    let others: Vec<IpNet> = known.iter().flat_map(|network| &network.subnets).map(|subnet| subnet.subnet).collect();
    let is_default = name.as_str() == DEFAULT;
    let mut subnets = spec.subnets.clone();
    for subnet in &subnets {
        check_subnet(spec, subnet, &others, &routed)?;
    }
    if !spec.no_addresses {
        if !subnets.iter().any(|subnet| subnet.subnet.addr().is_ipv4()) {
            let taken: Vec<IpNet> = others.iter().chain(&routed).copied().collect();
            subnets.insert(0, ipam::free_subnet(is_default, &taken)?);
        }
        let wants_ipv6 = spec.ipv6.unwrap_or(spec.driver == NetworkDriver::Bridge && ground.ipv6);
        if wants_ipv6 && !subnets.iter().any(|subnet| subnet.subnet.addr().is_ipv6()) {
            subnets.push(ipam::local_subnet(id.as_str())?);
        }
        subnets.sort_by_key(|subnet| subnet.subnet.addr().is_ipv6());
    }
    let options = &spec.options;
    let interface = match (spec.driver, &spec.interface, options.get("com.docker.network.bridge.name")) {
        (_, Some(name), _) => name.clone(),
        (NetworkDriver::Bridge, None, Some(name)) => name.clone(),
        (NetworkDriver::Bridge, None, None) => {
            let links = link::list(&mut ground.route).context("looking at the host's links")?;
            let taken = |name: &str| {
                known.iter().any(|network| network.interface == name) || links.iter().any(|link| link.name == name)
            };
            (u32::from(!is_default)..)
                .map(|number| format!("barge{number}"))
                .find(|name| !taken(name))
                .unwrap_or_default()
        }
        (_, None, _) => options.get("parent").cloned().unwrap_or_default(),
    };
    crate::model::container::grammar::parse_interface(if interface.is_empty() { "x" } else { &interface })?;
    if let Some(network) = known.iter().find(|network| network.is_bridge() && network.interface == interface) {
        return Err(
            Fault::conflict(format!("bridge name {interface} already in use by network {}", network.name)).into()
        );
    }
    let record = NetworkRecord {
        version: 1,
        id: id.to_string(),
        name,
        driver: spec.driver,
        created: jiff::Timestamp::now().to_string(),
        interface,
        subnets,
        internal: spec.internal,
        dns: !spec.no_dns && spec.driver == NetworkDriver::Bridge,
        dns_servers: spec.dns.clone(),
        options: spec.options.clone(),
        labels: spec.labels.clone(),
        routes: spec.routes.clone(),
        no_addresses: spec.no_addresses,
    };
    check_options(&record)?;
    lock.save(&record)?;
    Ok(record)
}

fn check_subnet(spec: &NetworkSpec, subnet: &Subnet, others: &[IpNet], routed: &[IpNet]) -> Result<()> {
    let net = &subnet.subnet;
    let own = spec.subnets.iter().filter(|other| ipam::overlap(&other.subnet, net)).count();
    // macvlan and ipvlan live in somebody else's subnet.
    let bridge = spec.driver == NetworkDriver::Bridge;
    let taken = others.iter().chain(routed.iter().filter(|_| bridge)).find(|other| ipam::overlap(other, net));
    if own > 1 {
        return Err(Fault::invalid(format!("subnet {net} is given twice")).into());
    }
    if let Some(other) = taken {
        return Err(Fault::conflict(format!("subnet {net} is already used on the host or by another config"))
            .hint(format!("{other} overlaps it; `ip route` and `barge network inspect` show who has that"))
            .into());
    }
    let most = if net.addr().is_ipv4() { 30 } else { 126 };
    if net.prefix_len() > most {
        return Err(Fault::invalid(format!("subnet {net} is too small: there is no room for a container")).into());
    }
    let inside = subnet.gateway.iter().chain(subnet.auxiliary.values());
    for address in inside.chain(subnet.range.iter().flat_map(|(first, last)| [first, last])) {
        if !net.contains(address) {
            let what = format!("address {address} is not in subnet {net}: invalid argument");
            return Err(Fault::invalid(what).into());
        }
    }
    if subnet.gateway.is_some_and(|gateway| offset(net, gateway) == Some(0)) {
        return Err(Fault::invalid(format!("gateway {} is the subnet itself", net.network())).into());
    }
    Ok(())
}

fn check_options(network: &NetworkRecord) -> Result<()> {
    for (key, value) in &network.options {
        let number = value.parse::<u32>();
        let bool = matches!(value.as_str(), "true" | "false" | "1" | "0" | "strict");
        let valid = match key.as_str() {
            "mtu" | "com.docker.network.driver.mtu" => matches!(number, Ok(0 | 68..=65535)),
            "vlan" => matches!(number, Ok(1..=4094)),
            "isolate" | "com.docker.network.bridge.enable_icc" | "com.docker.network.bridge.enable_ip_masquerade" => {
                bool
            }
            "com.docker.network.bridge.host_binding_ipv4" => value.parse::<std::net::IpAddr>().is_ok(),
            "parent" | "com.docker.network.bridge.name" => {
                crate::model::container::grammar::parse_interface(value).is_ok()
            }
            "mode" | "macvlan_mode" | "ipvlan_mode" => {
                matches!(value.as_str(), "bridge" | "private" | "vepa" | "passthru" | "l2" | "l3" | "l3s")
            }
            // docker's, which ask for what is so anyway.
            "com.docker.network.bridge.default_bridge" | "com.docker.network.container_iface_prefix" => true,
            _ => {
                return Err(
                    Fault::invalid(format!("unsupported {} network option {key}", network.driver.name())).into()
                );
            }
        };
        if !valid {
            return Err(Fault::invalid(format!("network option {key}: {value:?} is not a value of it")).into());
        }
    }
    Ok(())
}

/// podman's way: podman1, podman2 … ours are called after us.
fn free_name(known: &[NetworkRecord]) -> Result<Name> {
    let taken = |name: &str| known.iter().any(|network| network.name.as_str() == name);
    let name = (1..).map(|number| format!("network{number}")).find(|name| !taken(name)).unwrap_or_default();
    Ok(name.parse()?)
}
