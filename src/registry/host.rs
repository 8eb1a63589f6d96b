//! One registry: how it is reached, what it wants to see, and the tokens it gave.

use super::Failure;
use super::challenge::{self, Challenge, Realm};
use super::client::{Client, Exchange, Reply, Repository};
use super::token::{self, Token, TokenRequest};
use crate::model::credentials::Credentials;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Where docker.io really is.
pub(super) const DOCKER_HUB: &str = "registry-1.docker.io";

/// What is known of one registry.
pub(super) struct Host {
    /// As people write it: `docker.io`.
    pub name: String,
    /// Where it is: `registry-1.docker.io`.
    pub authority: String,
    /// It need not prove who it is, and may do without TLS.
    pub insecure: bool,
    scheme: Mutex<Option<&'static str>>,
    challenge: Mutex<Option<Challenge>>,
    tokens: Mutex<HashMap<String, Token>>,
    credentials: Mutex<HashMap<String, Option<Credentials>>>,
}

/// One request to a registry.
#[derive(Default)]
pub(super) struct Request<'a> {
    pub method: &'static str,
    /// `/v2/…`, or a whole URL (an upload's Location).
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<&'a [u8]>,
    /// What a token must allow.
    pub scopes: Vec<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    pub fn new(name: &str, insecure: bool) -> Self {
        let authority = if name == "docker.io" { DOCKER_HUB } else { name };
        Host {
            name: name.into(),
            authority: authority.into(),
            insecure,
            scheme: Mutex::new((!insecure).then_some("https")),
            challenge: Mutex::default(),
            tokens: Mutex::default(),
            credentials: Mutex::default(),
        }
    }

    /// https; for an insecure registry whatever it speaks, found out once.
    pub fn scheme(&self, client: &Client<'_>) -> Result<&'static str, Failure> {
        let mut known = lock(&self.scheme);
        if let Some(scheme) = *known {
            return Ok(scheme);
        }
        let ping = |scheme| {
            let url = format!("{scheme}://{}/v2/", self.authority);
            let exchange = Exchange { method: "GET", url, headers: Vec::new(), body: None };
            client.patiently(|| client.exchange(&exchange, true))
        };
        let (scheme, reply) = match ping("https") {
            Ok(reply) => ("https", reply),
            Err(first @ (Failure::NoAddress(_) | Failure::Ours(_))) => return Err(first),
            Err(first) => match ping("http") {
                Ok(reply) => ("http", reply),
                Err(second) => return Err(if matches!(first, Failure::NotTls(_)) { second } else { first }),
            },
        };
        self.learn(&reply);
        *known = Some(scheme);
        Ok(scheme)
    }

    /// Remembers what the registry asks for.
    fn learn(&self, reply: &Reply) -> bool {
        if reply.status != 401 {
            return false;
        }
        let headers = reply.headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok());
        match challenge::parse(headers) {
            Some(challenge) => {
                *lock(&self.challenge) = Some(challenge);
                true
            }
            None => false,
        }
    }

    fn credentials(&self, client: &Client<'_>, path: &str) -> Result<Option<Credentials>, Failure> {
        let key = if path.is_empty() { self.name.clone() } else { format!("{}/{path}", self.name) };
        let mut known = lock(&self.credentials);
        if let Some(credentials) = known.get(&key) {
            return Ok(credentials.clone());
        }
        let credentials = (client.source)(&key).map_err(Failure::Ours)?;
        known.insert(key, credentials.clone());
        Ok(credentials)
    }

    /// The Authorization header, as far as is known that one is needed.
    fn authorization(&self, client: &Client<'_>, path: &str, scopes: &[String]) -> Result<Option<String>, Failure> {
        let Some(challenge) = lock(&self.challenge).clone() else { return Ok(None) };
        let credentials = self.credentials(client, path)?;
        let (realm, service, scope) = match challenge {
            Challenge::Basic => {
                return Ok(match credentials {
                    Some(Credentials::Basic { user, password }) => Some(token::basic(&user, &password)),
                    _ => None,
                });
            }
            Challenge::Bearer { realm, service, scope } => (realm, service, scope),
        };
        let key = scopes.join(" ");
        // Held while fetching: several layers need one token, not several.
        let mut tokens = lock(&self.tokens);
        if let Some(token) = tokens.get(&key).filter(|token| token.until > Instant::now()) {
            return Ok(Some(format!("Bearer {}", token.value)));
        }
        let owner = self.judge(client, &realm)?;
        let mut wanted = scopes.to_vec();
        // A registry behind a rewriting proxy knows its names better than we do.
        let told = scope.into_iter().filter(|scope| !scopes.is_empty() && scope.starts_with("repository:"));
        for scope in told {
            let name = |scope: &str| scope.rsplit_once(':').map(|(name, _)| name.to_string());
            if !wanted.iter().any(|one| name(one) == name(&scope)) {
                wanted.push(scope);
            }
        }
        let request = TokenRequest {
            realm: &realm,
            owner,
            service: service.as_deref(),
            scopes: &wanted,
            credentials: credentials.as_ref(),
        };
        let token = token::fetch(client, &request, self.insecure)?;
        let value = format!("Bearer {}", token.value);
        tokens.insert(key, token);
        Ok(Some(value))
    }
}

