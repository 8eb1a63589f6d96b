//! `network connect`

use crate::engine::{Engine, network};
use crate::fault::Fault;
use crate::model::container::grammar::check_alias;
use crate::model::network::Attachment;
use anyhow::Result;
use std::net::IpAddr;

/// Connect a container to a network, also while it runs
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Network, by name or ID
    #[arg(required = true, value_name = "NETWORK")]
    network: String,
    /// Container, by name or ID
    #[arg(required = true, value_name = "CONTAINER")]
    container: String,
    /// One more name in this network
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
    /// Address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
    /// IPv6 address
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<IpAddr>,
    /// MAC address
    #[arg(long, value_name = "MAC")]
    mac_address: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    args.alias.iter().try_for_each(|alias| check_alias(alias))?;
    if args.ip.is_some_and(|ip| ip.is_ipv6()) || args.ip6.is_some_and(|ip| ip.is_ipv4()) {
        return Err(Fault::invalid("--ip takes an address of IPv4, --ip6 one of IPv6").into());
    }
    let wish = Attachment {
        network: args.network.clone(),
        ip: args.ip,
        ip6: args.ip6,
        mac: args.mac_address.as_deref().map(str::parse).transpose()?,
        aliases: args.alias.clone(),
        interface: None,
    };
    network::connect(engine, &args.container, wish)
}
