//! Precedence, as a pure function: a flag wins over the environment, which wins over a file, which wins over us.

use super::environment::Caller;
use super::file::Files;
use super::{CgroupManager, Config, Defaults, Environment, Globals};
use crate::fault::Fault;
use anyhow::Result;
use std::path::{Component, Path, PathBuf};

/// Puts together flags, environment and files.
pub fn resolve(globals: &Globals, environment: Environment, caller: Caller, files: Files) -> Result<Config> {
    if let Some(option) = globals.storage_opt.first() {
        return Err(Fault::unsupported(format!("storage option `{option}`: no storage options are built")).into());
    }
    if let Some(dir) = globals.hooks_dir.first() {
        return Err(Fault::unsupported(format!("hooks directory `{}`: OCI hooks are not built", dir.display())).into());
    }
    let home = caller.home.clone().unwrap_or_else(|| PathBuf::from("/"));
    let rootless = caller.uid != 0 || caller.in_user_namespace;
    let default_root = if caller.owns_system {
        PathBuf::from("/var/lib/barge")
    } else {
        environment.path("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share")).join("barge")
    };
    let user_run = if caller.owns_system {
        PathBuf::from("/run/barge")
    } else {
        match &caller.runtime_dir {
            Some(dir) => dir.join("barge"),
            None => PathBuf::from(format!("/tmp/barge-{}", caller.uid)),
        }
    };
    let root = match &globals.root {
        Some(root) => absolute(root)?,
        None => default_root.clone(),
    };
    let run = match &globals.runroot {
        Some(run) => absolute(run)?,
        None if root != default_root => user_run.join(format!("at-{:08x}", fingerprint(&root))),
        None => user_run.clone(),
    };
    let driver = match globals.storage_driver.as_deref().or(environment.filled("STORAGE_DRIVER")) {
        Some(text) => Some(text.parse()?),
        None => None,
    };
    let cgroup_manager = match &globals.cgroup_manager {
        Some(text) => text.parse()?,
        None => CgroupManager::default(),
    };
    let config_home = environment.path("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
    let docker_config =
        globals.config.clone().or_else(|| environment.path("DOCKER_CONFIG")).unwrap_or_else(|| home.join(".docker"));
    Ok(Config {
        program: globals.program,
        root,
        run,
        user_run,
        tmp: globals.tmpdir.clone().or_else(|| environment.path("TMPDIR")).unwrap_or_else(|| PathBuf::from("/var/tmp")),
        driver,
        rootless,
        uid: caller.uid,
        gid: caller.gid,
        user: caller.name,
        home,
        config_home,
        docker_config,
        cgroup_manager,
        defaults: Defaults::default(),
        files: files.read,
        environment,
    })
}

/// A path given by flag, without `.` and `//`; [`super::read`] has joined relative ones to the working directory.
fn absolute(path: &Path) -> Result<PathBuf> {
    if !path.is_absolute() {
        return Err(Fault::invalid(format!("path `{}`: must be absolute", path.display())).into());
    }
    Ok(path.components().filter(|part| *part != Component::CurDir).collect())
}

/// FNV-1a: names the run directory of a store that is not the default one, the same in every release.
fn fingerprint(path: &Path) -> u32 {
    path.as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
