//! What goes wrong between us and a registry, and what it means.

use crate::fault::{Fault, Kind};
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// One failed exchange.
#[derive(Debug)]
pub enum Failure {
    /// Nobody listens there.
    Refused(String),
    /// The connection could not be made, broke, or went silent.
    Broken(String),
    /// Nothing comes any more.
    Silent(String),
    /// Data came, but so slowly that it was not worth waiting for.
    TooSlow(String),
    /// The name has no address.
    NoAddress(String),
    /// The other side does not prove who it is.
    Untrusted(String),
    /// It does not speak TLS.
    NotTls(String),
    /// It answered, with an error.
    Status {
        /// The HTTP status.
        status: u16,
        /// The registry's words: `manifest unknown: …`.
        words: String,
        /// The registry's code: `MANIFEST_UNKNOWN`.
        code: String,
        /// Retry-After.
        after: Option<Duration>,
    },
    /// Its token server belongs to somebody else, who does not get the credentials.
    ForeignRealm(String),
    /// It answered something that makes no sense or that we refuse.
    Bad(String),
    /// Something on our side.
    Ours(anyhow::Error),
}

impl Failure {
    /// Whether to try again may help; `explicit`: the user asked for tries.
    pub fn may_pass(&self, explicit: bool) -> bool {
        match self {
            Failure::Broken(_) | Failure::Silent(_) => true,
            Failure::Refused(_) | Failure::NoAddress(_) => explicit,
            Failure::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// The pause that the server asked for.
    pub fn after(&self) -> Option<Duration> {
        match self {
            Failure::Status { after, .. } => *after,
            _ => None,
        }
    }

    /// The HTTP status, when there is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Failure::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// As the error of a command: what was being done, and why it failed.
    pub fn fault(self, doing: impl fmt::Display) -> anyhow::Error {
        if let Failure::Ours(error) = self {
            return error.context(doing.to_string());
        }
        let kind = match &self {
            Failure::Status { status: 401, .. } => Kind::Unauthorized,
            Failure::Status { status: 403, .. } => Kind::Denied,
            Failure::Status { status: 404, .. } => Kind::NotFound,
            Failure::Status { status: 400, .. } => Kind::Invalid,
            Failure::Bad(_) | Failure::Untrusted(_) | Failure::ForeignRealm(_) => Kind::Denied,
            _ => Kind::Unavailable,
        };
        let fault = Fault::new(kind, format!("{doing}: {self}"));
        let fault = match &self {
            Failure::NotTls(_) => fault.hint("--tls-verify=false allows a registry without TLS"),
            Failure::Untrusted(_) => fault
                .hint("put the registry's CA into /etc/containers/certs.d/HOST:PORT/ca.crt, or use --tls-verify=false"),
            Failure::ForeignRealm(_) => {
                fault.hint("its TLS is not verified; if you trust that host, name it in the environment variable BARGE_TOKEN_HOSTS")
            }
            Failure::Status { status: 401, .. } => fault.hint("`login` to the registry first"),
            Failure::Status { status: 429, .. } => {
                fault.hint("log in for a higher limit, or use a mirror in registries.conf")
            }
            _ => fault,
        };
        fault.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused(text)
            | Failure::Broken(text)
            | Failure::Silent(text)
            | Failure::TooSlow(text)
            | Failure::NoAddress(text)
            | Failure::Untrusted(text)
            | Failure::NotTls(text)
            | Failure::Bad(text) => f.write_str(text),
            Failure::ForeignRealm(realm) => write!(f, "its token server {realm} has another owner"),
            Failure::Status { words, .. } => f.write_str(words),
            Failure::Ours(error) => write!(f, "{error:#}"),
        }
    }
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        use std::io::ErrorKind as Io;
        match error {
            ureq::Error::Io(error) => Failure::from(error),
            ureq::Error::Rustls(error) => from_tls(&error),
            ureq::Error::Timeout(reason) => Failure::Silent(format!("no answer in time ({reason})")),
            ureq::Error::HostNotFound => Failure::NoAddress("no such host".into()),
            ureq::Error::ConnectProxyFailed(why) => Failure::Broken(format!("the proxy refuses: {why}")),
            ureq::Error::Other(error) => match error.downcast::<std::io::Error>() {
                Ok(error) if error.kind() == Io::NotFound => Failure::NoAddress(error.to_string()),
                Ok(error) => Failure::from(*error),
                Err(error) => Failure::Broken(error.to_string()),
            },
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => Failure::Bad(error.to_string()),
            other => Failure::Broken(other.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        if let Some(inner) = error.get_ref() {
            if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
                return from_tls(tls);
            }
            if inner.is::<ureq::Error>() {
                return Failure::from(ureq::Error::from(error));
            }
        }
        match error.kind() {
            Io::ConnectionRefused => Failure::Refused("connection refused".into()),
            Io::UnexpectedEof => Failure::Broken("the connection was closed too early".into()),
            _ => Failure::Broken(error.to_string()),
        }
    }
}

fn from_tls(error: &rustls::Error) -> Failure {
    match error {
        // "HTTP/1.1 400" is no TLS record.
        rustls::Error::InvalidMessage(_) => Failure::NotTls("server gave HTTP response to HTTPS client".into()),
        rustls::Error::InvalidCertificate(why) => {
            let why = match why {
                rustls::CertificateError::UnknownIssuer => "certificate signed by unknown authority".to_string(),
                rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. } => {
                    "certificate has expired".to_string()
                }
                rustls::CertificateError::NotValidForName | rustls::CertificateError::NotValidForNameContext { .. } => {
                    "certificate is not valid for this name".to_string()
                }
                other => other.to_string(),
            };
            Failure::Untrusted(format!("tls: failed to verify certificate: {why}"))
        }
        rustls::Error::AlertReceived(alert) => Failure::Untrusted(format!("tls: the server refuses: {alert:?}")),
        other => Failure::Broken(format!("tls: {other}")),
    }
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<OneError>,
    #[serde(default)]
    details: Option<String>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Reads the body of an error answer (`{"errors": [{"code", "message"}]}`); gives (code, words).
pub(super) fn words(status: u16, body: &[u8]) -> (String, String) {
    if let Ok(Errors { errors, details }) = serde_json::from_slice(body) {
        if let Some(first) = errors.first() {
            let name = one_line(&first.code).to_ascii_lowercase().replace('_', " ");
            let message = one_line(&first.message);
            let words = match (name.is_empty(), message.is_empty()) {
                (_, true) => name,
                (true, _) => message,
                _ => format!("{name}: {message}"),
            };
            return (first.code.clone(), words);
        }
        if let Some(details) = details {
            return (String::new(), one_line(&details));
        }
    }
    let reason = match status {
        401 => "unauthorized: authentication required",
        403 => "denied: requested access to the resource is denied",
        404 => "not found",
        429 => "toomanyrequests: too many requests",
        _ => "",
    };
    let words = if reason.is_empty() { format!("unexpected HTTP status {status}") } else { reason.to_string() };
    (String::new(), words)
}

/// What a server says, made harmless for a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect::<String>().trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registrys_words_are_kept_and_made_harmless() {
        for (status, body, want) in [
            (
                404,
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
                "manifest unknown: manifest unknown",
            ),
            (401, "", "unauthorized: authentication required"),
            (500, "<html>", "unexpected HTTP status 500"),
            (403, r#"{"errors":[{"code":"DENIED","message":"no\u001b[31m\nway"}]}"#, "denied: no [31m way"),
            (401, r#"{"details":"incorrect username or password"}"#, "incorrect username or password"),
        ] {
            assert_eq!(words(status, body.as_bytes()).1, want);
        }
    }
}
