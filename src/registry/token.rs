//! Tokens: asks the token server of a registry, with the credentials or without.

use super::Failure;
use super::challenge::Realm;
use super::client::{Client, Exchange};
use crate::model::credentials::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::time::{Duration, Instant};

/// A token and until when it may be used.
#[derive(Clone)]
pub(super) struct Token {
    pub value: String,
    pub until: Instant,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// Token answers are small.
const LIMIT: u64 = 1 << 20;

/// One request to a token server.
pub(super) struct TokenRequest<'a> {
    pub realm: &'a str,
    pub owner: Realm,
    pub service: Option<&'a str>,
    pub scopes: &'a [String],
    pub credentials: Option<&'a Credentials>,
}

/// Fetches a token.
pub(super) fn fetch(client: &Client<'_>, request: &TokenRequest<'_>, insecure: bool) -> Result<Token, Failure> {
    let form_body;
    let credentials = request.credentials.filter(|_| request.owner == Realm::Own);
    if request.credentials.is_some() && credentials.is_none() {
        log::warn!(
            "token server {} has another owner: credentials are not sent there (`login` to the registry allows it)",
            request.realm
        );
    }
    let exchange = match credentials {
        Some(Credentials::Identity(token)) => {
            let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "barge")];
            form.extend(request.service.map(|service| ("service", service)));
            let scope = request.scopes.join(" ");
            form.push(("scope", &scope));
            form_body = form_encode(&form);
            Exchange {
                method: "POST",
                url: request.realm.to_string(),
                headers: vec![("Content-Type", "application/x-www-form-urlencoded".into())],
                body: Some(form_body.as_bytes()),
            }
        }
        _ => {
            let mut query = Vec::new();
            query.extend(request.service.map(|service| ("service", service)));
            query.extend(request.scopes.iter().map(|scope| ("scope", scope.as_str())));
            let mut headers = Vec::new();
            if let Some(Credentials::Basic { user, password }) = credentials {
                query.push(("account", user));
                headers.push(("Authorization", basic(user, password)));
            }
            let joint = if request.realm.contains('?') { '&' } else { '?' };
            Exchange {
                method: "GET",
                url: format!("{}{joint}{}", request.realm, form_encode(&query)),
                headers,
                body: None,
            }
        }
    };
    let asked = Instant::now();
    let body = client.small(&exchange, LIMIT, insecure)?;
    let bad = || Failure::Bad("the token server's answer has no token".into());
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| bad())?;
    let value = answer.token.or(answer.access_token).filter(|token| is_token(token)).ok_or_else(bad)?;
    // A minute when it is not said (docker's distribution spec); a little less than said.
    let lives = answer.expires_in.unwrap_or(60).clamp(15, 86_400);
    Ok(Token { value, until: asked + Duration::from_secs(lives - lives / 10) })
}

/// Fit for a header.
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `Basic …`
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// `a=b&c=d`, percent-encoded.
pub(super) fn form_encode(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        percent(&mut text, name);
        text.push('=');
        percent(&mut text, value);
    }
    text
}

fn percent(text: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/' | b':' | b',') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded() {
        let text = form_encode(&[("scope", "repository:a/b:pull,push"), ("x y", "ü&=")]);
        assert_eq!(text, "scope=repository:a/b:pull,push&x%20y=%C3%BC%26%3D");
        assert!(is_token("a.b-c") && !is_token("a b") && !is_token("a\r\n"));
    }
}
