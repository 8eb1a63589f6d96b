//! The hidden roles of the one binary, and how argv picks one.
//!
//! `barge @monitor …` is what barge itself starts through `/proc/self/exe`; anything else is a command line for
//! [`crate::cli`]. A role gets the words after its name and returns the exit code. Roles bypass clap, so that they
//! start in well under a millisecond.

mod hello;
mod selftest;

use crate::cli;
use crate::config::Program;
use crate::sys::memory;
use std::ffi::OsString;

/// A role's entry: the words after its name → the exit code.
pub type Role = fn(&[OsString]) -> u8;

/// The whole list, by name. Internal use only: their arguments may change with every release.
#[rustfmt::skip] // one a line, so that two people can add one
const ROLES: &[(&str, Role)] = &[
    ("@hello", hello::main),
    ("@selftest", selftest::main),
    ("@init", crate::runtime::init::main),
    ("@monitor", crate::monitor::main),
    ("@unpack", crate::store::unpack_role),
    ("@reap", crate::engine::container::reap_role),
    ("@userns", crate::rootless::keeper::main),
];

/// Runs what argv asks for; returns the exit code.
pub fn main() -> u8 {
    let argv: Vec<OsString> = std::env::args_os().collect();
    let argv0 = argv.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let word = argv.get(1).and_then(|word| word.to_str()).unwrap_or_default();
    if let Some((_, role)) = ROLES.iter().find(|(name, _)| *name == word) {
        return role(&argv[2..]);
    }
    memory::expect_a_short_life();
    cli::main(Program::of(&argv0), argv)
}
