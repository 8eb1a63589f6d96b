//! Credentials stay with the registry that they are for.

use super::image;
use crate::support::fake::{Fake, Reply};
use crate::support::{Sandbox, needs};

fn wants_basic(fake: &Fake) {
    fake.rule(|seen, _| {
        let good = seen.header("authorization") == Some("Basic YW5uOnNlY3JldA==");
        (!good).then(|| Reply::new(401, "").header("WWW-Authenticate", "Basic realm=\"x\""))
    });
}

#[test]
fn a_redirect_elsewhere_loses_authorization() {
    needs![root];
    let sandbox = Sandbox::new();
    let (first, second) = (Fake::start(), Fake::start());
    let made = first.put("app", "1", &image(&[100_000]));
    second.put("app", "1", &image(&[100_000]));
    wants_basic(&first);
    let elsewhere = second.address();
    first.rule(move |seen, _| {
        let blob = seen.path.contains("/blobs/sha256:");
        blob.then(|| Reply::new(307, "").header("Location", format!("http://{elsewhere}{}", seen.path)))
    });
    let pulled = sandbox.run(&format!("pull -q --tls-verify=false --creds ann:secret {}", first.image("app:1"))).ok();
    assert_eq!(format!("sha256:{}", pulled.text()), made.id);
    assert!(first.seen().iter().any(|seen| seen.header("authorization").is_some()));
    let second = second.seen();
    assert!(second.len() >= 2);
    assert!(second.iter().all(|seen| seen.header("authorization").is_none()), "{second:?}");
}

#[test]
fn a_realm_elsewhere_gets_nothing() {
    needs![root];
    let sandbox = Sandbox::new();
    let (first, second) = (Fake::start(), Fake::start());
    first.put("app", "1", &image(&[1000]));
    let elsewhere = second.address();
    first.rule(move |_, _| {
        let challenge = format!("Bearer realm=\"http://{elsewhere}/token\",service=\"x\"");
        Some(Reply::new(401, "").header("WWW-Authenticate", challenge))
    });
    sandbox
        .run(&format!("pull -q --tls-verify=false --creds ann:secret {}", first.image("app:1")))
        .fails()
        .has("not https and not the registry itself");
    assert!(second.seen().is_empty());
}

#[test]
fn foreign_layers_are_not_fetched_from_where_they_say() {
    needs![root];
    let sandbox = Sandbox::new();
    let (first, second) = (Fake::start(), Fake::start());
    let made = first.put("app", "1", &image(&[1000]));
    let manifest = first.change(|content| content.manifests[&format!("app/{}", made.manifest)].1.clone());
    let mut manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    manifest["layers"][0]["urls"] = serde_json::json!([format!("http://{}/layer", second.address())]);
    first.put_manifest("app", "1", &manifest);
    sandbox.run(&format!("pull -q --tls-verify=false {}", first.image("app:1"))).ok().forget();
    assert!(second.seen().is_empty());
}

#[test]
fn redirects_end() {
    needs![root];
    let sandbox = Sandbox::new();
    let fake = Fake::start();
    fake.rule(|seen, _| {
        seen.path.contains("manifests").then(|| Reply::new(302, "").header("Location", seen.path.clone()))
    });
    sandbox.run(&format!("pull -q --tls-verify=false {}", fake.image("app:1"))).fails().has("too many redirects");
    let fake = Fake::start();
    fake.rule(|seen, _| {
        seen.path.contains("manifests").then(|| Reply::new(302, "").header("Location", "file:///etc/passwd"))
    });
    sandbox.run(&format!("pull -q --tls-verify=false {}", fake.image("app:1"))).fails().has("not a URL");
}
