//! `port`

use crate::cli::error::Usage;
use crate::cli::output;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::container::{self, Selection};
use crate::fault::Fault;
use crate::model::network::merged;
use anyhow::Result;

/// List published ports of a container
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Container, by name or ID
    #[arg(value_name = "CONTAINER")]
    container: Option<String>,
    /// Only this port: 80 or 80/tcp
    #[arg(value_name = "PORT")]
    port: Option<String>,
    /// Ports of all running containers
    #[arg(short, long)]
    all: bool,
    /// Act on the container that was created last
    #[arg(short, long)]
    latest: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    if args.container.is_none() && !args.all && !args.latest {
        return Err(Usage::new("you must supply a running container name or id").into());
    }
    // With --all or --latest the first word is the port.
    let (names, port) = match (args.all || args.latest, &args.container, &args.port) {
        (true, port, _) => (Vec::new(), port),
        (false, name, port) => (name.iter().cloned().collect(), port),
    };
    let wanted = port.as_deref().map(parse_port).transpose()?;
    let selection = Selection { names, all: args.all, latest: args.latest, running: args.all, ..Selection::default() };
    for (_, found) in container::select(engine, &selection)? {
        let id = found?;
        let mut any = false;
        let ports = container::port(engine, &id)?;
        for published in if engine.config.program == Program::Docker { ports } else { merged(&ports) } {
            let bound = published.place();
            match &wanted {
                None if args.all => {
                    output::line(format!("{}\t{}/{} -> {bound}", id.short(), published.container, published.protocol))?
                }
                None => output::line(format!("{}/{} -> {bound}", published.container, published.protocol))?,
                Some((number, protocol)) if *number == published.container && protocol == published.protocol.name() => {
                    output::line(bound)?;
                }
                Some(_) => continue,
            }
            any = true;
        }
        if let (false, Some((number, protocol))) = (any, &wanted) {
            return Err(Fault::not_found(format!("failed to find published port \"{number}/{protocol}\"")).into());
        }
    }
    Ok(())
}

fn parse_port(text: &str) -> Result<(u16, String)> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number = number.parse().map_err(|_| Fault::invalid(format!("invalid port {text:?}")))?;
    Ok((number, protocol.to_string()))
}
