//! The kernel as safe Rust: the only `unsafe` of the program. Thin, one file per man page family, no policy.

pub mod user;
