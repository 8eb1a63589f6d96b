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

/// For fuzzers: everything that a registry, a name server or a proxy says in a header or a packet.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_headers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(challenge::Challenge::Bearer { realm, .. }) = challenge::parse(text.lines()) {
        let _ = challenge::judge(&realm, "https", "registry.example.com", &[]);
    }
    let line = text.lines().next().unwrap_or_default();
    let _ = blob::range_start(line);
    let _ = tag::next_page(line);
    let _ = retry::retry_after(line, jiff::Timestamp::UNIX_EPOCH);
    let (_, words) = failure::words(404, bytes);
    assert!(!words.contains(char::is_control) && words.chars().count() <= 700, "{words:?}");
    let _ = dns::ResolvConf::parse(&text, |_| Some(1)).candidates("x.example");
    let _ = dns::in_hosts(&text, "x");
    let _ = dns::answer(bytes, 0x3031, "a.example", dns::Family::V4);
    let _ = dns::query(1, line, dns::Family::V6);
    let _ = manifest::media_type(bytes, Some(line));
}
