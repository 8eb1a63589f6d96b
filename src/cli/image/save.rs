//! `save`

use crate::config::Program;
use crate::engine::Engine;
use crate::engine::image::save::{self, Format, SaveOptions};
use crate::fault::Fault;
use anyhow::{Context as _, Result};
use std::fs::File;
use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

/// Save images to an archive or a directory
///
/// Layers are written as the exact tars that they came in; the same image gives the same bytes every time.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images, by name or ID
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// docker-archive, oci-archive, oci-dir or docker-dir
    #[arg(long, value_name = "FORMAT", default_value = "docker-archive")]
    format: String,
    /// Write to this file or directory instead of the standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Compress layers with gzip (not in a docker-archive)
    #[arg(long)]
    compress: bool,
    /// Accepted for compatibility: layers are not compressed unless --compress says so
    #[arg(long, hide = true)]
    uncompressed: bool,
    /// Accepted for compatibility: several images can always be saved together
    #[arg(short, long, hide = true)]
    multi_image_archive: bool,
    /// Accepted for compatibility: nothing is printed
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let format = match args.format.as_str() {
        "docker-archive" => Format::DockerArchive,
        "oci-archive" => Format::OciArchive,
        "oci-dir" => Format::OciDirectory,
        "docker-dir" => Format::DockerDirectory,
        _ => {
            let what = "format value must be one of oci-dir oci-archive docker-dir docker-archive";
            return Err(Fault::invalid(what).into());
        }
    };
    if args.compress && format == Format::DockerArchive {
        let what = "--compress can only be set when --format is 'docker-dir', 'oci-archive' or 'oci-dir'";
        return Err(Fault::invalid(what).into());
    }
    // Not std's stdout, which looks for line ends.
    let mut stdout: File = std::io::stdout().as_fd().try_clone_to_owned().context("standard output")?.into();
    if args.output.is_none() {
        if format.is_directory() {
            let what = format!("--format \"{}\" needs --output", args.format);
            return Err(Fault::invalid(what).hint("name a directory with -o").into());
        }
        if stdout.is_terminal() {
            return Err(Fault::invalid(match engine.config.program {
                Program::Docker => "cowardly refusing to save to a terminal. Use the -o flag or redirect",
                _ => "refusing to save to terminal. Use -o flag or redirect",
            })
            .into());
        }
    }
    let options = SaveOptions { format, compress: args.compress, output: args.output.clone() };
    save::save(engine, &args.images, &options, &mut stdout)
}
