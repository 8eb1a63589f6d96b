//! `NetworkSettings`: the old fields (of the first network) and the new ones (of all).

use crate::engine::container::{exited, network};
use crate::model::container::{ContainerSpec, NetworkMode};
use crate::model::network::{Endpoint, PortMapping};
use crate::store::Container;
use ipnet::IpNet;
use serde_json::{Map, Value, json};

pub(super) fn settings(container: &Container, docker: bool) -> Value {
    let spec = &container.spec;
    let running = exited::runs(container);
    let endpoints: &[Endpoint] = match container.network.guest_of {
        None if running => &container.network.endpoints,
        _ => &[],
    };
    let mut networks = Map::new();
    match &spec.namespaces.network {
        NetworkMode::Host if docker => drop(networks.insert("host".into(), endpoint(container, None))),
        NetworkMode::None | NetworkMode::Default if docker => {
            networks.insert("none".into(), endpoint(container, None));
        }
        NetworkMode::Networks => {
            for wish in &spec.network.attachments {
                let known =
                    endpoints.iter().find(|one| one.name == wish.network || one.network.starts_with(&wish.network));
                let name = known.map_or(&wish.network, |known| &known.name);
                networks.insert(name.clone(), endpoint(container, known));
            }
        }
        _ => {}
    }
    let key = container.process.as_ref().filter(|_| running).map(|process| format!("/proc/{}/ns/net", process.pid));
    // The old fields are those of the default network, which podman fills in for any; so do we for the first.
    let mut settings = endpoint(container, endpoints.first());
    let fields = json!({
        "Bridge": "",
        "SandboxID": if running { container.id.as_str() } else { "" },
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null,
        "Ports": ports(container, docker),
        "SandboxKey": key.unwrap_or_default(),
        "Networks": networks,
    });
    if let (Some(settings), Value::Object(fields)) = (settings.as_object_mut(), fields) {
        for name in ["IPAMConfig", "Links", "Aliases", "DriverOpts", "NetworkID", "DNSNames", "AdditionalMacAddresses"]
        {
            settings.remove(name);
        }
        settings.extend(fields);
    }
    settings
}

fn endpoint(container: &Container, endpoint: Option<&Endpoint>) -> Value {
    let address =
        |ipv4: bool| endpoint.and_then(|one| one.addresses.iter().find(|address| address.addr().is_ipv4() == ipv4));
    let text = |address: Option<&IpNet>| address.map_or(String::new(), |address| address.addr().to_string());
    let length = |address: Option<&IpNet>| address.map_or(0, IpNet::prefix_len);
    let gateway = |ipv4: bool| {
        let found = endpoint.and_then(|one| one.gateways.iter().find(|gateway| gateway.is_ipv4() == ipv4));
        found.map_or(String::new(), ToString::to_string)
    };
    let mut names: Vec<String> = endpoint.map(|one| one.aliases.clone()).unwrap_or_default();
    names.push(container.id.short().to_string());
    let wish =
        container.spec.network.attachments.iter().find(|wish| {
            endpoint.is_some_and(|one| one.name == wish.network || one.network.starts_with(&wish.network))
        });
    let asked = wish.filter(|wish| wish.ip.is_some() || wish.ip6.is_some()).map_or(Value::Null, |wish| {
        let text = |address: &Option<std::net::IpAddr>| address.map_or(String::new(), |address| address.to_string());
        json!({"IPv4Address": text(&wish.ip), "IPv6Address": text(&wish.ip6)})
    });
    json!({
        "IPAMConfig": asked,
        "Links": null,
        "Aliases": if endpoint.is_some() { json!(names) } else { Value::Null },
        "MacAddress": endpoint.map_or(String::new(), |one| one.mac.to_string()),
        "DriverOpts": null,
        "NetworkID": endpoint.map_or("", |one| &one.network),
        "EndpointID": endpoint.map_or("", |_| container.id.as_str()),
        "Gateway": gateway(true),
        "IPAddress": text(address(true)),
        "IPPrefixLen": length(address(true)),
        "IPv6Gateway": gateway(false),
        "GlobalIPv6Address": text(address(false)),
        "GlobalIPv6PrefixLen": length(address(false)),
        "DNSNames": match endpoint {
            Some(_) => {
                let mut all = vec![container.name.to_string()];
                all.extend(names);
                json!(all)
            }
            None => Value::Null,
        },
    })
}

/// `"80/tcp": [{"HostIp": …, "HostPort": …}]`, with null for those that are exposed only.
fn ports(container: &Container, docker: bool) -> Map<String, Value> {
    let mut map = Map::new();
    let published = network::published(container);
    let shown = if docker { published.to_vec() } else { crate::model::network::merged(published) };
    if container.spec.namespaces.network == NetworkMode::Networks {
        let own = crate::engine::container::resolved(container);
        for port in own.exposed_ports.iter().chain(&container.spec.network.expose) {
            map.insert(port.clone(), Value::Null);
        }
    }
    for port in shown {
        let key = format!("{}/{}", port.container, port.protocol);
        let entry = json!({"HostIp": port.address.to_string(), "HostPort": port.host.to_string()});
        match map.get_mut(&key) {
            Some(Value::Array(list)) => list.push(entry),
            _ => drop(map.insert(key, json!([entry]))),
        }
    }
    map
}

/// `HostConfig.PortBindings`: what was asked for.
pub(super) fn asked_ports(spec: &ContainerSpec) -> Vec<(String, Value)> {
    let one = |mapping: &PortMapping| {
        let mapping = mapping.clone();
        (mapping.container.0..=mapping.container.1).map(move |port| {
            let host = match mapping.host {
                None => String::new(),
                Some((first, last)) if mapping.container.0 == mapping.container.1 && first != last => {
                    format!("{first}-{last}")
                }
                Some((first, _)) => (first + (port - mapping.container.0)).to_string(),
            };
            let address = mapping.address.map_or(String::new(), |address| address.to_string());
            (format!("{port}/{}", mapping.protocol), json!({"HostIp": address, "HostPort": host}))
        })
    };
    spec.network.publish.iter().flat_map(one).collect()
}

pub(super) fn bindings(spec: &ContainerSpec) -> Map<String, Value> {
    let mut map = Map::new();
    for (key, entry) in asked_ports(spec) {
        match map.get_mut(&key) {
            Some(Value::Array(list)) => list.push(entry),
            _ => drop(map.insert(key, json!([entry]))),
        }
    }
    map
}
