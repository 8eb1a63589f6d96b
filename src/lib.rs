//! # barge: the map
//!
//! A single-binary, daemonless container engine. This page is where a newcomer starts: which layers there are,
//! which processes run, what lies on the disk.
//!
//! ## Layers
//!
//! A module may use modules of lower layers only; `tests/architecture.rs` holds the exact table and fails on a
//! wrong arrow.
//!
//! ```text
//!   7  main, roles
//!   6  cli                   arguments and terminal: one file per command
//!   4  engine                what the product does: every verb once
//!   3  image   monitor       images in and out · one small process per container
//!      network               bridges, addresses, names, ports, the firewall
//!      rootless              joining the user's namespace, before anything else
//!   2  config  store  registry  runtime
//!   1  sys     model         the kernel as safe Rust · the words
//!   0  fault   undo   trip
//! ```
//!
//! ## Processes
//!
//! ```text
//! barge run web            short-lived; may have threads; clones nothing but, first of all, its standby
//!   │  as root: a copy of it stood by, and becomes the role (sys::standby);
//!   │  else: spawn /proc/self/exe; both with named descriptors (sys::spawn)
//!   ▼
//! @monitor web             one thread, one poll loop: output → log, attach socket, exit status, timers (a second
//!                          thread writes the log in a flood of output, for a few milliseconds at a time)
//!   │  runtime::create: validate → plan → clone       ← the only other clone in the program
//!   ▼
//! container init           walks its Vec<Step>, then execve
//! ```
//!
//! The hidden roles (`@monitor`, `@reap`, `@init`, `@unpack`, `@userns`, `@hello` …) are sub-commands of the same
//! binary; each takes one typed configuration over a sealed memfd. See [`roles`].
//!
//! ## On the disk
//!
//! One JSON file per container, one directory per layer, blobs by digest; written beneath a temporary name, synced,
//! renamed. Locks are `flock`s, so that the kernel releases them. [`store::root`] names every path.
#![deny(unsafe_code)]

pub mod fault;
pub mod trip;
pub mod undo;

pub mod model;
#[allow(unsafe_code)]
pub mod sys;

pub mod config;
pub mod registry;
pub mod rootless;
pub mod runtime;
pub mod store;

pub mod image;
pub mod monitor;
pub mod network;

pub mod engine;

pub mod cli;
pub mod roles;

#[cfg(any(test, fuzzing))]
pub mod fuzz;
