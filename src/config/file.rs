//! containers.conf and storage.conf, in the places where podman reads them. A file that is not there costs one open(2).

use super::Environment;
use super::environment::Caller;
use anyhow::Result;
use std::path::PathBuf;

/// What the files say, merged; later files win key by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    /// The files that were there, in the order they were read.
    pub read: Vec<PathBuf>,
    /// containers.conf
    pub containers: toml::Table,
    /// storage.conf
    pub storage: toml::Table,
    /// storage.conf was named by CONTAINERS_STORAGE_CONF: its directories are meant for us.
    pub storage_is_ours: bool,
}

/// Reads the files that exist.
pub fn read(_environment: &Environment, _caller: &Caller) -> Result<Files> {
    Ok(Files::default())
}
