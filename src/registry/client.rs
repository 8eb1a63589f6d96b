//! The HTTP client of one command: connections per place, redirects by our own rules.

use super::host::Host;
use super::proxy::Proxies;
use super::resolver::Names;
use super::retry::{Retry, retry_after};
use super::tls::{TlsConnector, Trust};
use super::{Failure, failure};
use crate::model::credentials::Credentials;
use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ureq::http::{HeaderMap, Uri};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, SocksConnector, TcpConnector};

/// How a client behaves.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `--tls-verify`; `None`: each source says.
    pub tls_verify: Option<bool>,
    /// Where certificates lie.
    pub trust: Trust,
    /// Proxies.
    pub proxies: Proxies,
    /// Trying again.
    pub retry: Retry,
    /// Token servers (HOST or HOST:PORT) that may see the credentials of any registry.
    pub token_hosts: Vec<String>,
    /// Token servers that have seen a login: the registry, and the server's host and port.
    pub known_token_hosts: Vec<(String, String)>,
    /// The user gives the credentials with this very command, for the registry that it names.
    pub credentials_given: bool,
}

/// Finds the credentials for `host[:port][/path]`.
pub type CredentialSource<'a> = Box<dyn Fn(&str) -> anyhow::Result<Option<Credentials>> + Send + Sync + 'a>;

/// Connections, tokens and credentials of one command.
pub struct Client<'a> {
    pub(super) settings: Settings,
    pub(super) source: CredentialSource<'a>,
    names: Names,
    agents: Mutex<HashMap<(String, bool), ureq::Agent>>,
    hosts: Mutex<HashMap<(String, bool), Arc<Host>>>,
}

/// One repository in one registry.
pub struct Repository<'a> {
    pub(super) client: &'a Client<'a>,
    pub(super) host: Arc<Host>,
    /// `library/alpine`
    pub(super) path: String,
}

/// One request, ready to be sent.
pub(super) struct Exchange<'a> {
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    /// `None`: a method without a body.
    pub body: Option<&'a [u8]>,
}

/// An answer whose body is not read yet.
pub(super) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: ureq::Body,
    /// Where it came from, after redirects.
    pub url: String,
}

const CONNECT: Duration = Duration::from_secs(20);
/// Silence for so long is a broken connection; once more is tried after it.
const SILENCE: Duration = Duration::from_secs(28);
/// A registry may move gigabytes before it confirms an upload.
const CONFIRMATION: Duration = Duration::from_secs(900);
const MOST_REDIRECTS: usize = 8;

impl<'a> Client<'a> {
    /// A client that has not spoken to anybody yet.
    pub fn new(settings: Settings, source: CredentialSource<'a>) -> Self {
        Client { settings, source, names: Names::default(), agents: Mutex::default(), hosts: Mutex::default() }
    }

    /// How often things are tried again.
    pub fn retry(&self) -> &Retry {
        &self.settings.retry
    }

