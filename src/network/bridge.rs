//! A network's bridge: made when its first container starts, and then left alone until the network goes.
//!
//! The routes to its subnets are in no table but our own, and two rules lead there: packets of the host itself, and
//! packets that our firewall has marked. When somebody takes the firewall away, nothing from outside reaches a
//! container any more, until it is back.

use super::Ground;
use super::link::{self, Bridge, Link, Path, PolicyRule};
use super::nft::ruleset::MARK;
use crate::fault::{Fault, Kind};
use crate::model::mac::Mac;
use crate::model::network::NetworkRecord;
use crate::sys::netlink::Refused;
use anyhow::{Context, Result};
use ipnet::IpNet;

/// The routing table of containers, and the priorities of the two rules that lead there.
pub const ROUTES: u32 = 22743;
const RULES: [PolicyRule; 2] = [
    PolicyRule { priority: 990, table: ROUTES, mark: None, own: true },
    PolicyRule { priority: 991, table: ROUTES, mark: Some(MARK), own: false },
];

/// What tells that a link is the bridge of a network of ours.
fn alias(network: &NetworkRecord) -> String {
    format!("barge network {}", network.id)
}

/// The bridge's link; `true`: it was made just now, and the rules don't know it yet.
pub fn ensure(ground: &mut Ground, network: &NetworkRecord) -> Result<(Link, bool)> {
    let name = &network.interface;
    let about = || format!("the bridge {name} of network {}", network.name);
    if let Some(link) = link::find(&mut ground.route, name).with_context(about)? {
        let ours = link.alias == alias(network);
        if ours && link.up {
            return Ok((link, false));
        }
        let asked_for = network.options.values().any(|value| value == name);
        if !ours && (link.kind != "bridge" || !asked_for) {
            return Err(Fault::conflict(format!(
                "{}: an interface of that name exists already and is not barge's",
                about()
            ))
            .hint(format!("remove it (`ip link delete {name}`), or the network (`barge network rm {}`)", network.name))
            .into());
        }
        // A crash came between, or it is a bridge of the user's own.
        dress(ground, network, &link).with_context(about)?;
        let changed = !ours || !link.up;
        return Ok((link, changed));
    }
    let made = Bridge {
        name,
        alias: &alias(network),
        mac: mac(network),
        mtu: network.mtu().or_else(|| narrow(ground)),
        vlan: network.vlan(),
    };
    match link::add_bridge(&mut ground.route, &made) {
        Ok(()) => {}
        // Somebody else was faster.
        Err(refused) if refused.errno == libc::EEXIST => {}
        Err(refused) => return Err(unsupported(refused, &about())),
    }
    let link = link::find(&mut ground.route, name).with_context(about)?.with_context(about)?;
    dress(ground, network, &link).with_context(about)?;
    Ok((link, true))
}

/// Some kernels have no bridges: said so, with the way out.
fn unsupported(refused: Refused, what: &str) -> anyhow::Error {
    let kind = match refused.errno {
        libc::EOPNOTSUPP => Kind::Unsupported,
        libc::EPERM => Kind::Denied,
        _ => Kind::Internal,
    };
    Fault::new(kind, format!("making {what}: {refused}"))
        .hint("--network=host uses the host's network, --network=none only loopback")
        .into()
}

/// Its own address is that of the gateway, so that it is the same after a restart.
fn mac(network: &NetworkRecord) -> Mac {
    let gateway = network.gateway(true).or_else(|| network.gateway(false));
    match gateway {
        Some(gateway) => Mac::of(gateway),
        None => {
            let byte = |at: usize| u8::from_str_radix(network.id.get(at..at + 2).unwrap_or("00"), 16).unwrap_or(0);
            Mac([0x02, 0x42, byte(0), byte(2), byte(4), byte(6)])
        }
    }
}

/// Where the way out takes smaller packets than Ethernet does, containers should send none that are larger.
fn narrow(ground: &mut Ground) -> Option<u32> {
    let index = link::default_link(&mut ground.route).ok()??;
    let links = link::list(&mut ground.route).ok()?;
    links.iter().find(|link| link.index == index).map(|link| link.mtu).filter(|mtu| (1280..1500).contains(mtu))
}

