//! What opens a registry, and the files that keep it: Docker's config.json and containers' auth.json. Pure.

use super::reference::Reference;
use crate::fault::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One way in.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// User and password.
    Basic {
        /// Who.
        user: String,
        /// The secret.
        password: String,
    },
    /// An OAuth2 refresh token (`identitytoken`), for the token server only.
    Identity(String),
}

impl Credentials {
    /// `--creds USER[:PASSWORD]`; `None` for the password: to be asked for.
    pub fn parse(text: &str) -> Result<(String, Option<String>), Fault> {
        match text.split_once(':') {
            Some((user, password)) if !user.is_empty() => Ok((user.into(), Some(password.into()))),
            None if !text.is_empty() => Ok((text.into(), None)),
            _ => Err(Fault::invalid("credentials can't be empty")),
        }
    }
}

/// The secret is not shown.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Basic { user, .. } => write!(f, "Basic {{ {user} }}"),
            Credentials::Identity(_) => f.write_str("Identity"),
        }
    }
}

/// What one auth file says about one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// They stand in the file.
    Here(Credentials),
    /// Ask `docker-credential-NAME` for the key.
    Helper {
        /// The program's name without `docker-credential-`.
        name: String,
        /// What to ask for.
        key: String,
    },
}

/// One auth file. What we do not know is kept, so that writing it back loses nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AuthFile {
    /// Host, or host and path, to what is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub auths: BTreeMap<String, Entry>,
    /// A helper for every registry.
    #[serde(default, rename = "credsStore", skip_serializing_if = "Option::is_none")]
    pub creds_store: Option<String>,
    /// Helpers for some registries.
    #[serde(default, rename = "credHelpers", skip_serializing_if = "BTreeMap::is_empty")]
    pub cred_helpers: BTreeMap<String, String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

/// One entry of `auths`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Base64 of `user:password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// An OAuth2 refresh token.
    #[serde(default, rename = "identitytoken", skip_serializing_if = "Option::is_none")]
    pub identity_token: Option<String>,
    /// Everything else (old files: `username`, `password`, `email`).
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

/// Secrets are not shown.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entry { … }")
    }
}

impl Entry {
    /// An entry for user and password.
    pub fn basic(user: &str, password: &str) -> Self {
        Entry { auth: Some(STANDARD.encode(format!("{user}:{password}"))), ..Entry::default() }
    }

    /// The same, with the token server (host and port) that may see it although it is not the registry's.
    pub fn for_token_server(mut self, host: Option<String>) -> Self {
        if let Some(host) = host {
            self.rest.insert(TOKEN_SERVER.into(), host.into());
        }
        self
    }

    /// What it says, when it says something.
    pub fn credentials(&self) -> Option<Credentials> {
        if let Some(token) = self.identity_token.as_ref().filter(|token| !token.is_empty()) {
            return Some(Credentials::Identity(token.clone()));
        }
        if let Some(auth) = self.auth.as_deref().filter(|auth| !auth.is_empty()) {
            let bytes = STANDARD.decode(auth.trim()).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let (user, password) = text.split_once(':')?;
            // Old docker clients padded the password with NUL.
            return Some(Credentials::Basic { user: user.into(), password: password.trim_end_matches('\0').into() });
        }
        let text = |name: &str| self.rest.get(name).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
        Some(Credentials::Basic { user: text("username")?.into(), password: text("password")?.into() })
    }
}

/// Our own field of an entry; docker and podman leave it out when they write the file.
const TOKEN_SERVER: &str = "tokenServer";

impl AuthFile {
    /// The token servers to which logins went: registry, and the server's host and port.
    pub fn token_servers(&self) -> Vec<(String, String)> {
        let server = |entry: &Entry| entry.rest.get(TOKEN_SERVER)?.as_str().map(str::to_string);
        let registry = |key: &str| host_of(key).to_string();
        self.auths.iter().filter_map(|(key, entry)| Some((registry(key), server(entry)?))).collect()
    }

    /// Reads the text of an auth file; `legacy`: of a `.dockercfg`, whose top level is the `auths` map.
    pub fn parse(text: &str, legacy: bool) -> Result<Self, serde_json::Error> {
        if text.trim().is_empty() {
            return Ok(AuthFile::default());
        }
        if legacy {
            return Ok(AuthFile { auths: serde_json::from_str(text)?, ..AuthFile::default() });
        }
        serde_json::from_str(text)
    }

