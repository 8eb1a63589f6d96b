//! The kernel as safe Rust: the only `unsafe` of the program. Thin, one file per man page family, no policy.

pub mod fd;
pub mod idmap;
pub mod inotify;
pub mod lock;
pub mod memory;
pub mod path;
pub mod pid;
pub mod pidfd;
pub mod poll;
pub mod pty;
pub mod signal;
pub mod spawn;
pub mod terminal;
pub mod user;
pub mod xattr;
