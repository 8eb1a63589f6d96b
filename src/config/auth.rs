//! The files that keep credentials: where they are looked for, where `login` writes, and how.

use super::{Config, Program};
use crate::fault::Fault;
use crate::model::credentials::AuthFile;
use anyhow::{Context, Result};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// One auth file and what it says.
#[derive(Debug, Clone)]
pub struct Read {
    /// Where it lies.
    pub path: PathBuf,
    /// What it says.
    pub file: AuthFile,
}

/// The auth files in the order in which they are asked (containers-auth.json(5)): the one that `--authfile` or
/// REGISTRY_AUTH_FILE names alone; else the runtime directory's, the user's, Docker's. Called as docker, Docker's first.
pub fn read(config: &Config, flag: Option<&Path>) -> Result<Vec<Read>> {
    if let Some(path) = named(config, flag) {
        let file = load(&path, false)?;
        return Ok(file.map(|file| Read { path, file }).into_iter().collect());
    }
    let mut places = vec![
        (runtime(config), false),
        (config.config_home.join("containers/auth.json"), false),
        (config.docker_config.join("config.json"), false),
        (config.home.join(".dockercfg"), true),
    ];
    if config.program == Program::Docker {
        places.swap(0, 2);
    }
    let mut all = Vec::new();
    for (path, legacy) in places {
        all.extend(load(&path, legacy)?.map(|file| Read { path, file }));
    }
    Ok(all)
}

/// Where `login` keeps things: docker and podman where they themselves do; else the user's own file, which outlives
/// a reboot.
pub fn place(config: &Config, flag: Option<&Path>) -> PathBuf {
    named(config, flag).unwrap_or_else(|| match config.program {
        Program::Docker => config.docker_config.join("config.json"),
        Program::Podman => runtime(config),
        Program::Barge => config.config_home.join("containers/auth.json"),
    })
}

fn named(config: &Config, flag: Option<&Path>) -> Option<PathBuf> {
    flag.map(Path::to_path_buf).or_else(|| config.environment.filled("REGISTRY_AUTH_FILE").map(PathBuf::from))
}

fn runtime(config: &Config) -> PathBuf {
    match config.environment.path("XDG_RUNTIME_DIR") {
        Some(directory) => directory.join("containers/auth.json"),
        None => PathBuf::from(format!("/run/containers/{}/auth.json", config.uid)),
    }
}

/// Reads one file; `None`: it is not there (or not ours to read, when nobody named it).
pub fn load(path: &Path, legacy: bool) -> Result<Option<AuthFile>> {
    use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | PermissionDenied) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let file = AuthFile::parse(&text, legacy)
        .map_err(|error| Fault::invalid(format!("reading JSON file {:?}: {error}", path.display().to_string())))?;
    Ok(Some(file))
}

/// Writes one file whole: mode 0600, in a directory of mode 0700 if it has to be made.
pub fn write(path: &Path, file: &AuthFile) -> Result<()> {
    let doing = || format!("writing {}", path.display());
    // A link stays a link: what it points to is written.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(doing)?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}", std::process::id()));
    let temporary = directory.join(name);
    let written = (|| -> std::io::Result<()> {
        let mut file_out =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file_out.write_all(file.to_text().as_bytes())?;
        file_out.sync_all()?;
        std::fs::rename(&temporary, &path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written.with_context(doing)
}
