//! `push`

use crate::cli::command::refuse;
use crate::cli::flags::registry::RegistryFlags;
use crate::cli::output;
use crate::cli::terminal::progress::{self, Place};
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::image::push::{self, Compression, Format, PushOptions};
use crate::fault::Fault;
use anyhow::{Context as _, Result};
use std::path::PathBuf;

/// Push an image to a registry
///
/// What the registry has already, in this repository or another one, is not sent again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The image, by name or id
    #[arg(required = true, value_name = "IMAGE")]
    image: String,
    /// Where to, as [docker://]NAME[:TAG]; the image's own name by default
    #[arg(value_name = "DESTINATION")]
    destination: Option<String>,
    /// Push every tag of the repository
    #[arg(short, long)]
    all_tags: bool,
    /// Compression of layers: gzip, zstd or none
    #[arg(long, value_name = "FORMAT")]
    compression_format: Option<String>,
    /// Level of compression
    #[arg(long, value_name = "LEVEL", allow_negative_numbers = true)]
    compression_level: Option<i32>,
    /// Compress anew even if the registry has the layers in another compression
    #[arg(long)]
    force_compression: bool,
    /// Write the digest of the pushed manifest to this file
    #[arg(long, value_name = "PATH")]
    digestfile: Option<PathBuf>,
    /// Kind of manifest: oci, or v2s2 (docker)
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Print nothing
    #[arg(short, long)]
    quiet: bool,
    /// Do not copy signatures (none are copied)
    #[arg(long)]
    remove_signatures: bool,
    /// Only for transport dir:
    #[arg(long, hide = true)]
    compress: bool,
    #[arg(long, hide = true, value_name = "KEY")]
    encryption_key: Vec<String>,
    #[arg(long, hide = true, value_name = "LAYER")]
    encrypt_layer: Vec<i32>,
    #[arg(long, hide = true, value_name = "KEY")]
    sign_by: Option<String>,
    #[arg(long, hide = true, value_name = "PATH")]
    sign_by_sigstore: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "PATH")]
    sign_by_sigstore_private_key: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "PATH")]
    sign_passphrase_file: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "PLATFORM")]
    platform: Option<String>,
    #[command(flatten)]
    registry: RegistryFlags,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let options = options(args)?;
    let docker = engine.config.program == Program::Docker;
    let place = if docker { Place::Output } else { Place::Error };
    let progress = progress::progress_in(engine.config.program, args.quiet, place);
    let pushed = push::push(engine, &args.image, args.destination.as_deref(), &options, &*progress)?;
    progress.finish();
    for one in &pushed {
        if let Some(path) = &args.digestfile {
            std::fs::write(path, one.digest.as_str()).with_context(|| format!("writing {}", path.display()))?;
        }
        if docker {
            match args.quiet {
                true => output::line(args.destination.as_ref().unwrap_or(&args.image))?,
                false => {
                    let tag = one.tag.as_deref().unwrap_or("latest");
                    output::line(format!("{tag}: digest: {} size: {}", one.digest, one.size))?;
                }
            }
        }
    }
    Ok(())
}

fn options(args: &Args) -> Result<PushOptions, Fault> {
    for (given, flag) in [
        (!args.encryption_key.is_empty() || !args.encrypt_layer.is_empty(), "--encryption-key"),
        (args.sign_by.is_some(), "--sign-by"),
        (args.sign_by_sigstore.is_some(), "--sign-by-sigstore"),
        (args.sign_by_sigstore_private_key.is_some(), "--sign-by-sigstore-private-key"),
        (args.sign_passphrase_file.is_some(), "--sign-passphrase-file"),
        (args.platform.is_some(), "--platform"),
        (args.compress, "--compress"),
    ] {
        if given {
            return Err(refuse(flag, "it belongs to signing, encryption and indexes"));
        }
    }
    let format = match args.format.as_deref() {
        None => None,
        Some("oci") => Some(Format::Oci),
        Some("v2s2" | "docker") => Some(Format::Docker),
        Some("v2s1") => return Err(Fault::unsupported("--format v2s1: schema 1 is gone from registries")),
        Some(other) => {
            return Err(Fault::invalid(format!(
                "unknown format {other:?}. Choose one of the supported formats: 'oci', 'v2s1', or 'v2s2'"
            )));
        }
    };
    let compression = match args.compression_format.as_deref() {
        None => args.force_compression.then_some(Compression::Gzip),
        Some("gzip") => Some(Compression::Gzip),
        Some("zstd") => Some(Compression::Zstd),
        Some("none") => Some(Compression::None),
        Some(text @ "zstd:chunked") => return Err(refuse(&format!("--compression-format {text}"), "use zstd")),
        Some(other) => return Err(Fault::invalid(format!("unknown compression format {other:?}"))),
    };
    Ok(PushOptions {
        access: args.registry.access()?,
        // Docker's kind of manifest knows no zstd: who asks for zstd wants OCI's.
        format: format.or((compression == Some(Compression::Zstd)).then_some(Format::Oci)),
        compression,
        level: args.compression_level,
        all_tags: args.all_tags,
    })
}
