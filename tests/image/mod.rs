//! What users do with images: one file per verb.

mod history;
mod images;
mod inspect;
mod load;
mod prune;
mod pull;
mod push;
mod rmi;
mod save;
mod tag;

use crate::support::Finished;
use std::path::Path;
use std::process::Command;

/// Runs another program, which must go well; returns its standard output.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {stdout}{stderr}");
    stdout.into_owned()
}

/// `skopeo copy` without a policy.
#[track_caller]
fn skopeo_copy(from: &str, to: &str) {
    run(Command::new("skopeo").args(["copy", "--insecure-policy", "-q", from, to]));
}

/// podman with a store of its own below `dir`.
fn podman(dir: &Path) -> Command {
    let mut command = Command::new("podman");
    command.arg("--root").arg(dir.join("podman")).arg("--runroot").arg(dir.join("podman-run"));
    command.args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"]);
    command
}

/// The ids of all images, whole.
fn ids(listed: &Finished) -> Vec<String> {
    listed.lines().iter().map(|line| line.trim_start_matches("sha256:").to_string()).collect()
}
