//! `oci run`

use super::Globals;
use super::create::Common;
use super::relay::{self, Foreground};
use crate::fault::Fault;
use crate::runtime::container;
use anyhow::Result;

/// Make a container, start it, wait for its end and remove it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container's name, of your choice
    #[arg(value_name = "CONTAINER")]
    id: String,
    #[command(flatten)]
    common: Common,
    /// Leave it running
    #[arg(short, long)]
    detach: bool,
    /// Keep its state when it has ended
    #[arg(long)]
    keep: bool,
    /// Don't become the parent of the container's orphans
    #[arg(long)]
    no_subreaper: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.seal()?;
    let options = args.common.options(globals)?;
    let containers = globals.containers();
    let foreground = if args.detach { None } else { Some(Foreground::prepare(!args.no_subreaper)?) };
    let (container, terminal) = container::create(&containers, &args.id, options)?;
    let started = match (&terminal, args.detach) {
        (Some(_), true) => {
            Err(Fault::invalid("cannot allocate tty if runc will detach without setting console socket").into())
        }
        _ => container.process().and_then(|process| container::start(&container).map(|()| process)),
    };
    let process = match started {
        Ok(process) => process,
        Err(error) => {
            let _ = containers.delete(&args.id, true);
            return Err(error);
        }
    };
    let (Some(foreground), Some(process)) = (foreground, process) else { return Ok(()) };
    let code = foreground.follow(&process, terminal);
    if !args.keep {
        containers.delete(&args.id, true)?;
    }
    relay::leave_with(code?)
}