fn dress(ground: &mut Ground, network: &NetworkRecord, link: &Link) -> Result<()> {
    let usable = |ipv4: bool| ipv4 || ground.ipv6;
    let mut addresses = Vec::new();
    for subnet in network.subnets.iter().filter(|subnet| usable(subnet.subnet.addr().is_ipv4())) {
        if let Some(gateway) = subnet.gateway {
            addresses.push(IpNet::new(gateway, subnet.subnet.prefix_len())?);
        }
    }
    let (name, ipv6) = (network.interface.clone(), ground.ipv6);
    ground.inside(move || {
        if ipv6 {
            // Nobody in there tells the host where to send its packets.
            for (key, value) in [("accept_ra", "0"), ("accept_redirects", "0")] {
                let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/{key}"), value);
            }
        }
    })?;
    let mut table = ROUTES;
    for rule in &RULES {
        match link::add_rule(&mut ground.route, rule, ground.ipv6) {
            Ok(()) => {}
            // A kernel with one table only.
            Err(refused) if matches!(refused.errno, libc::EOPNOTSUPP | libc::EAFNOSUPPORT) => {
                table = u32::from(libc::RT_TABLE_MAIN);
            }
            Err(refused) => return Err(refused).context("writing a routing rule"),
        }
    }
    let routes: Vec<Path> = network
        .subnets
        .iter()
        .filter(|subnet| usable(subnet.subnet.addr().is_ipv4()))
        .map(|subnet| Path {
            destination: subnet.subnet,
            gateway: None,
            link: link.index,
            table,
            metric: None,
            source: subnet.gateway,
        })
        .collect();
    link::dress_bridge(&mut ground.route, link.index, &addresses, &routes).context("giving it its addresses")?;
    if !network.internal {
        forward(ground, network)?;
    }
    Ok(())
}

/// Lets the host pass packets on, if it does not yet.
fn forward(ground: &mut Ground, network: &NetworkRecord) -> Result<()> {
    let write = |ground: &Ground, path: &'static str| -> Result<()> {
        let outcome = ground.inside(move || match std::fs::read_to_string(path) {
            Ok(text) if text.trim() != "0" => Ok(()),
            _ => std::fs::write(path, "1"),
        })?;
        outcome.map_err(|error| {
            let key = path.trim_start_matches("/proc/sys/").replace('/', ".");
            Fault::new(Kind::Denied, format!("letting the host forward packets ({key}=1): {error}"))
                .hint(format!("run `sysctl -w {key}=1`, or use --network=host or --network=none"))
                .into()
        })
    };
    write(ground, "/proc/sys/net/ipv4/ip_forward")?;
    if !(ground.ipv6 && network.ipv6()) {
        return Ok(());
    }
    let path = "/proc/sys/net/ipv6/conf/all/forwarding";
    if ground.inside(move || std::fs::read_to_string(path).is_ok_and(|text| text.trim() != "0"))? {
        return Ok(());
    }
    // A router believes no other router: whoever got the host's own routes by advertisement must be told to go on.
    let links = link::advertised(&mut ground.route).context("looking at the host's routes")?;
    let names: Vec<String> = link::list(&mut ground.route)
        .context("looking at the host's links")?
        .into_iter()
        .filter(|link| links.contains(&link.index))
        .map(|link| link.name)
        .collect();
    ground.inside(move || {
        for name in names {
            let key = format!("/proc/sys/net/ipv6/conf/{name}/accept_ra");
            if std::fs::read_to_string(&key).is_ok_and(|text| text.trim() == "1") {
                let _ = std::fs::write(&key, "2");
            }
        }
    })?;
    write(ground, path)
}

/// Takes a network's bridge away, unless it is somebody else's.
pub fn remove(ground: &mut Ground, network: &NetworkRecord) -> Result<()> {
    match link::find(&mut ground.route, &network.interface)? {
        Some(link) if link.alias == alias(network) => {
            link::remove(&mut ground.route, &network.interface).context("removing the bridge")
        }
        _ => Ok(()),
    }
}
