//! `logout`

use crate::cli::output;
use crate::config::{Config, Program};
use crate::engine::image::access::Access;
use crate::engine::image::login;
use crate::fault::{Fault, Kind};
use anyhow::Result;
use std::path::PathBuf;

/// Log out of a container registry
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The registry (docker.io by default)
    #[arg(value_name = "REGISTRY")]
    registry: Option<String>,
    /// Forget the credentials of all registries
    #[arg(short, long)]
    all: bool,
    /// Path of the authentication file [env: REGISTRY_AUTH_FILE]
    #[arg(long, value_name = "PATH")]
    authfile: Option<PathBuf>,
    /// Change an authentication file in Docker's place and format
    #[arg(long, value_name = "PATH")]
    compat_auth_file: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args, config: &Config) -> Result<()> {
    let docker = config.program == Program::Docker;
    let authfile = args.compat_auth_file.clone().or_else(|| args.authfile.clone());
    let access = Access { authfile, ..Access::default() };
    if args.all {
        if args.registry.is_some() {
            return Err(Fault::invalid("--all takes no arguments").into());
        }
        login::logout(config, None, &access)?;
        return output::line("Removed login credentials for all registries");
    }
    let registry = super::login::registry(args.registry.as_deref(), config)?;
    if docker {
        output::line(format!("Removing login credentials for {registry}"))?;
    }
    match login::logout(config, Some(&registry), &access) {
        Ok(_) if docker => Ok(()),
        Ok(_) => output::line(format!("Removed login credentials for {registry}")),
        // docker does not mind.
        Err(error) if docker && Fault::kind_of(&error) == Kind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
