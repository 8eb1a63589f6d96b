//! `rmi`, `image rm`

use crate::cli::{error, output};
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::image::remove::{self, InUse, RemoveOptions, Removed};
use crate::fault::{Fault, Kind};
use anyhow::{Error, Result};

/// Remove images from local storage
///
/// Removes a name; with the last name goes the image, and with the image the layers that no other one needs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images, by name or ID
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
    /// Remove all images
    #[arg(short, long)]
    all: bool,
    /// Remove containers that use the image too, and an image with several names by its ID
    #[arg(short, long)]
    force: bool,
    /// Do not fail when a specified image does not exist
    #[arg(short, long)]
    ignore: bool,
    /// Accepted for compatibility: there are no untagged parents to remove
    #[arg(long)]
    no_prune: bool,
}

/// Runs the command.
pub fn run(args: &Args, engine: &Engine) -> Result<()> {
    let docker = engine.config.program == Program::Docker;
    let images = match (args.all, args.images.is_empty()) {
        (true, false) => {
            return Err(Fault::invalid("when using the --all switch, you may not pass any images names or IDs").into());
        }
        (true, true) => remove::all(engine)?,
        (false, true) => return Err(Fault::invalid("image name or ID must be specified").into()),
        (false, false) => args.images.clone(),
    };
    // With --all every image goes by its id, with all its names.
    let options = RemoveOptions { force: args.force, all_names: args.all };
    let mut failures: Vec<Error> = Vec::new();
    let mut removed_any = false;
    for image in &images {
        match remove::remove(engine, image, &options) {
            Ok(removed) => {
                removed_any |= removed.deleted.is_some();
                output::text(words(engine.config.program, &removed))?;
            }
            // With --all, somebody else may be removing too.
            Err(failure)
                if Fault::kind_of(&failure) == Kind::NotFound && (args.ignore || args.all || args.force && !docker) => {
            }
            Err(failure) => failures.push(failure),
        }
    }
    if removed_any {
        remove::sweep(engine)?;
    }
    report(engine.config.program, failures)
}

/// Says what failed; the exit code is podman's: 2 when an image is in use, 1 when all failures are unknown images.
fn report(program: Program, failures: Vec<Error>) -> Result<()> {
    let in_use = failures.iter().any(|failure| failure.downcast_ref::<InUse>().is_some());
    let unknown = failures.iter().all(|failure| Fault::kind_of(failure) == Kind::NotFound);
    if failures.is_empty() {
        return Ok(());
    }
    for failure in &failures {
        output::note(error::line(program, &in_words_of(program, failure)));
    }
    let code = match (program, in_use, unknown) {
        (Program::Docker, ..) => 1,
        (_, true, _) => 2,
        (_, false, true) => 1,
        (_, false, false) => 125,
    };
    Err(Fault::exit(code).into())
}

/// docker names conflicts differently.
fn in_words_of(program: Program, failure: &Error) -> Error {
    let fault = Fault::of(failure).cloned().unwrap_or_else(|| Fault::new(Kind::Internal, error::words(failure)));
    match (program, failure.downcast_ref::<InUse>()) {
        (Program::Docker, Some(in_use)) => {
            let (image, container, id) = (&in_use.image, in_use.container.short(), in_use.id.short());
            let what = match in_use.running {
                true => format!(
                    "conflict: unable to delete {image} (cannot be forced) - image is being used by running container {container}"
                ),
                false => format!(
                    "conflict: unable to remove repository reference \"{image}\" (must force) - container {container} is using its referenced image {id}"
                ),
            };
            Fault::conflict(what).into()
        }
        (Program::Docker, None) if fault.what.contains("with more than one tag") => {
            let id = fault.what.split('"').nth(1).unwrap_or_default();
            let id = id.get(..12).unwrap_or(id);
            Fault::conflict(format!(
                "conflict: unable to delete {id} (must be forced) - image is referenced in multiple repositories"
            ))
            .into()
        }
        _ => fault.into(),
    }
}

/// `Untagged: …`, `Deleted: …`
fn words(program: Program, removed: &Removed) -> String {
    let docker = program == Program::Docker;
    let mut lines = Vec::new();
    for name in &removed.untagged {
        lines.push(format!("Untagged: {}", if docker { name.familiar() } else { name.to_string() }));
    }
    if docker {
        lines.extend(removed.repo_digests.iter().map(|digest| format!("Untagged: {digest}")));
    }
    if let Some(id) = &removed.deleted {
        lines.push(format!("Deleted: {}", if docker { id.as_str() } else { id.hex() }));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}
