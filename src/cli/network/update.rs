//! `network update`

use crate::cli::flags::host::split;
use crate::cli::output;
use crate::engine::Engine;
use crate::engine::network::{self, UpdateOptions};
use crate::fault::Fault;
use anyhow::Result;
use std::net::IpAddr;

/// Change the name servers of a network
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Network, by name or ID
    #[arg(required = true, value_name = "NETWORK")]
    network: String,
    /// Name server to ask for names outside
    #[arg(long, value_name = "ADDRESS")]
    dns_add: Vec<String>,
    /// Name server to ask no more
    #[arg(long, value_name = "ADDRESS")]
    dns_drop: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let parse = |texts: &[String]| -> Result<Vec<IpAddr>> {
        let one =
            |text: &String| text.parse().map_err(|_| Fault::invalid(format!("{text} is not an ip address")).into());
        split(texts)?.iter().map(one).collect()
    };
    let options = UpdateOptions { add: parse(&args.dns_add)?, remove: parse(&args.dns_drop)? };
    network::update(engine, &args.network, &options)?;
    output::line(&args.network)
}
