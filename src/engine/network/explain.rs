//! `network explain`: the path between two containers, or the host and a container, step by step; and where it breaks.

use crate::engine::Engine;
use crate::engine::container;
use crate::fault::Fault;
use crate::model::network::{Endpoint, NetworkRecord};
use crate::network::{Ground, link, names, rules};
use crate::store::Container;
use anyhow::Result;
use std::net::IpAddr;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is looked at: `name`, `address`, `route`, `link`, `rules`, `port`.
    pub what: &'static str,
    /// Whether the path goes on behind it.
    pub passes: bool,
    /// What was found.
    pub found: String,
}

/// A path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// In the order of a packet's way.
    pub steps: Vec<Step>,
}

impl Explained {
    /// Whether nothing stands in the way.
    pub fn passes(&self) -> bool {
        self.steps.iter().all(|step| step.passes)
    }

    fn say(&mut self, what: &'static str, passes: bool, found: impl Into<String>) -> bool {
        self.steps.push(Step { what, passes, found: found.into() });
        passes
    }
}

/// Follows the path from `from` (a container, or `host`) to `to` (a container), to a port if one is given.
pub fn explain(engine: &Engine, from: &str, to: &str, port: Option<u16>) -> Result<Explained> {
    super::check_possible(engine)?;
    let mut path = Explained { steps: Vec::new() };
    let target = running(engine, to)?;
    let source = if from == "host" { None } else { Some(running(engine, from)?) };
    let Some((endpoint, network)) = shared(engine, source.as_ref(), &target, &mut path)? else { return Ok(path) };
    if let Some(source) = &source {
        name(engine, source, &target, &endpoint, &network, &mut path);
    }
    let addresses: Vec<String> = endpoint.addresses.iter().map(ToString::to_string).collect();
    path.say("address", !addresses.is_empty(), format!("{} has {}", target.name, addresses.join(" and ")));
    links(source.as_ref(), &endpoint, &network, &mut path)?;
    firewall(engine, source.is_none(), &network, &mut path)?;
    if let Some(port) = port {
        listener(&target, port, &mut path);
    }
    Ok(path)
}

fn running(engine: &Engine, name: &str) -> Result<Container> {
    let id = container::find(engine, name)?;
    container::network::settled(engine, &id)?.ok_or_else(|| {
        Fault::conflict(format!("container {name} does not run: it has no network now: container state improper"))
            .hint(format!("start it: barge start {name}"))
            .into()
    })
}

/// The network that both are in; for the host any of the container's.
fn shared(
    engine: &Engine,
    source: Option<&Container>,
    target: &Container,
    path: &mut Explained,
) -> Result<Option<(Endpoint, NetworkRecord)>> {
    for endpoint in &target.network.endpoints {
        let both =
            source.is_none_or(|source| source.network.endpoints.iter().any(|one| one.network == endpoint.network));
        if let (true, Some(network)) = (both, engine.store.find_network(&endpoint.network)?) {
            path.say("network", true, format!("{} ({}, {})", network.name, network.driver.name(), network.interface));
            return Ok(Some((endpoint.clone(), network)));
        }
    }
    let list = |container: &Container| {
        let names: Vec<&str> = container.network.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
        if names.is_empty() { "no network of ours".to_string() } else { names.join(", ") }
    };
    let found = match source {
        None => format!("{} is in {}", target.name, list(target)),
        Some(source) => format!(
            "none in common: {} is in {}, {} in {}; networks are kept apart. `barge network connect {} {}` joins them",
            source.name,
            list(source),
            target.name,
            list(target),
            target.network.endpoints.first().map_or("NETWORK", |endpoint| &endpoint.name),
            source.name
        ),
    };
    path.say("network", false, found);
    Ok(None)
}

fn name(
    engine: &Engine,
    source: &Container,
    target: &Container,
    endpoint: &Endpoint,
    network: &NetworkRecord,
    path: &mut Explained,
) {
    if !network.dns || source.network.resolver == 0 {
        path.say("name", true, format!("network {} answers no names: use the address", network.name));
        return;
    }
    let found = names::look_up(&engine.store.network_run_dir(&network.id), target.name.as_str());
    let right = endpoint.addresses.iter().any(|address| found.contains(&address.addr()));
    let answer: Vec<String> = found.iter().map(IpAddr::to_string).collect();
    let words = if answer.is_empty() { "nothing".to_string() } else { answer.join(", ") };
    path.say("name", right, format!("127.0.0.11 answers {} for {}", words, target.name));
}

fn links(source: Option<&Container>, endpoint: &Endpoint, network: &NetworkRecord, path: &mut Explained) -> Result<()> {
    let mut ground = Ground::here()?;
    if !network.is_bridge() {
        return Ok(());
    }
    let bridge = link::find(&mut ground.route, &network.interface)?;
    let up = bridge.as_ref().is_some_and(|link| link.up);
    let state = match &bridge {
        None => "is not there: `barge network reload` makes it",
        Some(link) if link.up => "is up",
        Some(_) => "is down",
    };
    path.say("link", up, format!("bridge {} {state}", network.interface));
    let index = bridge.map_or(0, |link| link.index);
    let own = source.and_then(|source| source.network.endpoints.iter().find(|one| one.network == network.id));
    for endpoint in own.into_iter().chain([endpoint]) {
        let port = link::find(&mut ground.route, &endpoint.host_interface)?;
        let fine = port.as_ref().is_some_and(|port| port.up && port.master == index);
        let state = match port {
            None => "is not there",
            Some(port) if !port.up => "is down",
            Some(port) if port.master != index => "is not on the bridge",
            Some(_) => "is up and on the bridge",
        };
        path.say("link", fine, format!("{} {state}", endpoint.host_interface));
    }
    Ok(())
}

fn firewall(engine: &Engine, from_host: bool, network: &NetworkRecord, path: &mut Explained) -> Result<()> {
    let mut ground = Ground::here()?;
    let place = rules::in_place(&engine.store, &mut ground)?;
    path.say(
        "rules",
        place,
        if place {
            "barge's firewall rules are in place"
        } else {
            "barge's firewall rules were changed: `barge network reload`"
        },
    );
    if network.separates() && !from_host {
        path.say("rules", false, format!("network {} keeps its containers apart (enable_icc=false)", network.name));
    } else {
        let who =
            if from_host { "the host reaches its containers" } else { "containers of one network reach each other" };
        path.say("rules", true, who);
    }
    Ok(())
}

/// Whether somebody listens, and where.
fn listener(target: &Container, port: u16, path: &mut Explained) {
    let pid = target.process.as_ref().map_or(0, |process| process.pid);
    let mut places = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let mut fields = line.split_whitespace().skip(1);
            let (Some(local), Some(state)) = (fields.next(), fields.nth(1)) else { continue };
            let Some((address, number)) = local.rsplit_once(':') else { continue };
            if state == "0A" && u16::from_str_radix(number, 16) == Ok(port) {
                places.push(address.to_string());
            }
        }
    }
    // 127.x as the kernel writes it, and ::1.
    let is_loopback = |place: &String| match place.len() {
        8 => place.ends_with("7F"),
        _ => place == "00000000000000000000000001000000",
    };
    match (places.is_empty(), places.iter().all(is_loopback)) {
        (true, _) => path.say("port", false, format!("nobody listens on {port}/tcp in {}", target.name)),
        (false, true) => {
            let found = format!("{port}/tcp in {} listens on loopback only: let it listen on 0.0.0.0", target.name);
            path.say("port", false, found)
        }
        (false, false) => path.say("port", true, format!("somebody listens on {port}/tcp in {}", target.name)),
    };
}
