//! The firewall as it should be, from the store, and whether it is so.
//!
//! The kernel counts every change of the rules, whoever makes it. After each change of ours the count is written down:
//! as long as it stays the same, nobody else has touched anything, and one question to the kernel is enough to know.

use super::Ground;
use super::nft::ruleset::{self, Elements};
use super::nft::{Guest, Ruleset, generation};
use crate::fault::{Fault, Kind};
use crate::model::id::ContainerId;
use crate::model::lifecycle::Phase;
use crate::model::network::NetworkState;
use crate::store::{ContainerRecord, Store};
use crate::sys::netlink::Refused;
use anyhow::{Context, Result};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What was true after our last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    namespace: u64,
    generation: u32,
}

fn stamp_path(store: &Store) -> PathBuf {
    store.layout().run_networks().join("rules")
}

fn read_stamp(store: &Store) -> Option<Stamp> {
    serde_json::from_slice(&std::fs::read(stamp_path(store)).ok()?).ok()
}

fn write_stamp(store: &Store, ground: &mut Ground) -> Result<()> {
    let generation = generation(&mut ground.rules).context("asking for the generation of the rules")?;
    let stamp = Stamp { namespace: ground.number()?, generation };
    let path = stamp_path(store);
    // Half of one is none: then the rules are looked at.
    std::fs::write(&path, serde_json::to_vec(&stamp)?).with_context(|| format!("writing {}", path.display()))
}

fn is_untouched(store: &Store, ground: &mut Ground) -> Result<bool> {
    let Some(stamp) = read_stamp(store) else { return Ok(false) };
    let generation = generation(&mut ground.rules).context("asking for the generation of the rules")?;
    Ok(stamp == Stamp { namespace: ground.number()?, generation })
}

/// What a container adds to the rules. `strict`: it may send in no name but its own.
pub fn guest(state: &NetworkState, strict: bool) -> Guest {
    if state.guest_of.is_some() {
        return Guest::default();
    }
    let mut target = Vec::new();
    for ipv4 in [true, false] {
        // The first network that has a way in decides.
        target.extend(state.endpoints.iter().find_map(|endpoint| endpoint.address(ipv4)));
    }
    let links = state.endpoints.iter().filter(|endpoint| strict && !endpoint.host_interface.is_empty());
    let links = links
        .map(|endpoint| {
            let addresses = endpoint.addresses.iter().map(IpNet::addr).collect();
            (endpoint.host_interface.clone(), endpoint.mac, addresses)
        })
        .collect();
    Guest { target, ports: state.ports.clone(), links }
}

/// Who may use addresses that it was not given: who may configure its network.
pub fn is_strict(record: &ContainerRecord) -> bool {
    let security = &record.spec.security;
    let added = |name: &String| {
        let name = name.to_ascii_uppercase();
        matches!(name.strip_prefix("CAP_").unwrap_or(&name), "NET_ADMIN" | "ALL")
    };
    !security.privileged && !security.cap_add.iter().any(added)
}

/// Every network, and every container that runs but `without`.
fn live(store: &Store, without: Option<&ContainerId>) -> Result<Ruleset> {
    let mut networks = store.networks()?;
    networks.retain(|network| network.is_bridge());
    let mut guests = Vec::new();
    for container in store.containers()? {
        let runs = matches!(container.phase, Phase::Running | Phase::Paused);
        if runs && Some(&container.id) != without {
            guests.push(guest(&container.network, is_strict(&container)));
        }
    }
    Ok(Ruleset { networks, guests })
}

/// The kernel's refusal in words, when it can't do what the rules need.
pub(super) fn explain(refused: Refused) -> anyhow::Error {
    let fault = match refused.errno {
        libc::EOPNOTSUPP | libc::ENOENT | libc::EPROTONOSUPPORT => {
            Fault::new(Kind::Unsupported, format!("writing firewall rules: {refused}: this kernel lacks nf_tables"))
        }
        libc::EPERM => Fault::new(Kind::Denied, format!("writing firewall rules: {refused}")),
        _ => Fault::new(Kind::Internal, format!("writing firewall rules: {refused}")),
    };
    fault.hint("--network=host uses the host's network, --network=none only loopback").into()
}

/// Makes everything anew, as the store says.
pub fn render(store: &Store, ground: &mut Ground) -> Result<()> {
    let _lock = store.lock_rules()?;
    replace(store, ground, None)
}

/// The same, if there are rules at all.
pub fn refresh(store: &Store, ground: &mut Ground) -> Result<()> {
    if read_stamp(store).is_some() { render(store, ground) } else { Ok(()) }
}

fn replace(store: &Store, ground: &mut Ground, without: Option<&ContainerId>) -> Result<()> {
    live(store, without)?.replace(&mut ground.rules).map_err(explain)?;
    write_stamp(store, ground)
}

/// Whether the kernel has what [`render`] would write.
pub fn in_place(store: &Store, ground: &mut Ground) -> Result<bool> {
    live(store, None)?.is_in_place(&mut ground.rules).map_err(explain)
}

/// Lets in what a container publishes; its record must say so already.
pub fn admit(store: &Store, ground: &mut Ground, record: &ContainerRecord) -> Result<()> {
    let elements = ruleset::of_guest(&guest(&record.network, is_strict(record)));
    if elements == Elements::default() {
        return Ok(());
    }
    let _lock = store.lock_rules()?;
    if is_untouched(store, ground)? && ruleset::change(&mut ground.rules, &elements, &Elements::default()).is_ok() {
        return write_stamp(store, ground);
    }
    replace(store, ground, None)
}

/// Takes back what [`admit`] did; its record may still say that it runs.
pub fn dismiss(store: &Store, ground: &mut Ground, record: &ContainerRecord) -> Result<()> {
    let elements = ruleset::of_guest(&guest(&record.network, is_strict(record)));
    if elements == Elements::default() {
        return Ok(());
    }
    let _lock = store.lock_rules()?;
    if is_untouched(store, ground)? && ruleset::change(&mut ground.rules, &Elements::default(), &elements).is_ok() {
        return write_stamp(store, ground);
    }
    replace(store, ground, Some(&record.id))
}

/// Looks whether somebody has touched the rules, and if so puts them right. Costs one question when nobody has, and
/// nothing when there is no network yet.
pub fn heal(store: &Store) -> Result<()> {
    let Some(stamp) = read_stamp(store) else { return Ok(()) };
    let mut ground = Ground::here()?;
    // Another host than that of the networks: a command in a namespace of its own.
    if stamp.namespace != ground.number()? || is_untouched(store, &mut ground)? {
        return Ok(());
    }
    let _lock = store.lock_rules()?;
    // It may have been one of ours, whose count is written down by now.
    if is_untouched(store, &mut ground)? {
        return Ok(());
    }
    let wanted = live(store, None)?;
    if !wanted.is_in_place(&mut ground.rules).map_err(explain)? {
        log::warn!("somebody has changed barge's firewall rules: they are made anew");
        wanted.replace(&mut ground.rules).map_err(explain)?;
    }
    write_stamp(store, &mut ground)
}
