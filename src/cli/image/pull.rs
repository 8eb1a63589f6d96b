//! `pull`

use crate::cli::flags::registry::RegistryFlags;
use crate::cli::output;
use crate::cli::terminal::progress::{self, Place};
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::image::pull::{self, PullOptions, Pulled, status_line};
use crate::fault::Fault;
use crate::model::container::PullPolicy;
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use anyhow::Result;

/// Pull an image from a registry
///
/// Every layer is downloaded, checked and unpacked in one pass, several at once; a broken download is taken up where
/// it ended, also by a later pull.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images, as NAME[:TAG|@DIGEST]
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// Pull every tag of the repository
    #[arg(short, long)]
    all_tags: bool,
    /// Choose an image for this architecture
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
    /// Choose an image for this operating system
    #[arg(long, value_name = "OS")]
    os: Option<String>,
    /// Choose an image for this variant of the architecture
    #[arg(long, value_name = "VARIANT")]
    variant: Option<String>,
    /// Choose an image for this platform
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// When to pull: always, missing, never or newer
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// Print the image id only
    #[arg(short, long)]
    quiet: bool,
    /// Keys for encrypted images
    #[arg(long, hide = true, value_name = "KEY")]
    decryption_key: Vec<String>,
    #[command(flatten)]
    registry: RegistryFlags,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let options = options(args)?;
    let docker = engine.config.program == Program::Docker;
    let place = if docker { Place::Output } else { Place::Error };
    let progress = progress::progress_in(engine.config.program, args.quiet, place);
    for image in &args.images {
        if docker && !args.quiet {
            announce(image, args.all_tags)?;
        }
        let pulled = pull::pull(engine, image, &options, &*progress)?;
        progress.finish();
        for one in &pulled {
            if docker {
                print_as_docker(one, args.quiet)?;
            } else {
                output::line(one.id.hex())?;
            }
        }
    }
    Ok(())
}

fn options(args: &Args) -> Result<PullOptions, Fault> {
    if !args.decryption_key.is_empty() {
        return Err(Fault::unsupported("--decryption-key: encrypted images are not supported yet"));
    }
    let parts = [&args.arch, &args.os, &args.variant];
    let platform = match (&args.platform, parts.iter().any(|part| part.is_some())) {
        (Some(_), true) => return Err(Fault::invalid("--platform option can not be specified with --arch or --os")),
        (Some(text), false) => Some(text.parse()?),
        (None, true) => Some(Platform {
            os: args.os.clone().unwrap_or_default(),
            architecture: args.arch.clone().unwrap_or_default(),
            variant: args.variant.clone(),
        }),
        (None, false) => None,
    };
    let policy = match args.policy.as_deref() {
        None => None,
        Some(text) => Some(match text.to_ascii_lowercase().as_str() {
            "always" | "true" | "1" => PullPolicy::Always,
            "missing" | "ifnotpresent" | "false" | "0" => PullPolicy::Missing,
            "never" => PullPolicy::Never,
            "newer" | "ifnewer" => PullPolicy::Newer,
            _ => return Err(Fault::invalid(format!("unsupported pull policy {text:?}"))),
        }),
    };
    Ok(PullOptions { platform, access: args.registry.access()?, all_tags: args.all_tags, policy })
}

fn announce(image: &str, all_tags: bool) -> Result<()> {
    let name: Reference = image.parse()?;
    if name.tag.is_none() && name.digest.is_none() && !all_tags {
        output::line("Using default tag: latest")?;
    }
    Ok(())
}

fn print_as_docker(pulled: &Pulled, quiet: bool) -> Result<()> {
    if !quiet {
        output::line(format!("Digest: {}", pulled.digest))?;
        output::line(status_line(pulled))?;
    }
    output::line(&pulled.name)
}
