//! One small process per container: it starts it, keeps its output, serves who attaches, and keeps its exit code.
//!
//! The monitor is the role `@monitor` of this binary: one thread, one poll loop, no knowledge of the store (it gets
//! paths and descriptors from whoever spawned it). The same loop, without a log, serves one `exec` session.
//!
//! ```text
//! spawner                         monitor                          container
//!   spawn(config, attach) ──────►   runtime::create ─────────────►   stands before execve
//!   Handle { pid }        ◄──────   "created"
//!   (writes its record)
//!   Handle::start         ──────►   start ───────────────────────►   execve
//!   Ok, or 126/127        ◄──────   "started" or the failure
//!   (may die now)                   output → log and attached clients
//!                                   exit record  ◄────────────────   ends
//!                                   exit frames, then `@reap`
//! ```
//! If the spawner dies before `start`, the monitor takes the container back. The exit record is in place before
//! anybody is told of the exit, so who finds no monitor any more finds the record; a container with neither was
//! left by a monitor that was killed, and its exit code is unknown.

pub mod client;
mod config;
mod exit;
pub mod frame;
mod input;
mod lane;
pub mod log;
pub mod paths;
mod peer;
mod report;
mod role;
mod run;
#[cfg(test)]
mod run_tests;
mod services;
mod spawn;
mod stdio;

pub use config::{LogConfig, MonitorConfig, Reap, Source};
pub use exit::ExitRecord;
pub use role::main;
pub use services::ServicesConfig;
pub use spawn::{Descriptors, Handle, Started, adopt, spawn, spawn_and, stand_by};
