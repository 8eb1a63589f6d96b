//! `network create`

use crate::cli::flags::host::split;
use crate::cli::output;
use crate::config::Program;
use crate::engine::{Engine, network};
use crate::fault::Fault;
use crate::model::container::grammar::parse_interface;
use crate::model::network::{NetworkSpec, Subnet};
use anyhow::Result;
use ipnet::IpNet;
use std::net::IpAddr;

/// Create a network
///
/// Its subnet comes from small address pools, beside all that the host has routes for, unless --subnet names one. A
/// container finds the others of its network by name.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Accepted for compatibility: any container may join
    #[arg(long, hide = true)]
    attachable: bool,
    /// Address that no container gets: NAME=ADDRESS
    #[arg(long, value_name = "NAME=ADDRESS")]
    aux_address: Vec<String>,
    /// Answer no names
    #[arg(long)]
    disable_dns: bool,
    /// Name server to ask for names outside
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<String>,
    /// Driver: bridge, macvlan, ipvlan
    #[arg(short, long, value_name = "DRIVER")]
    driver: Option<String>,
    /// Address of the host in a subnet
    #[arg(long, value_name = "ADDRESS")]
    gateway: Vec<String>,
    /// Do nothing when it exists already
    #[arg(long)]
    ignore: bool,
    /// Name of the bridge, or of the link that a macvlan sits on
    #[arg(long, value_name = "NAME")]
    interface_name: Option<String>,
    /// No way out, and none in
    #[arg(long)]
    internal: bool,
    /// Range of addresses for containers: FIRST-LAST or a subnet
    #[arg(long, value_name = "RANGE")]
    ip_range: Vec<String>,
    /// Where addresses come from: host-local, none
    #[arg(long, value_name = "DRIVER")]
    ipam_driver: Option<String>,
    /// Addresses of IPv4, too (they always are)
    #[arg(long, hide = true)]
    ipv4: Option<bool>,
    /// Addresses of IPv6, too: a subnet of its own, unless --subnet names one
    #[arg(long)]
    ipv6: bool,
    /// Label: KEY=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Option of the driver: mtu=, vlan=, isolate=, parent=, mode=, com.docker.network.…
    #[arg(short, long, value_name = "KEY=VALUE")]
    opt: Vec<String>,
    /// Route for containers: DESTINATION,GATEWAY[,METRIC]
    #[arg(long, value_name = "ROUTE")]
    route: Vec<String>,
    /// docker's scope: only local networks are built
    #[arg(long, value_name = "SCOPE", hide = true)]
    scope: Option<String>,
    /// Subnet
    #[arg(long, value_name = "SUBNET")]
    subnet: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let _ = (args.attachable, args.ipv4);
    if let Some(scope) = args.scope.as_deref().filter(|scope| !matches!(*scope, "" | "local")) {
        return Err(crate::cli::command::refuse(&format!("--scope {scope}"), "networks are local").into());
    }
    let mut spec = NetworkSpec {
        name: args
            .name
            .as_deref()
            .filter(|name| !name.is_empty())
            .map(|name| {
                name.parse().map_err(|_| {
                    Fault::invalid(format!(
                        "network name {name} invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument"
                    ))
                })
            })
            .transpose()?,
        driver: args.driver.as_deref().unwrap_or_default().parse()?,
        subnets: subnets(args)?,
        ipv6: args.ipv6.then_some(true),
        internal: args.internal,
        no_dns: args.disable_dns,
        interface: args.interface_name.as_deref().map(parse_interface).transpose()?,
        no_addresses: match args.ipam_driver.as_deref() {
            None | Some("" | "default" | "host-local") => false,
            Some("none" | "null") => true,
            Some(other) => {
                return Err(crate::cli::command::refuse(
                    &format!("--ipam-driver {other}"),
                    "only host-local and none are built",
                )
                .into());
            }
        },
        ..NetworkSpec::default()
    };
    for text in split(&args.dns)? {
        spec.dns.push(text.parse().map_err(|_| Fault::invalid(format!("{text} is not an ip address")))?);
    }
    for (texts, map) in [(&args.opt, &mut spec.options), (&args.label, &mut spec.labels)] {
        for text in texts {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            if key.is_empty() {
                return Err(Fault::invalid(format!("invalid format: {text:?}: must be KEY=VALUE")).into());
            }
            map.insert(key.to_string(), value.to_string());
        }
    }
    for text in &args.route {
        spec.routes.push(text.parse()?);
    }
    match network::create(engine, &spec) {
        Ok(record) if engine.config.program == Program::Docker => output::line(record.id),
        Ok(record) => output::line(record.name),
        Err(error) => match (&spec.name, args.ignore) {
            (Some(name), true) if network::exists(engine, name.as_str())? => output::line(name),
            _ => Err(error),
        },
    }
}

/// The flags of subnets stand in parallel lists: each gateway, range and address belongs to the subnet it lies in.
fn subnets(args: &Args) -> Result<Vec<Subnet>> {
    let mut subnets = Vec::new();
    for text in split(&args.subnet)? {
        let net: IpNet = text.parse().map_err(|_| Fault::invalid(format!("invalid CIDR address: {text}")))?;
        subnets.push(Subnet::new(net));
    }
    let place = |subnets: &mut Vec<Subnet>, address: IpAddr, what: &str| -> Result<usize> {
        let found = subnets.iter().position(|subnet| subnet.subnet.contains(&address));
        found.ok_or_else(|| {
            Fault::invalid(match subnets.is_empty() {
                true => format!("cannot set {what} without a subnet"),
                false => format!("{what} {address} matches no --subnet: invalid argument"),
            })
            .into()
        })
    };
    for text in split(&args.gateway)? {
        let address: IpAddr = text.parse().map_err(|_| Fault::invalid(format!("invalid gateway address {text:?}")))?;
        let index = place(&mut subnets, address, "gateway")?;
        subnets[index].gateway = Some(address);
    }
    for text in split(&args.ip_range)? {
        let bad = || Fault::invalid(format!("invalid ip range {text:?}: must be FIRST-LAST or a subnet"));
        let range = match text.split_once('-') {
            Some((first, last)) => {
                (first.trim().parse::<IpAddr>().map_err(|_| bad())?, last.trim().parse::<IpAddr>().map_err(|_| bad())?)
            }
            None => {
                let net: IpNet = text.parse().map_err(|_| bad())?;
                Subnet { range: None, ..Subnet::new(net) }.bounds()
            }
        };
        if range.0 > range.1 || range.0.is_ipv4() != range.1.is_ipv4() {
            return Err(bad().into());
        }
        let index = place(&mut subnets, range.0, "ip-range")?;
        subnets[index].range = Some(range);
    }
    for text in split(&args.aux_address)? {
        let (name, address) = text.split_once('=').unwrap_or(("", &text));
        let address: IpAddr = address
            .parse()
            .map_err(|_| Fault::invalid(format!("invalid auxiliary address {text:?}: must be NAME=ADDRESS")))?;
        let index = place(&mut subnets, address, "aux-address")?;
        let name = if name.is_empty() { address.to_string() } else { name.to_string() };
        subnets[index].auxiliary.insert(name, address);
    }
    Ok(subnets)
}
