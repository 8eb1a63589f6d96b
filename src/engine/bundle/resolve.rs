//! What the image's defaults come to, once a user's wishes are laid over them.

use super::process::DEFAULT_PATH;
use crate::config::Program;
use crate::engine::container::parse_signal;
use crate::fault::Fault;
use crate::model::container::{ContainerSpec, IdMap};
use crate::model::image::ImageConfig;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a container runs, after the image's defaults. Kept in its record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resolved {
    /// First words of the command line.
    #[serde(skip_serializing_if = "crate::model::container::is_default")]
    pub entrypoint: Vec<String>,
    /// The other words.
    #[serde(skip_serializing_if = "crate::model::container::is_default")]
    pub command: Vec<String>,
    /// `K=V`, each name once; without those that depend on the start (HOME, HOSTNAME).
    #[serde(skip_serializing_if = "crate::model::container::is_default")]
    pub env: Vec<String>,
    /// Absolute and clean.
    #[serde(skip_serializing_if = "crate::model::container::is_default")]
    pub working_dir: String,
    /// As written: `web`, `1000:1000`, empty.
    #[serde(skip_serializing_if = "crate::model::container::is_default")]
    pub user: String,
    /// The number of the stop signal.
    #[serde(skip_serializing_if = "crate::model::container::is_default")]
    pub stop_signal: i32,
    /// Seconds between it and SIGKILL.
    #[serde(skip_serializing_if = "crate::model::container::is_default")]
    pub stop_timeout: u32,
    /// The image's and the user's.
    #[serde(skip_serializing_if = "crate::model::container::is_default")]
    pub labels: BTreeMap<String, String>,
    /// The image's VOLUMEs that no mount takes the place of, and `-v /path`.
    #[serde(skip_serializing_if = "crate::model::container::is_default")]
    pub volumes: Vec<Volume>,
    /// The image's `ExposedPorts`.
    #[serde(skip_serializing_if = "crate::model::container::is_default")]
    pub exposed_ports: Vec<String>,
    /// The maps of its own user namespace, in terms of the engine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<IdMap>,
    /// The exit code of a start that failed: 125, 126 or 127. Gone with the next one.
    #[serde(skip_serializing_if = "crate::model::container::is_default")]
    pub failed_start: Option<u8>,
    /// Where it is counted, when that is not where it would be by default. Known after the first start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<crate::runtime::cgroup::Place>,
    /// The image's `Healthcheck`, as it is.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub healthcheck: serde_json::Value,
}

/// An anonymous volume: a directory of the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Where it is seen.
    pub target: String,
    /// Its directory's name among the container's volumes.
    pub directory: String,
    /// `ro`
    #[serde(default)]
    pub read_only: bool,
}

impl Resolved {
    /// The whole command line.
    pub fn args(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.command).cloned().collect()
    }
}

/// The image's defaults and the user's wishes, in one.
pub fn resolve(spec: &ContainerSpec, image: Option<&ImageConfig>, program: Program) -> Result<Resolved> {
    let empty = Default::default();
    let image = image.map_or(&empty, |image| &image.config);
    let process = &spec.process;
    let (entrypoint, command) = match &process.entrypoint {
        // Docker: an own entrypoint drops the image's command, too; an empty one drops both.
        Some(own) => (own.iter().filter(|_| !is_empty(own)).cloned().collect(), process.command.clone()),
        None if process.command.is_empty() => (image.entrypoint.clone(), image.cmd.clone()),
        None => (image.entrypoint.clone(), process.command.clone()),
    };
    if entrypoint.is_empty() && command.is_empty() {
        return Err(Fault::invalid(match program {
            Program::Docker => "no command specified",
            _ => "no command or entrypoint provided, and no CMD or ENTRYPOINT from image",
        })
        .into());
    }
    let stop_signal = match (&process.stop_signal, image.stop_signal.as_deref()) {
        (Some(own), _) => parse_signal(own)?,
        (None, Some(signal)) if !signal.is_empty() => parse_signal(signal)?,
        _ => libc::SIGTERM,
    };
    let stop_timeout =
        process.stop_timeout.or(image.stop_timeout.map(|seconds| seconds.min(u64::from(u32::MAX)) as u32));
    let mut labels = image.labels.clone();
    labels.extend(spec.labels.clone());
    Ok(Resolved {
        entrypoint,
        command,
        env: environment(spec, &image.env, program),
        working_dir: working_dir(process.working_dir.as_deref(), &image.working_dir)?,
        user: process.user.clone().filter(|user| !user.is_empty()).unwrap_or_else(|| image.user.clone()),
        stop_signal,
        stop_timeout: stop_timeout.unwrap_or(10),
        labels,
        volumes: volumes(spec, image.volumes.keys())?,
        exposed_ports: image.exposed_ports.keys().cloned().collect(),
        ids: None,
        failed_start: None,
        cgroup: None,
        healthcheck: image.healthcheck.clone().unwrap_or_default(),
    })
}

