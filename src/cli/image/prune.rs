//! `image prune`

use crate::cli::flags::selection::parse_filters;
use crate::cli::output;
use crate::cli::terminal::prompt;
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::image::prune::{self, PruneOptions, Pruned};
use crate::model::size::ByteSize;
use anyhow::Result;

/// Remove images without a name, or all that no container uses
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Remove all images that no container uses, not only those without a name
    #[arg(short, long)]
    all: bool,
    /// Only images that match: until=TIME, label=KEY[=VALUE], label!=…
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Accepted for compatibility: only barge's own containers use its images
    #[arg(long, hide = true)]
    external: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let program = engine.config.program;
    let filters = parse_filters(&args.filter)?;
    let question = match (program, args.all) {
        (Program::Docker, false) => "WARNING! This will remove all dangling images.",
        (Program::Docker, true) => {
            "WARNING! This will remove all images without at least one container associated to them."
        }
        (_, false) => "WARNING! This command removes all dangling images.",
        (_, true) => "WARNING! This command removes all images without at least one container associated with them.",
    };
    if !args.force && !prompt::confirm(question)? {
        return Ok(());
    }
    let pruned = prune::prune(engine, &PruneOptions { all: args.all, filters })?;
    output::text(words(program, &pruned))
}

fn words(program: Program, pruned: &Pruned) -> String {
    let mut text = String::new();
    if program != Program::Docker {
        for image in &pruned.images {
            text.push_str(&format!("{}\n", image.record.id.hex()));
        }
        return text;
    }
    if !pruned.images.is_empty() {
        text.push_str("Deleted Images:\n");
        for image in &pruned.images {
            for name in &image.names {
                text.push_str(&format!("untagged: {}\n", name.familiar()));
            }
            text.push_str(&format!("deleted: {}\n", image.record.id));
        }
        text.push('\n');
    }
    text.push_str(&format!("Total reclaimed space: {}\n", ByteSize(pruned.bytes).decimal()));
    text
}
