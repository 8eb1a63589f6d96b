//! `info`

mod docker;
mod names;

use crate::cli::output;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::system;
use anyhow::Result;
use serde_json::Value;

/// Display system information
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Go template, or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Accepted for compatibility
    #[arg(short = 'D', long = "debug", hide = true)]
    debug: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let _ = args.debug;
    let info = serde_json::to_value(system::info(engine)?)?;
    let docker = engine.config.program == Program::Docker;
    let shown = if docker { docker::fields(&info) } else { info };
    match args.format.as_deref().map(str::trim) {
        None | Some("") if docker => output::text(docker::words(&shown)),
        None | Some("") => output::text(output::yaml(&shown)),
        Some("json" | "{{json .}}" | "{{ json . }}") if docker => output::line(shown),
        Some("json") => output::line(output::pretty(&shown)),
        Some(format) => {
            let data: Value = if docker { shown } else { names::as_in_go(shown) };
            output::documents_of("info", &[data], Some(format))
        }
    }
}
