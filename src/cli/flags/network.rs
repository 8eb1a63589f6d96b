//! The networks of a container: which ones, its addresses and names there, published ports, name servers.

use super::Host;
use super::host::split;
use crate::config::Program;
use crate::fault::Fault;
use crate::model::container::grammar::{NetworkWish, check_alias, parse_expose, parse_network, parse_publish};
use crate::model::container::{ContainerSpec, NetworkMode};
use crate::model::network::Attachment;
use anyhow::Result;
use std::net::IpAddr;

/// The flags.
#[derive(Debug, Default, clap::Args)]
pub struct NetworkFlags {
    /// Name server to ask for names outside
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<String>,
    /// Option for the container's resolv.conf
    #[arg(long, visible_alias = "dns-opt", value_name = "OPTION")]
    dns_option: Vec<String>,
    /// Domain to search names in
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,
    /// Port or range that the container listens on: 80, 80-90/udp
    #[arg(long, value_name = "PORT")]
    expose: Vec<String>,
    /// Address in its network
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,
    /// IPv6 address in its network
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<String>,
    /// Let it find another container under another name: CONTAINER:ALIAS
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    link: Vec<String>,
    /// MAC address in its network
    #[arg(long, value_name = "MAC")]
    mac_address: Option<String>,
    /// Network: bridge, NAME[:ip=…,mac=…,alias=…], none, host, container:NAME, ns:PATH
    #[arg(long, visible_alias = "net", value_name = "NETWORK")]
    network: Vec<String>,
    /// One more name in its networks
    #[arg(long, visible_alias = "net-alias", value_name = "NAME")]
    network_alias: Vec<String>,
    /// Publish a port on the host: [ADDRESS:][HOSTPORT]:PORT[/PROTOCOL]
    #[arg(short, long, value_name = "PORT")]
    publish: Vec<String>,
    /// Publish all exposed ports on free ports of the host
    #[arg(short = 'P', long)]
    publish_all: bool,
}

impl NetworkFlags {
    pub(super) fn apply(&self, spec: &mut ContainerSpec, host: &Host<'_>) -> Result<()> {
        self.networks(spec, host)?;
        let options = &mut spec.network;
        for text in host.list(&self.publish)? {
            options.publish.push(parse_publish(&text)?);
        }
        options.publish_all = self.publish_all;
        for text in host.list(&self.expose)? {
            options.expose.extend(parse_expose(&text)?);
        }
        for text in &self.link {
            let (container, alias) = text.split_once(':').unwrap_or((text, text));
            let container = container.strip_prefix('/').unwrap_or(container);
            let alias = alias.strip_prefix('/').unwrap_or(alias);
            if container.is_empty() {
                return Err(Fault::invalid(format!("bad format for links: {text}")).into());
            }
            check_alias(alias)?;
            options.links.push((container.to_string(), alias.to_string()));
        }
        for text in split(&self.dns)? {
            match text.as_str() {
                "none" => options.no_resolv_conf = true,
                text => {
                    options.dns.push(text.parse().map_err(|_| Fault::invalid(format!("{text} is not an ip address")))?)
                }
            }
        }
        if options.no_resolv_conf
            && (!options.dns.is_empty() || !self.dns_search.is_empty() || !self.dns_option.is_empty())
        {
            return Err(Fault::invalid(
                "invalid config provided: cannot set DNS servers, searches or options with --dns none",
            )
            .into());
        }
        for text in &self.dns_search {
            let good = text == "." || crate::model::zone::key(text).is_some();
            if !good {
                return Err(Fault::invalid(format!("{text} is not a valid domain")).into());
            }
            options.dns_search.push(text.clone());
        }
        for text in &self.dns_option {
            if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err(Fault::invalid(format!("invalid DNS option {text:?}")).into());
            }
            options.dns_options.push(text.clone());
        }
        Ok(())
    }

    fn networks(&self, spec: &mut ContainerSpec, host: &Host<'_>) -> Result<()> {
        // docker's own form of one network has commas in it, and so has podman's.
        let mut mode = None;
        for text in &self.network {
            let names: Vec<&str> = match text.contains(['=', ':']) {
                true => vec![text],
                false => text.split(',').collect(),
            };
            for name in names {
                match parse_network(name)? {
                    NetworkWish::Attach(wish) => {
                        if spec.network.attachments.iter().any(|known| known.network == wish.network) {
                            return Err(Fault::invalid(format!(
                                "network {:?} is specified multiple times",
                                wish.network
                            ))
                            .into());
                        }
                        spec.network.attachments.push(wish);
                    }
                    NetworkWish::Mode(wanted) if mode.is_none() => mode = Some(wanted),
                    NetworkWish::Mode(_) => {
                        return Err(
                            Fault::invalid("can only set extra network names, selected mode is not bridge").into()
                        );
                    }
                }
            }
        }
        spec.namespaces.network = match (mode, spec.network.attachments.is_empty()) {
            (Some(NetworkMode::Default) | None, false) => NetworkMode::Networks,
            (Some(_), false) => {
                return Err(Fault::invalid("cannot set multiple networks without bridge network mode").into());
            }
            (mode, true) => mode.unwrap_or_default(),
        };
        let address = |flag: &str, text: &Option<String>, ipv4: bool| -> Result<Option<IpAddr>> {
            let Some(text) = text else { return Ok(None) };
            match text.parse::<IpAddr>() {
                Ok(address) if address.is_ipv4() == ipv4 => Ok(Some(address)),
                _ => Err(Fault::invalid(format!("invalid IP address {text:?} for --{flag}")).into()),
            }
        };
        let (ip, ip6) = (address("ip", &self.ip, true)?, address("ip6", &self.ip6, false)?);
        let mac = self.mac_address.as_deref().map(str::parse).transpose()?;
        let aliases = host.list(&self.network_alias)?;
        aliases.iter().try_for_each(|alias| check_alias(alias))?;
        if ip.is_none() && ip6.is_none() && mac.is_none() && aliases.is_empty() {
            return Ok(());
        }
        match spec.namespaces.network {
            NetworkMode::Networks => {}
            // The default network, whatever it is called.
            NetworkMode::Default => spec.network.attachments.push(Attachment::default()),
            // docker: a container in another's network has the other's names.
            _ if host.program == Program::Docker => {
                return Err(Fault::invalid(
                    "conflicting options: custom addresses and aliases, and a network mode that has none",
                )
                .into());
            }
            _ => {
                return Err(Fault::invalid(
                    "networks and static ip/mac address can only be used with Bridge mode networking: invalid argument",
                )
                .into());
            }
        }
        if (ip.is_some() || ip6.is_some() || mac.is_some()) && spec.network.attachments.len() > 1 {
            return Err(Fault::invalid(
                "--ip, --ip6 and --mac-address can only be set with one network: use --network NAME:ip=…",
            )
            .into());
        }
        for attachment in &mut spec.network.attachments {
            attachment.ip = ip.or(attachment.ip);
            attachment.ip6 = ip6.or(attachment.ip6);
            attachment.mac = mac.or(attachment.mac);
            attachment.aliases.extend(aliases.iter().cloned());
        }
        Ok(())
    }
}
