//! `network explain`

use crate::cli::output;
use crate::engine::{Engine, network};
use crate::fault::Fault;
use anyhow::Result;

/// Follow the path between two containers, and say where it breaks
///
/// The network that both are in, what the name is answered with, the links, the firewall, and who listens on the port.
/// Exit code 1 when it breaks somewhere.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Container, or `host`
    #[arg(required = true, value_name = "FROM")]
    from: String,
    /// Container, with a port or without
    #[arg(required = true, value_name = "TO[:PORT]")]
    to: String,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let (name, port) = match args.to.rsplit_once(':') {
        Some((name, port)) => {
            let port = port.parse::<u16>().map_err(|_| Fault::invalid(format!("invalid port {port:?}")))?;
            (name, Some(port))
        }
        None => (args.to.as_str(), None),
    };
    let explained = network::explain(engine, &args.from, name, port)?;
    for step in &explained.steps {
        let mark = if step.passes { "ok" } else { "BREAKS" };
        output::line(format!("{mark:<8}{:<9}{}", step.what, output::printable(&step.found)))?;
    }
    if explained.passes() { Ok(()) } else { Err(Fault::exit(1).into()) }
}