    /// The text to write.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_else(|_| "{}".into());
        text.push('\n');
        text
    }

    /// What it knows about `repository` (`host[:port][/path]`): the longest path first, then the host.
    pub fn find(&self, repository: &str) -> Option<Found> {
        let host = repository.split('/').next().unwrap_or_default();
        if let Some((key, name)) = self.cred_helpers.iter().find(|(key, _)| host_of(key) == host_of(host)) {
            return Some(Found::Helper { name: name.clone(), key: key.clone() });
        }
        for key in keys(repository) {
            if let Some(credentials) = self.auths.get(key).and_then(Entry::credentials) {
                return Some(Found::Here(credentials));
            }
        }
        let same = |key: &str| host_of(key) == host_of(host) && !is_namespaced(key);
        if let Some(credentials) =
            self.auths.iter().filter(|(key, _)| same(key)).find_map(|(_, entry)| entry.credentials())
        {
            return Some(Found::Here(credentials));
        }
        self.creds_store.as_ref().map(|name| Found::Helper { name: name.clone(), key: helper_key(host).into() })
    }

    /// Whether removing `key` took something away. Docker's spellings of one registry all go.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.auths.len();
        self.auths.retain(|known, _| {
            known != key && (key.contains('/') || is_namespaced(known) || host_of(known) != host_of(key))
        });
        self.auths.len() != before
    }
}

/// `quay.io/a/b` → `quay.io/a/b`, `quay.io/a`, `quay.io`.
fn keys(repository: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(repository), |key| key.rfind('/').map(|at| &key[..at]))
}

/// `host/path` as containers write it, not `https://host/v1/` as Docker does.
fn is_namespaced(key: &str) -> bool {
    !key.contains("://") && key.contains('/') && !key.ends_with("/v1/") && !key.ends_with("/v2/")
}

/// The host of a key in any spelling; Docker Hub's many names are one.
pub fn host_of(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    match rest.split('/').next().unwrap_or_default() {
        "index.docker.io" | "registry-1.docker.io" | "docker.io" | "registry.hub.docker.com" => "docker.io",
        host => host,
    }
}

/// What helpers know a registry as.
pub fn helper_key(host: &str) -> &str {
    if host_of(host) == "docker.io" { "https://index.docker.io/v1/" } else { host }
}

/// The `host/path` under which credentials of a reference are looked for.
pub fn key_of(reference: &Reference) -> String {
    reference.repository()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(found: Option<Found>) -> String {
        match found {
            Some(Found::Here(Credentials::Basic { user, password })) => format!("{user}:{password}"),
            Some(Found::Here(Credentials::Identity(token))) => format!("token {token}"),
            Some(Found::Helper { name, key }) => format!("{name} {key}"),
            None => "nothing".into(),
        }
    }

    #[test]
    fn both_formats_and_their_order() {
        let text = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "aHViOm9uZQ=="},
            "quay.io": {"auth": "aG9zdDp4"},
            "quay.io/team": {"auth": "dGVhbTp5", "email": "kept"},
            "old.test": {"username": "u", "password": "p"},
            "id.test:5000": {"auth": "PHRva2VuPjo=", "identitytoken": "abc"},
            "broken.test": {"auth": "%%%"},
            "empty.test": {}
          },
          "credHelpers": {"gcr.io": "gcloud"}, "HttpHeaders": {"a": "b"}}"#;
        let mut file = AuthFile::parse(text, false).unwrap();
        for (key, want) in [
            ("docker.io/library/alpine", "hub:one"),
            ("quay.io/other/x", "host:x"),
            ("quay.io/team/app", "team:y"),
            ("quay.io/teamster", "host:x"),
            ("old.test/x", "u:p"),
            ("id.test:5000/x", "token abc"),
            ("id.test/x", "nothing"),
            ("broken.test/x", "nothing"),
            ("empty.test/x", "nothing"),
            ("gcr.io/p/x", "gcloud gcr.io"),
        ] {
            assert_eq!(user(file.find(key)), want, "{key}");
        }
        file.creds_store = Some("pass".into());
        assert_eq!(user(file.find("empty.test/x")), "pass empty.test");
        assert!(file.remove("docker.io"));
        assert_eq!(user(file.find("docker.io/library/alpine")), "pass https://index.docker.io/v1/");
        assert!(file.remove("quay.io"));
        assert_eq!(user(file.find("quay.io/team/app")), "team:y");
        assert!(!file.remove("nowhere.test"));
        assert!(file.to_text().contains("HttpHeaders"));
        assert!(file.to_text().contains("kept"));
        let legacy = AuthFile::parse(r#"{"https://index.docker.io/v1/": {"auth": "aHViOm9uZQ=="}}"#, true).unwrap();
        assert_eq!(user(legacy.find("docker.io/a/b")), "hub:one");
    }
}
