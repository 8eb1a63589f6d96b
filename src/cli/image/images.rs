//! `images`, `image ls`

use crate::cli::flags::selection::parse_filters;
use crate::cli::output;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::image::list::{self, ListOptions, Listed};
use crate::model::size::ByteSize;
use anyhow::Result;

/// List images in local storage
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only images of this name, with this tag, or matching this pattern
    #[arg(value_name = "IMAGE")]
    image: Option<String>,
    /// Show all images (there are no intermediate ones)
    #[arg(short, long)]
    all: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Only images that match: reference=…, label=…, dangling=true, before=…, since=…, until=…, containers=…, id=…
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Do not shorten IDs
    #[arg(long)]
    no_trunc: bool,
    /// Do not print column headings
    #[arg(short, long)]
    noheading: bool,
    /// Print only IDs
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let options = ListOptions { filters: parse_filters(&args.filter)?, name: args.image.clone() };
    let images = list::list(engine, &options)?;
    let id = |image: &Listed| match args.no_trunc {
        true => image.record.id.to_string(),
        false => image.record.id.short().to_string(),
    };
    if args.quiet {
        return images.iter().try_for_each(|image| output::line(id(image)));
    }
    let mut table = output::Table::new(["REPOSITORY", "TAG", "IMAGE ID", "SIZE"]);
    for image in &images {
        let size = size(engine.config.program, image.record.size);
        for name in &image.names {
            let tag = name.tag.clone().unwrap_or_default();
            table.row([name.repository(), tag, id(image), size.clone()]);
        }
        if image.names.is_empty() {
            table.row(["<none>".to_string(), "<none>".to_string(), id(image), size]);
        }
    }
    output::text(table.render(!args.noheading))
}

/// `7.8MB` as docker writes it, `7.8 MB` as podman does.
fn size(program: Program, bytes: u64) -> String {
    let text = ByteSize(bytes).listed();
    match (program, text.find(|c: char| c.is_ascii_alphabetic())) {
        (Program::Docker, _) | (_, None) => text,
        (_, Some(unit)) => format!("{} {}", &text[..unit], &text[unit..]),
    }
}
