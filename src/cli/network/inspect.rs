//! `network inspect`

use crate::cli::error;
use crate::cli::output;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::network::{self, Inspected};
use crate::fault::{Fault, Kind};
use crate::model::network::Subnet;
use anyhow::Result;
use serde_json::{Map, Value, json};

/// Display networks in detail
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Go template, or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Networks, by name or ID
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
    /// Accepted for compatibility
    #[arg(short, long, hide = true)]
    verbose: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let _ = args.verbose;
    let docker = engine.config.program == Program::Docker;
    // Templates name the fields of Go's structs, in both tools.
    let template = args.format.as_deref().is_some_and(|format| format != "json");
    let mut found = Vec::new();
    let mut last: Option<anyhow::Error> = None;
    for name in &args.networks {
        let document = match network::OTHERS.contains(&name.as_str()) {
            true => Ok(plain(name)),
            false => network::inspect(engine, name).map(|one| match (template, docker) {
                (false, false) => podman_document(&one),
                (false, true) => docker_document(&one),
                (true, _) => both(&one),
            }),
        };
        match document {
            Ok(document) => found.push(document),
            Err(failure) => {
                let failure = match Fault::kind_of(&failure) {
                    Kind::NotFound if !docker => Fault::not_found(format!("network {name}: {failure:#}")).into(),
                    _ => failure,
                };
                if let Some(previous) = last.replace(failure) {
                    output::note(error::line(engine.config.program, &previous));
                }
            }
        }
    }
    if args.format.is_none() || !found.is_empty() {
        output::documents_of("network inspect", &found, args.format.as_deref())?;
    }
    last.map_or(Ok(()), Err)
}

fn plain(name: &str) -> Value {
    let driver = if name == "none" { "null" } else { name };
    json!({
        "Name": name, "Id": "", "Created": "", "Scope": "local", "Driver": driver, "EnableIPv6": false,
        "IPAM": {"Driver": "default", "Options": null, "Config": null}, "Internal": false, "Attachable": false,
        "Ingress": false, "ConfigFrom": {"Network": ""}, "ConfigOnly": false, "Containers": {}, "Options": {}, "Labels": {},
    })
}

/// podman's JSON: names in snake case.
pub fn podman_document(one: &Inspected) -> Value {
    let record = &one.record;
    let subnet = |subnet: &Subnet| {
        let mut value = json!({"subnet": subnet.subnet.to_string()});
        if let Some(gateway) = subnet.gateway {
            value["gateway"] = json!(gateway);
        }
        if let Some((first, last)) = subnet.range {
            value["lease_range"] = json!({"start_ip": first, "end_ip": last});
        }
        value
    };
    let containers: Map<String, Value> = one
        .containers
        .iter()
        .map(|(id, name, endpoint)| {
            let subnets: Vec<Value> = endpoint
                .addresses
                .iter()
                .map(|address| {
                    let gateway =
                        endpoint.gateways.iter().find(|gateway| gateway.is_ipv4() == address.addr().is_ipv4());
                    json!({"ipnet": address.to_string(), "gateway": gateway})
                })
                .collect();
            let mut interfaces = Map::new();
            interfaces.insert(endpoint.interface.clone(), json!({"subnets": subnets, "mac_address": endpoint.mac}));
            (id.clone(), json!({"name": name, "interfaces": interfaces}))
        })
        .collect();
    let mut value = json!({
        "name": record.name,
        "id": record.id,
        "driver": record.driver.name(),
        "network_interface": record.interface,
        "created": record.created,
        "subnets": record.subnets.iter().map(subnet).collect::<Vec<_>>(),
        "ipv6_enabled": record.ipv6(),
        "internal": record.internal,
        "dns_enabled": record.dns,
        "ipam_options": {"driver": if record.no_addresses { "none" } else { "host-local" }},
        "containers": containers,
    });
    if !record.dns_servers.is_empty() {
        value["network_dns_servers"] = json!(record.dns_servers);
    }
    if !record.labels.is_empty() {
        value["labels"] = json!(record.labels);
    }
    if !record.options.is_empty() {
        value["options"] = json!(record.options);
    }
    if !record.routes.is_empty() {
        let routes = record.routes.iter();
        let route = |route: &crate::model::network::Route| json!({"destination": route.destination.to_string(), "gateway": route.gateway, "metric": route.metric});
        value["routes"] = json!(routes.map(route).collect::<Vec<_>>());
    }
    value
}

fn docker_document(one: &Inspected) -> Value {
    let record = &one.record;
    let config = |subnet: &Subnet| {
        let mut value = json!({"Subnet": subnet.subnet.to_string()});
        if let Some(gateway) = subnet.gateway {
            value["Gateway"] = json!(gateway.to_string());
        }
        if let Some((first, last)) = subnet.range {
            value["IPRange"] = json!(format!("{first}-{last}"));
        }
        if !subnet.auxiliary.is_empty() {
            value["AuxiliaryAddresses"] = json!(subnet.auxiliary);
        }
        value
    };
    let containers: Map<String, Value> = one
        .containers
        .iter()
        .map(|(id, name, endpoint)| {
            let address = |ipv4: bool| {
                let found = endpoint.addresses.iter().find(|address| address.addr().is_ipv4() == ipv4);
                found.map_or(String::new(), ToString::to_string)
            };
            let value = json!({
                "Name": name, "EndpointID": id, "MacAddress": endpoint.mac, "IPv4Address": address(true),
                "IPv6Address": address(false),
            });
            (id.clone(), value)
        })
        .collect();
    json!({
        "Name": record.name,
        "Id": record.id,
        "Created": record.created,
        "Scope": "local",
        "Driver": record.driver.name(),
        "EnableIPv4": true,
        "EnableIPv6": record.ipv6(),
        "IPAM": {
            "Driver": "default", "Options": {}, "Config": record.subnets.iter().map(config).collect::<Vec<_>>(),
        },
        "Internal": record.internal,
        "Attachable": false,
        "Ingress": false,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": false,
        "Containers": containers,
        "Options": record.options,
        "Labels": record.labels,
    })
}

/// What templates may name: docker's fields, and those of podman's struct.
fn both(one: &Inspected) -> Value {
    let mut value = docker_document(one);
    let podman = podman_document(one);
    let subnets = podman["subnets"].as_array().map(|list| {
        let subnet = |subnet: &Value| json!({"Subnet": subnet["subnet"], "Gateway": subnet["gateway"]});
        list.iter().map(subnet).collect::<Vec<_>>()
    });
    let more = json!({
        "ID": one.record.id, "NetworkInterface": one.record.interface, "Subnets": subnets,
        "IPv6Enabled": one.record.ipv6(), "DNSEnabled": one.record.dns, "NetworkDNSServers": one.record.dns_servers,
        "Routes": podman["routes"], "IPAMOptions": {"driver": podman["ipam_options"]["driver"]},
    });
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}
