//! The kernel as safe Rust: the only `unsafe` of the program. Thin, one file per man page family, no policy.

pub mod bpf;
pub mod capability;
pub mod fd;
pub mod idmap;
pub mod inotify;
pub mod keyring;
pub mod limits;
pub mod lock;
pub mod lsm;
pub mod memory;
pub mod mount;
pub mod namespace;
pub mod netlink;
pub mod path;
pub mod pid;
pub mod pidfd;
pub mod poll;
pub mod process;
pub mod pty;
pub mod seccomp;
pub mod signal;
pub mod spawn;
pub mod terminal;
pub mod user;
pub mod writeback;
pub mod xattr;
