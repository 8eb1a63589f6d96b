//! Token servers of another owner than the registry (S9): asked without credentials by anybody, with them once the user
//! has logged in to that registry over verified TLS, or gives them with the command.

use super::image;
use crate::support::fake::{Fake, Reply};
use crate::support::tls::{Tls, certificates};
use crate::support::{Sandbox, needs};
use serde_json::json;

/// Tokens come from `realm`, for ann's password only.
fn wants_tokens(fake: &Fake, realm: String) {
    fake.rule(move |seen, _| {
        let told = seen.header("authorization");
        if seen.path.starts_with("/token") {
            // ann:secret
            return Some(match told {
                Some("Basic YW5uOnNlY3JldA==") => Reply::new(200, json!({"token": "good"}).to_string()),
                Some(_) => Reply::new(401, ""),
                None => Reply::new(200, json!({"token": "nobodys"}).to_string()),
            });
        }
        let challenge = format!("Bearer realm=\"{realm}\",service=\"fake\"");
        (told != Some("Bearer good")).then(|| Reply::new(401, "").header("WWW-Authenticate", challenge))
    });
}

/// How often the token server was shown credentials.
fn shown(fake: &Fake) -> usize {
    let seen = fake.seen();
    seen.iter().filter(|seen| seen.path.starts_with("/token") && seen.header("authorization").is_some()).count()
}

#[test]
fn a_login_allows_the_token_server_that_the_registry_names() {
    needs![root, python3, openssl];
    let mut sandbox = Sandbox::new();
    let (authority, pem) = certificates(&sandbox);
    sandbox.env("SSL_CERT_FILE", &authority.to_string_lossy());
    let fake = Fake::start();
    fake.put("team/app", "1", &image(&[1000]));
    let port = fake.address().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let registry = Tls::start("127.0.0.1", port, &pem);
    let tokens = Tls::start("127.0.0.2", port, &pem);
    wants_tokens(&fake, format!("https://{}/token", tokens.address));
    let name = format!("{}/team/app:1", registry.address);
    sandbox.run(&format!("pull -q {name}")).fails().has("unauthorized").forget();
    sandbox
        .run(&format!("login -u ann -p wrong {}", registry.address))
        .fails()
        .has("invalid username/password")
        .forget();

    sandbox.run_with_input(&format!("login -u ann --password-stdin {}", registry.address), b"secret").code(0).forget();
    let file = sandbox.path("home/.config/containers/auth.json");
    let text = std::fs::read_to_string(&file).expect("login has written it");
    assert!(text.contains(&format!("\"tokenServer\": \"{}\"", tokens.address)), "{text}");
    sandbox.run(&format!("pull -q {name}")).ok().forget();
    sandbox.run(&format!("rmi {name}")).ok().forget();

    // Credentials that somebody else has written down, or for a registry that names another one by now: not sent.
    std::fs::write(&file, text.replace("tokenServer", "somethingElse")).expect("our own file");
    let before = shown(&fake);
    assert!(before > 0);
    sandbox.run(&format!("pull -q {name}")).code(125).has("credentials are not sent there").forget();
    assert_eq!(shown(&fake), before);
    // The control: given with the command, they are.
    sandbox.run(&format!("pull -q --creds ann:secret {name}")).ok().forget();
    assert!(shown(&fake) > before);
}

#[test]
fn without_verified_tls_nobody_else_sees_a_password() {
    needs![root, python3, openssl];
    let mut sandbox = Sandbox::new();
    let (authority, pem) = certificates(&sandbox);
    let fake = Fake::start();
    fake.put("team/app", "1", &image(&[1000]));
    let port = fake.address().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let registry = Tls::start("127.0.0.1", port, &pem);
    let tokens = Tls::start("127.0.0.2", port, &pem);
    wants_tokens(&fake, format!("https://{}/token", tokens.address));
    // Without TLS, and with TLS that nobody looks at.
    for name in [fake.image("team/app:1"), format!("{}/team/app:1", registry.address)] {
        sandbox.run(&format!("pull -q --tls-verify=false --creds ann:secret {name}")).code(125).forget();
        let login = format!("login --tls-verify=false -u ann -p secret {}", name.split('/').next().unwrap_or_default());
        sandbox.run(&login).code(125).has("has another owner").forget();
    }
    assert_eq!(shown(&fake), 0);
    sandbox.env("SSL_CERT_FILE", &authority.to_string_lossy());
    sandbox.env("BARGE_TOKEN_HOSTS", &tokens.address);
    sandbox.run(&format!("pull -q --tls-verify=false --creds ann:secret {}", fake.image("team/app:1"))).ok().forget();
}
