//! `WWW-Authenticate`, and to whom a token request may go.

use super::Failure;

/// What a registry wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password.
    Basic,
    /// A token from `realm`.
    Bearer {
        /// The token server's URL.
        realm: String,
        /// What the token server calls the registry.
        service: Option<String>,
        /// What the registry thinks that is needed.
        scope: Option<String>,
    },
}

/// Of all challenges the one that we prefer: Bearer, then Basic.
pub(super) fn parse<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut basic = None;
    for header in headers {
        for (scheme, parameters) in challenges(header) {
            let value = |name: &str| {
                parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
            };
            if scheme.eq_ignore_ascii_case("bearer") {
                if let Some(realm) = value("realm") {
                    return Some(Challenge::Bearer { realm, service: value("service"), scope: value("scope") });
                }
            } else if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge::Basic);
            }
        }
    }
    basic
}

/// RFC 9110 §11.6.1: `scheme key=value, key="value", scheme2 …`.
fn challenges(header: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut all: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c == ',' || c.is_whitespace()).unwrap_or(rest.len());
        let word = &rest[..end];
        rest = rest[end..].trim_start();
        if let Some(value) = rest.strip_prefix('=') {
            let value = value.trim_start();
            let (value, after) = quoted(value);
            if let Some((_, parameters)) = all.last_mut() {
                parameters.push((word.to_string(), value));
            }
            rest = after;
        } else if !word.is_empty() {
            all.push((word.to_string(), Vec::new()));
        }
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if end == 0 && rest.starts_with('=') {
            break;
        }
    }
    all
}

/// A token or a quoted string, and what follows it.
fn quoted(text: &str) -> (String, &str) {
    let Some(inner) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len());
        return (text[..end].to_string(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &inner[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

/// How much a token server may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Realm {
    /// It belongs to the registry: credentials may go there.
    Own,
    /// It is somebody else's: it is asked without credentials.
    Foreign,
}

/// A realm must be https, or be at the very place (scheme, host, port) of a registry without TLS. Credentials go only
/// to the registry's own domain and to hosts that the user `trusted`: a registry must not be able to send them
/// anywhere else.
pub(super) fn judge(realm: &str, registry_scheme: &str, registry: &str, trusted: &[String]) -> Result<Realm, Failure> {
    let bad = || Failure::Bad(format!("authentication realm {realm:?}: not https and not the registry itself"));
    let uri: ureq::http::Uri = realm.parse().map_err(|_| bad())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(bad()) };
    if authority.as_str().contains('@') {
        return Err(bad());
    }
    if scheme == registry_scheme && authority.as_str().eq_ignore_ascii_case(registry) {
        return Ok(Realm::Own);
    }
    if scheme != "https" {
        return Err(bad());
    }
    let host = |authority: &str| authority.parse::<ureq::http::uri::Authority>().map(|one| one.host().to_string());
    let own = trusted.iter().any(|trusted| trusted.eq_ignore_ascii_case(authority.as_str()))
        || (registry_scheme == "https" && host(registry).is_ok_and(|registry| same_owner(&registry, authority.host())));
    Ok(if own { Realm::Own } else { Realm::Foreign })
}

/// Host and port of a realm.
pub(super) fn authority(realm: &str) -> Option<String> {
    Some(realm.parse::<ureq::http::Uri>().ok()?.authority()?.as_str().to_ascii_lowercase())
}

/// The same name, or names of one registrable domain.
fn same_owner(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let is_address = |host: &str| host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    one == other || (!is_address(&one) && !is_address(&other) && owner(&one).is_some() && owner(&one) == owner(&other))
}

/// `auth.docker.io` → `docker.io`; `a.b.co.uk` → `b.co.uk`. Without the public suffix list: country domains with a
/// short second label are taken for registries of names.
fn owner(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.split('.').collect();
    let [.., second, top] = labels.as_slice() else { return None };
    let count = if top.len() == 2 && second.len() <= 3 && labels.len() > 2 { 3 } else { 2 };
    let length: usize = labels.iter().rev().take(count).map(|label| label.len() + 1).sum();
    host.get(host.len().checked_sub(length - 1)?..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_of_real_registries() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.into(),
                service: service.map(Into::into),
                scope: scope.map(Into::into),
            })
        };
        for (headers, want) in [
            (
                vec![
                    r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull""#,
                ],
                bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:library/alpine:pull"),
                ),
            ),
            (vec![r#"Basic realm="Registry Realm""#], Some(Challenge::Basic)),
            (
                vec![r#"basic realm="x", BEARER realm="https://t/x\"y" , service=s"#],
                bearer("https://t/x\"y", Some("s"), None),
            ),
            (vec!["Basic realm=x", "Bearer realm=https://t"], bearer("https://t", None, None)),
            (vec!["Negotiate"], None),
            (vec!["Bearer"], None),
            (vec!["", "=,=", "\"", "Bearer realm=\"x"], bearer("x", None, None)),
        ] {
            assert_eq!(parse(headers.iter().copied()), want, "{headers:?}");
        }
    }

    #[test]
    fn credentials_stay_with_the_registry() {
        use Realm::{Foreign, Own};
        for (realm, scheme, registry, want) in [
            ("https://auth.docker.io/token", "https", "registry-1.docker.io", Some(Own)),
            ("https://gitlab.example.com/jwt/auth", "https", "registry.example.com:5050", Some(Own)),
            ("https://evil.test/token", "https", "registry.example.com", Some(Foreign)),
            ("https://evil.co.uk/token", "https", "registry.good.co.uk", Some(Foreign)),
            ("http://registry.example.com/token", "https", "registry.example.com", None),
            ("http://127.0.0.1:5000/token", "http", "127.0.0.1:5000", Some(Own)),
            ("http://127.0.0.1:5001/token", "http", "127.0.0.1:5000", None),
            ("https://127.0.0.2/token", "https", "127.0.0.1", Some(Foreign)),
            ("https://user@registry.example.com/t", "https", "registry.example.com", None),
            ("file:///etc/passwd", "https", "registry.example.com", None),
            ("/token", "https", "registry.example.com", None),
            ("https://com/x", "https", "com", Some(Own)),
        ] {
            assert_eq!(judge(realm, scheme, registry, &[]).ok(), want, "{realm} for {registry}");
        }
        let trusted = ["api.scaleway.com".to_string()];
        let judged = judge("https://api.scaleway.com/token", "https", "rg.fr-par.scw.cloud", &trusted);
        assert_eq!(judged.ok(), Some(Own));
    }
}
