//! `@monitor`: the process itself.

use std::ffi::OsString;

/// The role `@monitor`: `arguments` are those after the role's name. Returns the process's exit code.
pub fn main(arguments: impl Iterator<Item = OsString>) -> u8 {
    let _ = arguments;
    todo!()
}
