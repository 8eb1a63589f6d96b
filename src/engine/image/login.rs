//! `login` and `logout`: try credentials, keep them, forget them.

use super::access::{self, Access};
use crate::config::{Config, auth, registries};
use crate::fault::{Fault, Kind};
use crate::model::credentials::{AuthFile, Credentials, Entry, Found, helper_key, host_of};
use crate::model::reference::Reference;
use crate::model::registries::is_loopback;
use crate::registry::{Failure, ask_helper, forget_in_helper, keep_in_helper};
use anyhow::Result;
use std::path::PathBuf;

/// A registry as users write it: `https://HOST/v2/` too; a path is kept (credentials for a part of a registry).
fn key(registry: &str) -> Result<String, Fault> {
    let bare = registry.strip_prefix("https://").or_else(|| registry.strip_prefix("http://")).unwrap_or(registry);
    let bare = bare.trim_end_matches('/');
    let bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    let bare = match host_of(bare) {
        "docker.io" => "docker.io",
        _ => bare,
    };
    let host = bare.split('/').next().unwrap_or_default();
    // The host must be one: `host/x` is a reference with that domain only if it is.
    let good = format!("{host}/x").parse::<Reference>().is_ok_and(|name| name.domain == host || host == "docker.io");
    if good || (!host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')) {
        Ok(bare.to_string())
    } else {
        Err(Fault::invalid(format!("registry {registry:?}: not a host name")))
    }
}

/// The host part of a key.
fn host(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}

/// Tries user and password at `registry` and keeps them; returns the file that has them now.
pub fn login(config: &Config, registry: &str, user: &str, password: &str, access: &Access) -> Result<PathBuf> {
    let key = key(registry)?;
    let host = host(&key);
    let trial = Access { creds: Some((user.into(), password.into())), ..access.clone() };
    let client = access::client(config, &trial)?;
    let rules = registries::read(config)?;
    let insecure = rules.rules.iter().any(|rule| rule.prefix == host && rule.insecure)
        || (rules.trust_loopback && is_loopback(host))
        || rules.in_insecure_network(host);
    let token_server = client.try_login(host, insecure).map_err(|failure| match failure {
        Failure::Status { status: 401 | 403, .. } => {
            Fault::new(Kind::Unauthorized, format!("logging into {key:?}: invalid username/password")).into()
        }
        failure => failure.fault(format!("authenticating creds for {key:?}")),
    })?;
    let path = auth::place(config, access.authfile.as_deref());
    let mut file = auth::load(&path, false)?.unwrap_or_default();
    if let Some(helper) = helper_of(&file, host) {
        keep_in_helper(&helper, helper_key(host), user, password)?;
        if token_server.is_some() {
            file.auths.insert(key, Entry::default().for_token_server(token_server));
        }
    } else {
        let name = if host == "docker.io" && config.program == crate::config::Program::Docker {
            helper_key(host).to_string()
        } else {
            key
        };
        file.remove(&name);
        file.auths.insert(name, Entry::basic(user, password).for_token_server(token_server));
    }
    auth::write(&path, &file)?;
    Ok(path)
}

fn helper_of(file: &AuthFile, host: &str) -> Option<String> {
    let own = file.cred_helpers.iter().find(|(key, _)| host_of(key) == host_of(host)).map(|(_, name)| name.clone());
    own.or_else(|| file.creds_store.clone()).filter(|name| !name.is_empty())
}

/// The user known for `registry`.
pub fn user(config: &Config, registry: &str, access: &Access) -> Result<Option<String>> {
    let key = key(registry)?;
    for read in auth::read(config, access.authfile.as_deref())? {
        let credentials = match read.file.find(&key) {
            Some(Found::Here(credentials)) => Some(credentials),
            Some(Found::Helper { name, key }) => ask_helper(&name, &key)?,
            None => None,
        };
        if let Some(credentials) = credentials {
            return Ok(Some(match credentials {
                Credentials::Basic { user, .. } => user,
                Credentials::Identity(_) => "<token>".into(),
            }));
        }
    }
    Ok(None)
}

/// Forgets what is known for `registry`, or for all; returns the registries that were forgotten.
pub fn logout(config: &Config, registry: Option<&str>, access: &Access) -> Result<Vec<String>> {
    let place = auth::place(config, access.authfile.as_deref());
    let mut files = auth::read(config, access.authfile.as_deref())?;
    // The file that `login` writes comes first; the others are searched when it does not know the registry.
    files.sort_by_key(|read| read.path != place);
    let mut forgotten = Vec::new();
    for read in files {
        let mut file = read.file;
        let keys: Vec<String> = match registry {
            Some(registry) => vec![key(registry)?],
            None => file.auths.keys().chain(file.cred_helpers.keys()).cloned().collect(),
        };
        let mut changed = false;
        for one in keys {
            let mut known = file.remove(&one);
            if let Some(helper) = helper_of(&file, host(&one)) {
                let helper_key = helper_key(host(&one));
                if ask_helper(&helper, helper_key)?.is_some() {
                    forget_in_helper(&helper, helper_key)?;
                    known = true;
                }
            }
            changed |= known;
            if known && !forgotten.contains(&one) {
                forgotten.push(one);
            }
        }
        if changed {
            auth::write(&read.path, &file)?;
        }
        if registry.is_some() && changed {
            break;
        }
    }
    if let (Some(registry), true) = (registry, forgotten.is_empty()) {
        return Err(Fault::not_found(format!("not logged into {}", key(registry)?)).into());
    }
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_as_users_write_them() {
        for (text, want) in [
            ("docker.io", Some("docker.io")),
            ("https://index.docker.io/v1/", Some("docker.io")),
            ("http://127.0.0.1:5000/", Some("127.0.0.1:5000")),
            ("quay.io/team", Some("quay.io/team")),
            ("registry", Some("registry")),
            ("[::1]:5000", Some("[::1]:5000")),
            ("a b", None),
            ("", None),
            ("a@b.test", None),
        ] {
            assert_eq!(key(text).ok().as_deref(), want, "{text}");
        }
    }
}
