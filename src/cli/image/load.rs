//! `load`

use crate::cli::output;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::image::load::{self, From, Loaded};
use crate::fault::Fault;
use crate::model::platform::Platform;
use anyhow::{Context as _, Result};
use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

/// Load images from an archive or a directory
///
/// Reads docker's and OCI's archives (plain, gzip or zstd) and directories, from --input or the standard input.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Read from this file or directory instead of the standard input
    #[arg(short, long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// Print only the names of the loaded images
    #[arg(short, long)]
    quiet: bool,
    /// Load only this platform of a multi-platform image
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// Accepted for compatibility: signatures are not checked when loading
    #[arg(long, hide = true, value_name = "PATH")]
    signature_policy: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let platform = args.platform.as_deref().map(parse_platform).transpose()?;
    let from = match &args.input {
        Some(path) => From::Path(path.clone()),
        None if std::io::stdin().is_terminal() => {
            return Err(
                Fault::invalid("cannot read from terminal, use command-line redirection or the --input flag").into()
            );
        }
        None => From::File(std::io::stdin().as_fd().try_clone_to_owned().context("standard input")?.into()),
    };
    for image in load::load(engine, from, platform.as_ref())? {
        output::text(words(engine.config.program, &image))?;
    }
    Ok(())
}

/// What each tool says of a loaded image.
fn words(program: Program, image: &Loaded) -> String {
    let name = |name: &crate::model::reference::Reference| match program {
        Program::Docker => name.familiar(),
        _ => name.to_string(),
    };
    match (program, image.names.as_slice()) {
        (Program::Docker, []) => format!("Loaded image ID: {}\n", image.id),
        (_, []) => format!("Loaded image: {}\n", image.id),
        (_, names) => names.iter().map(|one| format!("Loaded image: {}\n", name(one))).collect(),
    }
}

/// `os/arch[/variant]` or only `arch`.
fn parse_platform(text: &str) -> Result<Platform, Fault> {
    let mut parts = text.split('/').map(str::to_string);
    let platform = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(os), Some(architecture), variant, None) => Platform { os, architecture, variant },
        (Some(architecture), None, None, None) => Platform { os: "linux".into(), architecture, variant: None },
        _ => Platform::default(),
    };
    match platform.os.is_empty() || platform.architecture.is_empty() {
        true => Err(Fault::invalid(format!("platform \"{text}\": must be OS/ARCH or OS/ARCH/VARIANT"))),
        false => Ok(platform),
    }
}
