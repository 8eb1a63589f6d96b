//! `__complete`: what a shell may put in place of the word under the cursor. Called by the completion scripts.

use crate::config::Program;
use std::ffi::OsString;

/// Runs the hidden commands; `None` when `words` name none of them.
pub fn hidden(_program: Program, _words: &[OsString]) -> Option<u8> {
    None
}