impl Host {
    /// Whether a token server that this registry names may see credentials.
    fn judge(&self, client: &Client<'_>, realm: &str) -> Result<Realm, Failure> {
        let settings = &client.settings;
        let known = settings.known_token_hosts.iter().filter(|(registry, _)| *registry == self.name);
        let trusted: Vec<String> = settings.token_hosts.iter().chain(known.map(|(_, host)| host)).cloned().collect();
        let scheme = self.scheme(client)?;
        let judged = challenge::judge(realm, scheme, &self.authority, &trusted)?;
        // Whoever gives a password for this registry just now, and speaks with it and nobody else, lets it say where the
        // password is tried: it could as well ask for it itself.
        let verified = scheme == "https" && !self.insecure && settings.tls_verify != Some(false);
        Ok(if settings.credentials_given && verified { Realm::Own } else { judged })
    }
}

impl Repository<'_> {
    /// Sends a request with what the registry wants to see; whatever it answers is given back.
    pub(super) fn send(&self, request: &Request<'_>) -> Result<Reply, Failure> {
        self.host.send(self.client, &self.path, request)
    }

    /// The scope for this repository.
    pub(super) fn scope(&self, actions: &str) -> String {
        format!("repository:{}:{actions}", self.path)
    }

    /// `host/path`, for messages.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host.name, self.path)
    }

    /// The registry's name, for messages.
    pub fn registry(&self) -> &str {
        &self.host.name
    }

    /// How often things are tried again.
    pub fn retry(&self) -> &super::Retry {
        self.client.retry()
    }

    /// Finds out whether the registry is there at all and what it speaks.
    pub fn reach(&self) -> Result<(), Failure> {
        self.host.scheme(self.client).map(drop)
    }
}

impl Host {
    /// See [`Repository::send`].
    pub fn send(&self, client: &Client<'_>, path: &str, request: &Request<'_>) -> Result<Reply, Failure> {
        let scheme = self.scheme(client)?;
        let own = format!("{scheme}://{}", self.authority);
        let absolute = request.target.contains("://");
        let url = if absolute { request.target.clone() } else { format!("{own}{}", request.target) };
        let at_home = url.strip_prefix(&own).is_some_and(|rest| rest.starts_with('/'));
        for second in [false, true] {
            let mut headers = request.headers.clone();
            let mut sent = None;
            if at_home {
                sent = self.authorization(client, path, &request.scopes)?;
                headers.extend(sent.clone().map(|value| ("Authorization", value)));
            }
            let exchange = Exchange { method: request.method, url: url.clone(), headers, body: request.body };
            let reply = client.exchange(&exchange, self.insecure)?;
            if second || !at_home || !self.learn(&reply) {
                return Ok(reply);
            }
            let repeats = sent.is_some_and(|sent| sent.starts_with("Basic "));
            let helpless = matches!(*lock(&self.challenge), Some(Challenge::Basic))
                && !matches!(self.credentials(client, path)?, Some(Credentials::Basic { .. }));
            if repeats || helpless {
                return Ok(reply);
            }
            lock(&self.tokens).remove(&request.scopes.join(" "));
        }
        Err(Failure::Bad("unauthorized".into()))
    }
}

impl Client<'_> {
    /// Whether the registry lets in whoever has these credentials (`GET /v2/`). Returns the token server that has seen them,
    /// when it has another owner than the registry.
    pub fn try_login(&self, domain: &str, insecure: bool) -> Result<Option<String>, Failure> {
        let host = self.host(domain, insecure);
        let request = Request { method: "GET", target: "/v2/".into(), ..Request::default() };
        self.patiently(|| host.send(self, "", &request)?.success().map(drop))?;
        let Some(Challenge::Bearer { realm, .. }) = lock(&host.challenge).clone() else { return Ok(None) };
        // Whoever was not shown the credentials has not proved them.
        if host.judge(self, &realm)? == Realm::Foreign {
            return Err(Failure::ForeignRealm(realm));
        }
        let own = challenge::judge(&realm, host.scheme(self)?, &host.authority, &[])? == Realm::Own;
        Ok(challenge::authority(&realm).filter(|_| !own))
    }
}
