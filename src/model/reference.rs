//! Image references, as Docker parses them (distribution/reference): `[domain/]path[:tag][@digest]`.

use super::digest::Digest;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A normalized reference: `docker.io` and `library/` filled in. `latest` is not filled in here but by
/// [`Reference::tag_or_latest`], so that "no tag given" can be told from ":latest given".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    /// Host and optional port: `docker.io`, `localhost`, `127.0.0.1:5000`.
    pub domain: String,
    /// `library/alpine`
    pub path: String,
    /// The tag, when one was given.
    pub tag: Option<String>,
    /// The digest, when one was given.
    pub digest: Option<Digest>,
}

impl Reference {
    /// The tag, or `latest` when neither tag nor digest was given.
    pub fn tag_or_latest(&self) -> Option<&str> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag),
            (None, Some(_)) => None,
            (None, None) => Some("latest"),
        }
    }

    /// `domain/path`, without tag and digest: what lists show as REPOSITORY.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The same with `:latest` filled in when neither tag nor digest was given: the name an image is stored under.
    pub fn with_default_tag(mut self) -> Self {
        self.tag = self.tag_or_latest().map(str::to_string);
        self
    }

    /// Docker's short spelling: without `docker.io/` and `library/`.
    pub fn familiar(&self) -> String {
        let full = self.to_string();
        let short = full.strip_prefix("docker.io/").unwrap_or(&full);
        match short.strip_prefix("library/") {
            Some(rest) if self.domain == "docker.io" && !rest.split([':', '@']).next().unwrap_or("").contains('/') => {
                rest.to_string()
            }
            _ => short.to_string(),
        }
    }
}

impl FromStr for Reference {
    type Err = Fault;
    fn from_str(text: &str) -> Result<Self, Fault> {
        let bad = |why: &str| Fault::invalid(format!("parsing reference {text:?}: {why}"));
        if text.is_empty() {
            return Err(bad("invalid reference format"));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>().map_err(|_| bad("invalid digest"))?)),
            None => (text, None),
        };
        let slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[slash..].find(':') {
            Some(at) => (&rest[..slash + at], Some(&rest[slash + at + 1..])),
            None => (rest, None),
        };
        if let Some(tag) = tag {
            let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let good = tag.len() <= 128
                && tag.bytes().next().is_some_and(word)
                && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-');
            if !good {
                return Err(bad("invalid reference format"));
            }
        }
        let (domain, path) = match name.split_once('/') {
            Some((first, path))
                if first.contains(['.', ':'])
                    || first == "localhost"
                    || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
            {
                (first, path.to_string())
            }
            Some(_) => ("docker.io", name.to_string()),
            None => ("docker.io", format!("library/{name}")),
        };
        let domain = if domain == "index.docker.io" { "docker.io" } else { domain };
        let path = if domain == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path };
        if !domain_is_valid(domain) {
            return Err(bad("invalid reference format"));
        }
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(bad("repository name must be lowercase"));
        }
        if path.len() + domain.len() > 255 || !path.split('/').all(component_is_valid) {
            return Err(bad("invalid reference format"));
        }
        Ok(Reference { domain: domain.into(), path, tag: tag.map(Into::into), digest })
    }
}

/// `host[:port]` or `[ipv6][:port]`.
fn domain_is_valid(domain: &str) -> bool {
    let (host, port) = match domain.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => {
            if !host.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') || host.is_empty() {
                return false;
            }
            return port.is_empty()
                || port
                    .strip_prefix(':')
                    .is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        }
        None => domain.split_once(':').map_or((domain, None), |(host, port)| (host, Some(port))),
    };
    port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
        && host.split('.').all(|label| {
            let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
            edge(label.bytes().next())
                && edge(label.bytes().last())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn component_is_valid(component: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    if !bytes.first().copied().is_some_and(alphanumeric) || !bytes.last().copied().is_some_and(alphanumeric) {
        return false;
    }
    component
        .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .filter(|gap| !gap.is_empty())
        .all(|gap| matches!(gap, "." | "_" | "__") || gap.bytes().all(|byte| byte == b'-'))
}

impl TryFrom<String> for Reference {
    type Error = Fault;
    fn try_from(text: String) -> Result<Self, Fault> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> String {
        reference.to_string()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_parse_as_docker_does() {
        for (text, full, familiar) in [
            ("alpine", "docker.io/library/alpine", "alpine"),
            ("alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"),
            ("user/app", "docker.io/user/app", "user/app"),
            ("localhost/app:1", "localhost/app:1", "localhost/app:1"),
            ("localhost:5000/app", "localhost:5000/app", "localhost:5000/app"),
            ("127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000/a/b/c:x"),
            ("index.docker.io/alpine", "docker.io/library/alpine", "alpine"),
            ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
            ("a--b/c__d.e", "docker.io/a--b/c__d.e", "a--b/c__d.e"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), full, "{text}");
            assert_eq!(reference.familiar(), familiar, "{text}");
        }
        for text in [
            "",
            "Alpine",
            "a:b:c",
            "a//b",
            "/a",
            "a/",
            "-a",
            "a@sha256:12",
            "a:",
            "a:-x",
            "x y",
            "a___b",
            "a/../b",
            "EXAMPLE/Foo",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }
}
