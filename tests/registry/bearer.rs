//! Tokens: one per scope, asked for with the credentials, used until they expire.

use super::image;
use crate::support::fake::{Fake, Reply};
use crate::support::{Sandbox, needs};
use serde_json::json;

/// Gives tokens at /token and wants them everywhere else.
fn wants_tokens(fake: &Fake, life: u64) {
    let address = fake.address();
    fake.rule(move |seen, _| {
        if let Some(query) = seen.path.strip_prefix("/token?") {
            let scope = query.split('&').find_map(|pair| pair.strip_prefix("scope=")).unwrap_or("none");
            let who = if seen.header("authorization").is_some() { "ann" } else { "nobody" };
            let token = format!("{who}-{}", scope.replace([':', '/', ','], "."));
            return Some(Reply::new(200, json!({"token": token, "expires_in": life}).to_string()));
        }
        let pushes = seen.method != "GET" && seen.method != "HEAD";
        let good = seen
            .header("authorization")
            .is_some_and(|value| value.starts_with("Bearer ann-repository.") && (!pushes || value.contains("push")));
        let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"fake\"");
        (!good).then(|| Reply::new(401, "").header("WWW-Authenticate", challenge))
    });
}

#[test]
fn pull_and_push_with_one_token_per_scope() {
    needs![root];
    let sandbox = Sandbox::new();
    let fake = Fake::start();
    fake.put("team/app", "1", &image(&[1000, 2000, 3000, 4000]));
    wants_tokens(&fake, 300);
    let name = fake.image("team/app:1");
    sandbox.run(&format!("pull -q --tls-verify=false {name}")).fails().has("unauthorized");
    let before = fake.seen().len();
    sandbox.run(&format!("pull -q --tls-verify=false --creds ann:secret {name}")).ok().forget();
    let seen = fake.seen().split_off(before);
    let tokens: Vec<_> = seen.iter().filter(|seen| seen.path.starts_with("/token")).collect();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert!(tokens[0].path.contains("service=fake") && tokens[0].path.contains("scope=repository:team/app:pull"));
    assert!(tokens[0].path.contains("account=ann"));
    // The password goes to the token server only, the token everywhere else.
    assert!(
        seen.iter()
            .filter(|seen| !seen.path.starts_with("/token"))
            .all(|seen| { seen.header("authorization").is_none_or(|value| value.starts_with("Bearer ")) })
    );
    sandbox
        .run(&format!("push -q --tls-verify=false --creds ann:secret {name} {}", fake.image("team/copy:2")))
        .ok()
        .forget();
    assert!(fake.change(|content| content.manifests.contains_key("team/copy/2")));
    assert!(
        fake.seen().iter().any(|seen| seen.path.starts_with("/token") && seen.path.contains("team/copy:pull,push"))
    );
}
