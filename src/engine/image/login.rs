//! `login` and `logout`: try credentials, keep them, forget them.

use super::access::Access;
use crate::config::Config;
use anyhow::Result;
use std::path::PathBuf;

/// Tries user and password at `registry` and keeps them; returns the file that has them now.
pub fn login(_config: &Config, _registry: &str, _user: &str, _password: &str, _access: &Access) -> Result<PathBuf> {
    todo!()
}

/// The user known for `registry`.
pub fn user(_config: &Config, _registry: &str, _access: &Access) -> Result<Option<String>> {
    todo!()
}

/// Forgets what is known for `registry`, or for all; returns the registries that were forgotten.
pub fn logout(_config: &Config, _registry: Option<&str>, _access: &Access) -> Result<Vec<String>> {
    todo!()
}
