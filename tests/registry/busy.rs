//! Registries that have no time now.

use super::image;
use crate::support::fake::{Fake, Reply};
use crate::support::{Sandbox, needs};
use std::time::Instant;

#[test]
fn too_many_requests_and_server_errors_pass() {
    needs![root];
    for status in [429, 500, 502, 503] {
        let sandbox = Sandbox::new();
        let fake = Fake::start();
        fake.put("app", "1", &image(&[1000, 2000]));
        let mut refusals = 4;
        fake.rule(move |seen, _| {
            // Every second request, until the patience of the registry is back.
            if refusals == 0 || seen.path == "/v2/" {
                return None;
            }
            refusals -= 1;
            (refusals % 2 == 1).then(|| Reply::new(status, "").header("Retry-After", "0"))
        });
        sandbox.run(&format!("pull -q --retry-delay 10ms --tls-verify=false {}", fake.image("app:1"))).ok().forget();
    }
}

#[test]
fn patience_ends_and_retry_after_is_heard() {
    needs![root];
    let sandbox = Sandbox::new();
    let fake = Fake::start();
    fake.rule(|seen, _| seen.path.contains("manifests").then(|| Reply::new(429, "").header("Retry-After", "1")));
    let began = Instant::now();
    sandbox
        .run(&format!("pull -q --retry 2 --tls-verify=false {}", fake.image("app:1")))
        .fails()
        .has("toomanyrequests");
    assert!(began.elapsed().as_secs() >= 2, "{:?}", began.elapsed());
    assert_eq!(fake.seen().iter().filter(|seen| seen.path.contains("manifests")).count(), 3);
    let began = Instant::now();
    sandbox.run(&format!("pull -q --retry 0 --tls-verify=false {}", fake.image("app:1"))).fails().forget();
    assert!(began.elapsed().as_secs() < 10);
}

#[test]
fn mirrors_are_tried_first_and_may_fail() {
    needs![root];
    let mut sandbox = Sandbox::new();
    let (bad, good, origin) = (Fake::start(), Fake::start(), Fake::start());
    bad.rule(|seen, _| (seen.path != "/v2/").then(|| Reply::new(404, "")));
    let made = good.put("mirrored/app", "1", &image(&[1000]));
    let conf = sandbox.file(
        "registries.conf",
        format!(
            "[[registry]]\nprefix = 'origin.test'\nlocation = '{}'\ninsecure = true\n[[registry.mirror]]\nlocation = '{}'\ninsecure = true\n[[registry.mirror]]\nlocation = '{}/mirrored'\ninsecure = true\n",
            origin.address(),
            bad.address(),
            good.address()
        ),
    );
    sandbox.env("CONTAINERS_REGISTRIES_CONF", &conf.to_string_lossy());
    let pulled = sandbox.run("pull -q origin.test/app:1").ok();
    assert_eq!(format!("sha256:{}", pulled.text()), made.id);
    assert!(!bad.seen().is_empty() && origin.seen().is_empty());
    sandbox.run("image exists origin.test/app:1").ok().forget();
}
