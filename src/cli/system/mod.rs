//! Commands on the engine as a whole.

pub mod check;
pub mod info;
pub mod reset;
pub mod selftest;
pub mod version;
