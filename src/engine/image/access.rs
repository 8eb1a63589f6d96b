//! How a command gets at registries: flags, auth files, registries.conf and the environment, put together.

use crate::config::{Config, auth};
use crate::fault::Fault;
use crate::model::credentials::{Credentials, Found};
use crate::registry::{Client, Proxies, Retry, Settings, Trust, ask_helper};
use anyhow::Result;
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

/// A client for one command.
pub fn client<'a>(config: &'a Config, access: &'a Access) -> Result<Client<'a>> {
    let files = match access.creds {
        Some(_) => Vec::new(),
        None => {
            if let Some(path) = &access.authfile
                && let Err(error) = std::fs::metadata(path)
            {
                let what = format!("credential file is not accessible: stat {}: {error}", path.display());
                return Err(Fault::invalid(what).into());
            }
            auth::read(config, access.authfile.as_deref())?
        }
    };
    let known_token_hosts = files.iter().flat_map(|read| read.file.token_servers()).collect();
    let source = move |repository: &str| -> Result<Option<Credentials>> {
        if let Some((user, password)) = &access.creds {
            return Ok(Some(Credentials::Basic { user: user.clone(), password: password.clone() }));
        }
        for read in &files {
            match read.file.find(repository) {
                Some(Found::Here(credentials)) => return Ok(Some(credentials)),
                Some(Found::Helper { name, key }) => {
                    if let Some(credentials) = ask_helper(&name, &key)? {
                        return Ok(Some(credentials));
                    }
                }
                None => {}
            }
        }
        Ok(None)
    };
    let settings = Settings { known_token_hosts, ..settings(config, access) };
    Ok(Client::new(settings, Box::new(source)))
}

fn settings(config: &Config, access: &Access) -> Settings {
    Settings {
        tls_verify: access.tls_verify,
        trust: trust(config, access),
        proxies: Proxies::from_variables(|name| config.environment.get(name)),
        retry: Retry {
            times: access.retries.unwrap_or(Retry::default().times),
            delay: access.retry_delay,
            explicit: access.retries.is_some(),
        },
        token_hosts: config
            .environment
            .get("BARGE_TOKEN_HOSTS")
            .unwrap_or_default()
            .split(',')
            .map(|host| host.trim().to_string())
            .filter(|host| !host.is_empty())
            .collect(),
        known_token_hosts: Vec::new(),
        credentials_given: access.creds.is_some(),
    }
}

/// The usual places of CA bundles, or what SSL_CERT_FILE and SSL_CERT_DIR say; certs.d of containers and docker.
fn trust(config: &Config, access: &Access) -> Trust {
    const BUNDLES: [&str; 6] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/pki/tls/cacert.pem",
        "/etc/ssl/cert.pem",
    ];
    let bundles = match config.environment.filled("SSL_CERT_FILE") {
        Some(path) => vec![PathBuf::from(path)],
        None => BUNDLES.iter().map(PathBuf::from).collect(),
    };
    let directories = config.environment.filled("SSL_CERT_DIR").unwrap_or_default();
    let mut certs_d = vec![
        config.config_home.join("containers/certs.d"),
        PathBuf::from("/etc/containers/certs.d"),
        PathBuf::from("/etc/docker/certs.d"),
    ];
    if config.rootless {
        certs_d.push(config.config_home.join("docker/certs.d"));
    }
    Trust {
        bundles,
        directories: directories.split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect(),
        certs_d,
        cert_dir: access.cert_dir.clone(),
    }
}
