//! What flags may ask the host: the environment, files, the working directory.

use crate::config::{Config, Program};
use crate::fault::Fault;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// The host as flags see it.
pub struct Host<'a> {
    /// Under which name we were called.
    pub program: Program,
    /// The environment, the home directory.
    pub config: &'a Config,
}

impl<'a> Host<'a> {
    /// This host.
    pub fn new(config: &'a Config) -> Self {
        Host { program: config.program, config }
    }

    /// A path as seen from the working directory, cleaned of `.` and `..`.
    pub fn absolute(&self, path: impl AsRef<Path>) -> Result<PathBuf> {
        let path = std::path::absolute(path.as_ref())
            .map_err(|why| Fault::invalid(format!("{}: {why}", path.as_ref().display())))?;
        let mut clean = PathBuf::from("/");
        for part in path.components() {
            match part {
                std::path::Component::ParentDir => {
                    clean.pop();
                }
                std::path::Component::Normal(part) => clean.push(part),
                _ => {}
            }
        }
        Ok(clean)
    }

    /// The same as text, for mounts.
    pub fn absolute_text(&self, path: &str) -> Result<String, Fault> {
        let path = self.absolute(path).map_err(|why| Fault::invalid(format!("{why:#}")))?;
        path.into_os_string().into_string().map_err(|path| Fault::invalid(format!("{}: not UTF-8", path.display())))
    }

    /// A file's text; `what` begins the error.
    pub fn read(&self, what: &str, path: &str) -> Result<String> {
        std::fs::read_to_string(path).map_err(|why| {
            // Go's words for the common reasons: scripts match on them.
            let why = match why.kind() {
                std::io::ErrorKind::NotFound => "no such file or directory".to_string(),
                std::io::ErrorKind::PermissionDenied => "permission denied".to_string(),
                std::io::ErrorKind::IsADirectory => "is a directory".to_string(),
                _ => why.to_string(),
            };
            Fault::invalid(format!("{what}: open {path}: {why}")).into()
        })
    }

    /// A variable of our environment.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.config.environment.get(name).map(str::to_string)
    }

    /// All of them.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.config.environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    /// The words of list flags: podman splits them at commas, docker takes each as it is.
    pub fn list(&self, values: &[String]) -> Result<Vec<String>, Fault> {
        if self.program == Program::Docker {
            return Ok(values.to_vec());
        }
        split(values)
    }
}

/// Every value split at commas (with CSV's quotes).
pub fn split(values: &[String]) -> Result<Vec<String>, Fault> {
    let mut all = Vec::new();
    for value in values {
        all.extend(crate::model::container::grammar::fields(value)?);
    }
    Ok(all)
}
