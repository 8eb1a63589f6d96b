//! Servers that never end.

use super::{assert_empty, image};
use crate::support::fake::{Fake, Manner, Reply};
use crate::support::{Sandbox, needs};
use std::time::Instant;

#[test]
fn a_byte_a_second_is_given_up() {
    needs![root];
    let mut sandbox = Sandbox::new();
    sandbox.timeout(90);
    let fake = Fake::start();
    fake.put("app", "1", &image(&[100_000]));
    fake.rule(|seen, content| {
        let blob = content.blobs.values().find(|blob| blob.len() > 50_000)?;
        let is_layer = seen.method == "GET"
            && seen.path.contains("/blobs/sha256:")
            && content.blobs.get(seen.path.rsplit('/').next()?)? == blob;
        is_layer.then(|| Reply::new(200, blob.clone()).manner(Manner::Drip(10_000)))
    });
    let began = Instant::now();
    sandbox.run(&format!("pull -q --tls-verify=false {}", fake.image("app:1"))).fails().has("giving up");
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    assert_empty(&sandbox);
}