fn is_empty(words: &[String]) -> bool {
    words.iter().all(String::is_empty)
}

/// Defaults, then the image's, then the user's; a later one takes an earlier one's place.
fn environment(spec: &ContainerSpec, image: &[String], program: Program) -> Vec<String> {
    let mut env = Vec::new();
    put(&mut env, &format!("PATH={DEFAULT_PATH}"));
    if spec.process.terminal {
        put(&mut env, "TERM=xterm");
    }
    match program {
        Program::Podman => put(&mut env, "container=podman"),
        Program::Barge => put(&mut env, "container=barge"),
        Program::Docker => {}
    }
    if !spec.process.unset_env_all {
        // A variable without `=` means nothing here; it never takes a value from the host (CVE-2026-57231).
        image.iter().filter(|variable| variable.contains('=')).for_each(|variable| put(&mut env, variable));
    }
    for name in &spec.process.unset_env {
        env.retain(|variable| variable.split('=').next() != Some(name));
    }
    for variable in spec.process.env.iter().filter(|variable| variable.contains('=')) {
        put(&mut env, variable);
    }
    env
}

/// Sets one variable in a list.
pub fn put(env: &mut Vec<String>, variable: &str) {
    let name = variable.split('=').next().unwrap_or_default();
    if name.is_empty() || variable.contains('\0') {
        return;
    }
    match env.iter_mut().find(|known| known.split('=').next() == Some(name)) {
        Some(known) => *known = variable.to_string(),
        None => env.push(variable.to_string()),
    }
}

fn working_dir(own: Option<&str>, image: &str) -> Result<String> {
    match own.filter(|path| !path.is_empty()) {
        Some(path) if !path.starts_with('/') => {
            Err(Fault::invalid(format!("the working directory '{path}' is invalid, it needs to be an absolute path"))
                .into())
        }
        Some(path) => Ok(clean(path)),
        None => Ok(clean(image)),
    }
}

/// An absolute path without `.`, `..`, and doubled slashes, worked out as text.
pub(super) fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The image's VOLUMEs and the user's anonymous ones, without those that a mount of the user's takes the place of.
fn volumes<'a>(spec: &ContainerSpec, image: impl Iterator<Item = &'a String>) -> Result<Vec<Volume>> {
    use crate::model::container::MountKind;
    let mut volumes: Vec<Volume> = Vec::new();
    let own = spec.mounts.iter().filter(|mount| mount.kind == MountKind::Anonymous);
    let wanted =
        own.map(|mount| (mount.target.as_str(), mount.read_only)).chain(image.map(|path| (path.as_str(), false)));
    for (path, read_only) in wanted {
        let target = clean(path);
        let taken =
            spec.mounts.iter().any(|mount| mount.kind != MountKind::Anonymous && clean(&mount.target) == target);
        if taken || volumes.iter().any(|known| known.target == target) {
            continue;
        }
        if target == "/" || is_kernels(&target) {
            return Err(Fault::invalid(format!("volume {path:?}: can't be mounted there")).into());
        }
        volumes.push(Volume { target, directory: volumes.len().to_string(), read_only });
    }
    Ok(volumes)
}

/// Within `/proc` or `/sys`: nothing from outside is mounted there.
pub(super) fn is_kernels(target: &str) -> bool {
    ["/proc", "/sys"]
        .iter()
        .any(|top| target == *top || target.strip_prefix(top).is_some_and(|rest| rest.starts_with('/')))
}
