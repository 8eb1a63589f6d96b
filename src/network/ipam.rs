//! Addresses: which subnet a network gets, and which address a container.
//!
//! A lease is a symbolic link named after the address: made by one atomic step, so that two can't have it, and found
//! without reading anything else. What leases there are follows from the records of the containers that run: one
//! whose holder does not is taken over.

use crate::fault::{Fault, Kind};
use crate::model::id::ContainerId;
use crate::model::network::{NetworkRecord, Subnet, nth, offset};
use crate::model::zone;
use crate::sys::lock::FileLock;
use anyhow::{Context, Result};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// Where the default network is, unless something else is there.
const FIRST: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 88, 0, 0), 16);

/// Where the others are: one /24 each, from the first to the last.
const POOLS: [(Ipv4Addr, Ipv4Addr); 2] = [
    (Ipv4Addr::new(10, 89, 0, 0), Ipv4Addr::new(10, 255, 255, 0)),
    (Ipv4Addr::new(172, 17, 0, 0), Ipv4Addr::new(172, 31, 255, 0)),
];

/// A free subnet for a new network: one that overlaps nothing in `taken` (routes of the host, other networks).
pub fn free_subnet(is_default: bool, taken: &[IpNet]) -> Result<Subnet> {
    let is_free = |subnet: &Ipv4Net| !taken.iter().any(|other| overlap(other, &IpNet::V4(*subnet)));
    let first = Ipv4Net::new(FIRST.0, FIRST.1)?;
    if is_default && is_free(&first) {
        return Ok(Subnet::new(first.into()));
    }
    for (first, last) in POOLS {
        let mut at = u32::from(first);
        while at <= u32::from(last) {
            let subnet = Ipv4Net::new(at.into(), 24)?;
            if is_free(&subnet) {
                return Ok(Subnet::new(subnet.into()));
            }
            at += 256;
        }
    }
    Err(Fault::new(Kind::Unavailable, "could not find free subnet from subnet pools")
        .hint("every /24 from 10.89.0.0 on overlaps a route or a network; name one with --subnet")
        .into())
}

/// The subnet of unique local addresses that belongs to a network's id.
pub fn local_subnet(id: &str) -> Result<Subnet> {
    let byte = |index: usize| {
        id.get(index * 2..index * 2 + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or(0)
    };
    let mut octets = [0; 16];
    octets[0] = 0xfd;
    for (index, octet) in octets.iter_mut().enumerate().take(8).skip(1) {
        *octet = byte(index);
    }
    Ok(Subnet::new(Ipv6Net::new(Ipv6Addr::from(octets), 64)?.into()))
}

/// Whether two subnets have an address in common.
pub fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

/// Who wants an address.
pub struct Tenant<'a> {
    /// Its container.
    pub id: &'a ContainerId,
    /// The container's name.
    pub name: &'a str,
    /// Whether a container that holds an address still has it.
    pub holds: &'a dyn Fn(&ContainerId, IpAddr) -> bool,
}

/// The leases of one network.
pub struct Leases {
    dir: PathBuf,
}

/// The address that was given last: a link to it.
const LAST: &str = "last";

impl Leases {
    /// Those in the run directory of a network.
    pub fn of(run_dir: &Path) -> Leases {
        Leases { dir: run_dir.join(zone::LEASES) }
    }

    /// Gives an address of each of the network's families: the wanted ones, or any. Nothing is leased when it fails.
    pub fn take(&self, network: &NetworkRecord, wanted: &[IpAddr], tenant: &Tenant) -> Result<Vec<IpNet>> {
        std::fs::create_dir_all(&self.dir).with_context(|| format!("making {}", self.dir.display()))?;
        let mut taken: Vec<IpNet> = Vec::new();
        for ipv4 in [true, false] {
            let of_family = || network.subnets.iter().filter(move |subnet| subnet.subnet.addr().is_ipv4() == ipv4);
            let Some(first) = of_family().next() else {
                if let Some(address) = wanted.iter().find(|address| address.is_ipv4() == ipv4) {
                    self.give_back(&taken, tenant.id);
                    let what = format!("requested static ip {address} not in any subnet on network {}", network.name);
                    return Err(Fault::invalid(what).into());
                }
                continue;
            };
            let outcome = match wanted.iter().find(|address| address.is_ipv4() == ipv4) {
                Some(address) => self.take_one(network, of_family(), *address, tenant),
                None => {
                    // The same number in both families, where that is free: easier to read.
                    let beside = taken.first().and_then(|other| {
                        let subnet = network.subnets.iter().find(|subnet| subnet.subnet.contains(&other.addr()))?;
                        nth(&first.subnet, offset(&subnet.subnet, other.addr())?)
                    });
                    self.take_any(network, of_family(), beside, tenant)
                }
            };
            match outcome {
                Ok(address) => taken.push(address),
                Err(error) => {
                    self.give_back(&taken, tenant.id);
                    return Err(error);
                }
            }
        }
        Ok(taken)
    }

