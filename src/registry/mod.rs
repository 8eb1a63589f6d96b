//! Talks to registries: the OCI distribution protocol and nothing else. Streams in, streams out; knows no store.
//!
//! A [`Client`] lives as long as one command. It keeps connections and tokens and gives out [`Repository`] handles,
//! whose methods are the verbs of the protocol. Rules that hold everywhere: credentials go to the registry they
//! belong to and to its token server only; what arrives is measured and hashed; nothing is waited for without end.

mod blob;
mod challenge;
mod client;
mod credentials;
mod dns;
mod failure;
mod host;
mod manifest;
mod proxy;
mod resolver;
mod retry;
mod tag;
mod tls;
mod token;
mod upload;

pub use blob::{BlobReader, Ranged};
pub use client::{Client, CredentialSource, Repository, Settings};
pub use credentials::{ask_helper, forget_in_helper, keep_in_helper};
pub use failure::Failure;
pub use manifest::{Fetched, MANIFEST_LIMIT, parse_index, parse_manifest};
pub use proxy::Proxies;
pub use retry::Retry;
pub use tls::Trust;
pub use upload::{Mounted, Upload};