    /// A repository; `insecure`: its registry need not prove who it is (a `--tls-verify` flag overrules).
    pub fn repository(&'a self, domain: &str, path: &str, insecure: bool) -> Repository<'a> {
        Repository { client: self, host: self.host(domain, insecure), path: path.to_string() }
    }

    pub(super) fn host(&self, domain: &str, insecure: bool) -> Arc<Host> {
        let insecure = self.settings.tls_verify.map_or(insecure, |verify| !verify);
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.entry((domain.to_string(), insecure)).or_insert_with(|| Arc::new(Host::new(domain, insecure))).clone()
    }

    /// The connections to one place.
    fn agent(&self, uri: &Uri, insecure: bool) -> Result<ureq::Agent, Failure> {
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let key = (format!("{scheme}://{authority}"), insecure);
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(self.settings.proxies.for_host(scheme, host, port)?)
            .user_agent(concat!("barge/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .max_idle_connections_per_host(8)
            .timeout_connect(Some(CONNECT))
            .timeout_resolve(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(Duration::from_secs(60)))
            .build();
        let chain =
            ().chain(SocksConnector::default()).chain(ConnectProxyConnector::default()).chain(TcpConnector::default());
        let agent = if scheme == "https" {
            let mut names = vec![authority, host];
            if authority == super::host::DOCKER_HUB {
                names = vec!["docker.io", authority];
            }
            names.dedup();
            let tls = self.settings.trust.config(&names, !insecure)?;
            ureq::Agent::with_parts(config, chain.chain(TlsConnector(tls)), self.names.clone())
        } else {
            ureq::Agent::with_parts(config, chain, self.names.clone())
        };
        agents.insert(key, agent.clone());
        Ok(agent)
    }

    /// Sends one request. Redirects of GET and HEAD are followed; Authorization goes to the first place only.
    pub(super) fn exchange(&self, exchange: &Exchange<'_>, insecure: bool) -> Result<Reply, Failure> {
        let mut url = exchange.url.clone();
        let first = origin(&parse(&url)?);
        for _ in 0..=MOST_REDIRECTS {
            let uri = parse(&url)?;
            let at_home = origin(&uri) == first;
            let mut request = ureq::http::Request::builder().method(exchange.method).uri(uri.clone());
            for (name, value) in &exchange.headers {
                if at_home || !name.eq_ignore_ascii_case("authorization") {
                    request = request.header(*name, value);
                }
            }
            let bad = |error: ureq::http::Error| Failure::Bad(format!("{url}: {error}"));
            let agent = self.agent(&uri, insecure)?;
            let response = match exchange.body {
                None => agent.run(request.body(()).map_err(bad)?),
                Some(body) => {
                    let request = agent
                        .configure_request(request.body(body).map_err(bad)?)
                        .timeout_recv_response(Some(CONFIRMATION))
                        .timeout_per_read(Some(CONFIRMATION))
                        .build();
                    agent.run(request)
                }
            }?;
            let (parts, body) = response.into_parts();
            let reply = Reply { status: parts.status.as_u16(), headers: parts.headers, body, url: url.clone() };
            let follows = matches!(reply.status, 301 | 302 | 303 | 307 | 308) && exchange.body.is_none();
            let Some(target) = reply.header("location").filter(|_| follows) else { return Ok(reply) };
            let next = join(&uri, target)?;
            let next_uri = parse(&next)?;
            if uri.scheme_str() == Some("https") && next_uri.scheme_str() != Some("https") && !insecure {
                return Err(Failure::Bad(format!("redirect from https to {}: refused", origin(&next_uri))));
            }
            url = next;
        }
        Err(Failure::Bad("too many redirects".into()))
    }

    /// A request whose whole answer is small; anything but success is a failure. Tried again by the rules.
    pub(super) fn small(&self, exchange: &Exchange<'_>, limit: u64, insecure: bool) -> Result<Vec<u8>, Failure> {
        self.patiently(|| self.exchange(exchange, insecure)?.success()?.read(limit))
    }

    /// Tries again what may pass.
    pub(super) fn patiently<T>(&self, mut what: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
        let retry = &self.settings.retry;
        let (mut tries, mut silent) = (0, false);
        loop {
            match what() {
                Err(failure) if tries < retry.times && failure.may_pass(retry.explicit) => {
                    if matches!(failure, Failure::Silent(_)) && std::mem::replace(&mut silent, true) {
                        return Err(failure);
                    }
                    let pause = retry.pause(tries, failure.after());
                    log::info!("{failure}; trying again in {pause:?}");
                    std::thread::sleep(pause);
                    tries += 1;
                }
                result => return result,
            }
        }
    }
}

impl Reply {
    /// A header's value, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Anything but 2xx is a failure, in the registry's words.
    pub fn success(self) -> Result<Reply, Failure> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(self.failure()) }
    }

    /// The answer as a failure.
    pub fn failure(mut self) -> Failure {
        let after = self.header("retry-after").and_then(|text| retry_after(text, jiff::Timestamp::now()));
        let mut body = Vec::new();
        let _ = self.body.as_reader().take(64 << 10).read_to_end(&mut body);
        let (code, words) = failure::words(self.status, &body);
        Failure::Status { status: self.status, words, code, after }
    }

    /// The whole body, at most `limit` bytes, as long as it takes a sane server.
    pub fn read(mut self, limit: u64) -> Result<Vec<u8>, Failure> {
        let announced = self.body.content_length();
        let too_large = || Failure::Bad(format!("the answer is larger than {limit} bytes"));
        if announced.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(announced.unwrap_or(8192) as usize);
        let mut reader = super::blob::Paced::new(self.body.as_reader());
        let mut buffer = [0; 16 << 10];
        loop {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            if bytes.len() as u64 + count as u64 > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&buffer[..count]);
        }
        if announced.is_some_and(|length| length != bytes.len() as u64) {
            return Err(Failure::Broken("the connection was closed too early".into()));
        }
        Ok(bytes)
    }
}

fn parse(url: &str) -> Result<Uri, Failure> {
    let uri: Uri = url.parse().map_err(|_| Failure::Bad(format!("{url:?}: not a URL")))?;
    let good = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@') && !authority.host().is_empty());
    if good { Ok(uri) } else { Err(Failure::Bad(format!("{url:?}: not an http or https URL"))) }
}

/// Scheme, host and port: what credentials belong to.
pub(super) fn origin(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    format!("{scheme}://{}:{port}", uri.host().unwrap_or_default().to_ascii_lowercase())
}

/// A Location header, which may be relative.
pub(super) fn join(base: &Uri, target: &str) -> Result<String, Failure> {
    let (scheme, authority) = (base.scheme_str().unwrap_or_default(), base.authority().map(|one| one.as_str()));
    let authority = authority.unwrap_or_default();
    Ok(if target.contains("://") {
        target.to_string()
    } else if let Some(rest) = target.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if target.starts_with('/') {
        format!("{scheme}://{authority}{target}")
    } else if target.starts_with('?') {
        format!("{scheme}://{authority}{}{target}", base.path())
    } else {
        let parent = base.path().rfind('/').map_or("/", |at| &base.path()[..=at]);
        format!("{scheme}://{authority}{parent}{target}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_joined_and_origins_compared() {
        let base: Uri = "https://a.test:5000/v2/x/blobs/uploads/?q=1".parse().unwrap();
        for (target, want) in [
            ("https://b.test/y", "https://b.test/y"),
            ("/v2/y?z", "https://a.test:5000/v2/y?z"),
            ("abc", "https://a.test:5000/v2/x/blobs/uploads/abc"),
            ("?r=2", "https://a.test:5000/v2/x/blobs/uploads/?r=2"),
            ("//c.test/z", "https://c.test/z"),
        ] {
            assert_eq!(join(&base, target).unwrap(), want);
        }
        let origin_of = |text: &str| origin(&text.parse().unwrap());
        assert_eq!(origin_of("https://A.test/x"), origin_of("https://a.test:443/y"));
        assert_ne!(origin_of("https://a.test/x"), origin_of("http://a.test/x"));
        assert_ne!(origin_of("http://a.test:1/x"), origin_of("http://a.test:2/x"));
        assert!(parse("ftp://a.test/").is_err() && parse("http://u@a.test/").is_err() && parse("/x").is_err());
    }
}
