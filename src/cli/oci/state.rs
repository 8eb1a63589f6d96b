//! `oci state`

use super::Globals;
use crate::cli::output;
use crate::runtime::container::Status;
use anyhow::{Context, Result};

/// Show the state of a container
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The container
    #[arg(value_name = "CONTAINER")]
    id: String,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    let container = globals.containers().open(&args.id)?;
    output::line(serde_json::to_string_pretty(&shown(&container, container.status()?)).context("writing the state")?)
}

/// The spec's state, and what runc adds to it.
pub fn shown(container: &crate::runtime::container::Container, status: Status) -> serde_json::Value {
    let record = &container.record;
    let mut state = container.state(status);
    state["pid"] = if status == Status::Stopped { 0 } else { record.pid }.into();
    state["rootfs"] = serde_json::json!(record.rootfs);
    state["created"] = record.created.as_str().into();
    state["owner"] = super::list::owner(record.owner).into();
    state
}
