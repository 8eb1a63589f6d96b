//! `attach`

use crate::cli::error::Usage;
use crate::cli::terminal::attach::{self, AttachOptions};
use crate::engine::Engine;
use crate::engine::container;
use anyhow::Result;

/// Attach to a running container
///
/// Shows its output from now on and gives it our input, until it ends or the detach keys are typed. Several may be
/// attached at once.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Container, by name or ID
    #[arg(value_name = "CONTAINER")]
    container: Option<String>,
    /// Keys that detach: a letter, or ctrl-X, with commas; "" for none
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Act on the container that was created last
    #[arg(short, long)]
    latest: bool,
    /// Do not give it our standard input
    #[arg(long)]
    no_stdin: bool,
    /// Pass signals on to its process
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    sig_proxy: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let id = match (&args.container, args.latest) {
        (Some(name), false) => container::find(engine, name)?,
        (None, true) => container::latest(engine)?,
        _ => {
            let name = engine.config.program.name();
            return Err(Usage::new(format!("\"{name} attach\" requires a name, id, or the \"--latest\" flag")).into());
        }
    };
    let options = AttachOptions {
        stdin: !args.no_stdin,
        stdout: true,
        stderr: true,
        detach_keys: args.detach_keys.clone(),
        sig_proxy: args.sig_proxy,
    };
    options.check()?;
    let attachment = container::attach(engine, &id, options.streams())?;
    attach::follow(engine, attachment, &options)
}
