//! The flags of every command that speaks to a registry.

use crate::engine::image::access::Access;
use crate::fault::Fault;
use crate::model::credentials::Credentials;
use std::path::PathBuf;
use std::time::Duration;

/// How to get at a registry.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RegistryFlags {
    /// Path of the authentication file [env: REGISTRY_AUTH_FILE]
    #[arg(long, value_name = "PATH")]
    pub authfile: Option<PathBuf>,
    /// Directory with the certificates and keys to use with the registry
    #[arg(long, value_name = "DIR")]
    pub cert_dir: Option<PathBuf>,
    /// Credentials (USERNAME:PASSWORD) for the registry
    #[arg(long, value_name = "USER:PASSWORD")]
    pub creds: Option<String>,
    /// Require HTTPS and verify certificates when contacting registries
    #[arg(long, value_name = "BOOL")]
    pub tls_verify: Option<bool>,
    /// How often to try again after a failure (3 by default)
    #[arg(long, value_name = "NUMBER")]
    pub retry: Option<u32>,
    /// How long to wait between tries, as 5s or 1m (growing by default)
    #[arg(long, value_name = "DURATION")]
    pub retry_delay: Option<String>,
    /// Accepted for compatibility: content trust is not built
    #[arg(long, hide = true)]
    pub disable_content_trust: bool,
    /// Accepted for compatibility: the default policy accepts everything
    #[arg(long, hide = true, value_name = "PATH")]
    pub signature_policy: Option<PathBuf>,
}

impl RegistryFlags {
    /// What the engine needs to know.
    pub fn access(&self) -> Result<Access, Fault> {
        let creds = match self.creds.as_deref().map(Credentials::parse).transpose()? {
            Some((user, Some(password))) => Some((user, password)),
            Some((user, None)) => {
                let password = crate::cli::terminal::prompt::secret("Password: ")?;
                Some((user, password))
            }
            None => None,
        };
        let retry_delay = self.retry_delay.as_deref().map(duration).transpose()?;
        Ok(Access {
            tls_verify: self.tls_verify,
            creds,
            authfile: self.authfile.clone(),
            cert_dir: self.cert_dir.clone(),
            retries: self.retry,
            retry_delay,
        })
    }
}

/// Go's durations, as far as a pause needs them: `1m30s`, `500ms`.
fn duration(text: &str) -> Result<Duration, Fault> {
    let bad = || Fault::invalid(format!("time: invalid duration {text:?}"));
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().map_err(|_| bad())?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        total += number
            * match &rest[..end] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return Err(bad()),
            };
        rest = &rest[end..];
    }
    if text.is_empty() || !total.is_finite() || total > 1e6 { Err(bad()) } else { Ok(Duration::from_secs_f64(total)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses() {
        for (text, millis) in [("5s", 5000), ("1m30s", 90_000), ("1.5s", 1500), ("20ms", 20)] {
            assert_eq!(duration(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["", "5", "s", "5 s", "-1s", "1e9h"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }
}