    fn take_one<'a>(
        &self,
        network: &NetworkRecord,
        mut subnets: impl Iterator<Item = &'a Subnet>,
        address: IpAddr,
        tenant: &Tenant,
    ) -> Result<IpNet> {
        let Some(subnet) = subnets.find(|subnet| subnet.subnet.contains(&address)) else {
            let what = format!("requested static ip {address} not in any subnet on network {}", network.name);
            return Err(Fault::invalid(what).into());
        };
        if subnet.gateway == Some(address) {
            return Err(Fault::invalid(format!("requested static ip {address} is the gateway's")).into());
        }
        match self.try_take(address, tenant)? {
            None => Ok(IpNet::new(address, subnet.subnet.prefix_len())?),
            Some(holder) => Err(Fault::conflict(format!(
                "requested ip address {address} is already allocated to container ID {holder}"
            ))
            .into()),
        }
    }

    fn take_any<'a>(
        &self,
        network: &NetworkRecord,
        subnets: impl Iterator<Item = &'a Subnet>,
        beside: Option<IpAddr>,
        tenant: &Tenant,
    ) -> Result<IpNet> {
        let mut ranges = Vec::new();
        for subnet in subnets {
            let (first, last) = subnet.bounds();
            let prefix = subnet.subnet.prefix_len();
            let (Some(low), Some(high)) = (offset(&subnet.subnet, first), offset(&subnet.subnet, last)) else {
                continue;
            };
            let free = |address: &IpAddr| {
                subnet.gateway != Some(*address)
                    && !subnet.auxiliary.values().any(|other| other == address)
                    && *address != subnet.subnet.network()
            };
            let try_at = |number: u128| -> Result<Option<IpNet>> {
                let Some(address) = nth(&subnet.subnet, number).filter(free) else { return Ok(None) };
                Ok(match self.try_take(address, tenant)? {
                    None => Some(IpNet::new(address, prefix)?),
                    Some(_) => None,
                })
            };
            let beside = beside.and_then(|address| offset(&subnet.subnet, address));
            if let Some(number) = beside.filter(|number| (low..=high).contains(number))
                && let Some(found) = try_at(number)?
            {
                return Ok(found);
            }
            // Not the one that was just given back: its former holder may not be quite gone.
            let last_given = self.last().and_then(|address| offset(&subnet.subnet, address));
            let start = last_given.filter(|number| (low..high).contains(number)).map_or(low, |number| number + 1);
            // A /64 is never full, and nobody waits for it to be walked through.
            let most = (high - low).min(1 << 20);
            for step in 0..=most {
                let number = low + (start - low + step) % (high - low + 1);
                if let Some(found) = try_at(number)? {
                    self.set_last(found.addr());
                    return Ok(found);
                }
            }
            ranges.push(format!("{first} - {last}"));
        }
        Err(Fault::new(Kind::Unavailable, format!("failed to find free IP in range: {}", ranges.join(", ")))
            .hint(format!(
                "every address of network {} is in use; remove containers or make a larger one",
                network.name
            ))
            .into())
    }

    /// `Some`: somebody else has it.
    fn try_take(&self, address: IpAddr, tenant: &Tenant) -> Result<Option<String>> {
        let path = self.dir.join(address.to_string());
        let target = zone::write_holder(tenant.id.as_str(), tenant.name);
        for _ in 0..3 {
            match std::os::unix::fs::symlink(&target, &path) {
                Ok(()) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("leasing {address}")),
            }
            // Only one at a time takes over what a crash left: nobody removes what another has just made.
            let _lock = FileLock::exclusive(&self.dir.join(".lock")).context("locking leases")?;
            let Some(there) = read(&path) else { continue };
            let holder = zone::read_holder(&there).and_then(|(id, _)| id.parse::<ContainerId>().ok());
            match holder {
                Some(holder) if holder != *tenant.id && (tenant.holds)(&holder, address) => {
                    return Ok(Some(holder.to_string()));
                }
                _ => std::fs::remove_file(&path).with_context(|| format!("taking over {address}"))?,
            }
        }
        Ok(Some("that is being started".into()))
    }

    fn last(&self) -> Option<IpAddr> {
        read(&self.dir.join(LAST))?.parse().ok()
    }

    fn set_last(&self, address: IpAddr) {
        // Lost in a race, it costs a few tries.
        let temporary = self.dir.join(format!(".last.{}", std::process::id()));
        let _ = std::fs::remove_file(&temporary);
        if std::os::unix::fs::symlink(address.to_string(), &temporary).is_ok() {
            let _ = std::fs::rename(&temporary, self.dir.join(LAST));
        }
    }

    /// Ends the leases of a container.
    pub fn give_back(&self, addresses: &[IpNet], id: &ContainerId) {
        for address in addresses {
            let path = self.dir.join(address.addr().to_string());
            let ours = read(&path).is_some_and(|target| target.starts_with(id.as_str()));
            if ours && let Err(error) = std::fs::remove_file(&path) {
                log::warn!("ending the lease of {}: {error}", address.addr());
            }
        }
    }

    /// Every address with its holder.
    pub fn list(&self) -> Vec<(IpAddr, ContainerId)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let Some(address) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let Some(target) = read(&entry.path()) else { continue };
            found.extend(
                zone::read_holder(&target).and_then(|(id, _)| id.parse().ok()).map(|id: ContainerId| (address, id)),
            );
        }
        found.sort();
        found
    }
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_link(path).ok()?.into_os_string().into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(subnets: &[Subnet]) -> NetworkRecord {
        serde_json::from_value(serde_json::json!({"id": "ab".repeat(32), "name": "net", "subnets": subnets})).unwrap()
    }

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn subnets_are_chosen_beside_what_is_there() {
        let subnet = |is_default, taken: &[&str]| {
            let taken: Vec<_> = taken.iter().map(|text| net(text)).collect();
            free_subnet(is_default, &taken).unwrap().subnet.to_string()
        };
        assert_eq!(subnet(true, &[]), "10.88.0.0/16");
        assert_eq!(subnet(true, &["10.88.7.0/24"]), "10.89.0.0/24");
        assert_eq!(subnet(false, &["10.89.0.0/24", "10.89.1.128/25"]), "10.89.2.0/24");
        assert_eq!(subnet(false, &["10.0.0.0/8"]), "172.17.0.0/24");
        assert!(free_subnet(false, &[net("10.0.0.0/8"), net("172.16.0.0/12")]).is_err());
        let six = local_subnet(&"ab".repeat(32)).unwrap();
        assert_eq!(six.subnet, net("fdab:abab:abab:abab::/64"));
    }

    #[test]
    fn addresses_are_given_once_until_there_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let leases = Leases::of(dir.path());
        let network = network(&[Subnet::new(net("10.1.0.0/29")), Subnet::new(net("fd00::/64"))]);
        let id = |digit| ContainerId::from_bytes([digit; 32]);
        let holds = |_: &ContainerId, _: IpAddr| true;
        let take = |digit, wanted: &[&str]| {
            let id = id(digit);
            let wanted: Vec<IpAddr> = wanted.iter().map(|text| text.parse().unwrap()).collect();
            leases.take(&network, &wanted, &Tenant { id: &id, name: "x", holds: &holds })
        };
        let text = |list: Vec<IpNet>| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(text(take(1, &[]).unwrap()), "10.1.0.2/29 fd00::2/64");
        assert_eq!(text(take(2, &["10.1.0.6"]).unwrap()), "10.1.0.6/29 fd00::6/64");
        assert!(format!("{:#}", take(3, &["10.1.0.6"]).unwrap_err()).contains("already allocated to container ID 02"));
        for bad in ["10.1.0.1", "10.2.0.1"] {
            assert!(take(3, &[bad]).is_err(), "{bad}");
        }
        let mine = take(3, &[]).unwrap();
        assert_eq!(text(mine.clone()), "10.1.0.3/29 fd00::3/64");
        take(4, &[]).unwrap();
        leases.give_back(&mine, &id(3));
        // The one that was just given back is the last to be given again.
        assert_eq!(text(take(5, &[]).unwrap()), "10.1.0.5/29 fd00::5/64");
        assert_eq!(text(take(6, &[]).unwrap()), "10.1.0.3/29 fd00::3/64");
        let error = take(7, &[]).unwrap_err();
        assert!(format!("{error:#}").starts_with("failed to find free IP in range: 10.1.0.1 - 10.1.0.6"), "{error:#}");
        assert_eq!(leases.list().len(), 10);
        // A holder that is no more.
        let id = id(8);
        let gone = |_: &ContainerId, _: IpAddr| false;
        let tenant = Tenant { id: &id, name: "y", holds: &gone };
        assert!(leases.take(&network, &[], &tenant).is_ok());
    }
}
