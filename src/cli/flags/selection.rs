//! Which containers a command means: names, `--all`, `--latest`, `--filter`, `--cidfile`, `--ignore`.

use crate::cli::error::Usage;
use crate::engine::container::Selection;
use crate::fault::Fault;
use anyhow::Result;
use std::path::PathBuf;

/// `key=value` → both, as every `--filter` is written.
pub fn parse_filters(filters: &[String]) -> Result<Vec<(String, String)>> {
    filters
        .iter()
        .map(|filter| match filter.split_once('=') {
            Some((key, value)) => {
                let (key, value) = match key.strip_suffix('!') {
                    Some(key) => (format!("{}!", key.trim()), value),
                    None => (key.trim().to_string(), value),
                };
                Ok((key, value.trim().to_string()))
            }
            None => Err(Fault::invalid(format!("invalid filter {filter:?}")).into()),
        })
        .collect()
}

/// What was given.
pub struct Wanted<'a> {
    /// Names, ids, unique id prefixes.
    pub names: &'a [String],
    /// `--all`
    pub all: bool,
    /// `--latest`
    pub latest: bool,
    /// `--cidfile`
    pub id_files: &'a [PathBuf],
    /// `--filter`
    pub filters: &'a [String],
    /// `--ignore`
    pub ignore: bool,
    /// `--all` means the running ones.
    pub running: bool,
}

impl Wanted<'_> {
    /// The selection, unless the flags contradict each other or name nothing (`nothing` says so).
    pub fn selection(&self, nothing: &str) -> Result<Selection> {
        let others =
            [self.all, !self.filters.is_empty(), !self.id_files.is_empty()].iter().filter(|given| **given).count();
        if self.latest && (self.all || !self.names.is_empty()) {
            return Err(Usage::new(if self.all {
                "--all and --latest cannot be used together"
            } else {
                "--latest and containers cannot be used together"
            })
            .into());
        }
        if self.all && !self.names.is_empty() {
            return Err(Usage::new("no arguments are needed with --all").into());
        }
        if self.all && !self.id_files.is_empty() {
            return Err(Usage::new("--all, --latest, and --cidfile cannot be used together").into());
        }
        if self.names.is_empty() && !self.latest && others == 0 {
            return Err(Usage::new(nothing).into());
        }
        Ok(Selection {
            names: self.names.to_vec(),
            all: self.all,
            latest: self.latest,
            id_files: self.id_files.to_vec(),
            filters: parse_filters(self.filters)?,
            ignore: self.ignore,
            running: self.running,
        })
    }
}
