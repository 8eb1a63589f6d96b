//! The words: plain data, parsing, validation. No I/O, no clock, no environment, no process state.
//!
//! ## Glossary
//! - *image reference*: what a user writes to name an image ([`reference::Reference`]).
//! - *digest*: `sha256:…` of exact bytes ([`digest::Digest`]). *diff id*: the digest of a layer's uncompressed tar.
//!   *image id*: the digest of the image's config.
//! - *layer*: one diff id's files, in a directory of their own. *container*: a writable directory on layers, and a spec.
//! - *phase*: where a container is in its life ([`lifecycle::Phase`]); docker's *status*.

pub mod container;
pub mod credentials;
pub mod digest;
pub mod duration;
pub mod id;
pub mod image;
pub mod lifecycle;
pub mod mac;
pub mod manifest;
pub mod name;
pub mod network;
pub mod platform;
pub mod progress;
pub mod reference;
pub mod registries;
pub mod resolv_conf;
pub mod selftest;
pub mod size;
pub mod storage;
pub mod zone;
