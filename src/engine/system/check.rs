//! `system check`: what a crash left.

use crate::engine::Engine;
use crate::store::Report;
use anyhow::Result;

/// How to check.
#[derive(Debug, Clone, Copy)]
pub struct CheckOptions {
    /// Put right what is found; else only tell.
    pub repair: bool,
    /// Read every layer's files, too.
    pub thorough: bool,
}

/// Looks through the store.
pub fn check(engine: &Engine, options: CheckOptions) -> Result<Report> {
    engine.store.check(options.repair, options.thorough)
}
