//! How a command gets at registries: flags, auth files, registries.conf and the environment, put together.

use std::path::PathBuf;
use std::time::Duration;

/// The flags that pull, push and login share.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Access {
    /// `--tls-verify`; `None`: what registries.conf says.
    pub tls_verify: Option<bool>,
    /// `--creds USER:PASSWORD`
    pub creds: Option<(String, String)>,
    /// `--authfile`
    pub authfile: Option<PathBuf>,
    /// `--cert-dir`
    pub cert_dir: Option<PathBuf>,
    /// `--retry`; `None`: three.
    pub retries: Option<u32>,
    /// `--retry-delay`; `None`: growing.
    pub retry_delay: Option<Duration>,
}
