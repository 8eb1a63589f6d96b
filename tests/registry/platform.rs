//! Indexes and platforms.

use super::image;
use crate::support::fake::{Fake, Made};
use crate::support::{Sandbox, needs};
use serde_json::json;

fn entry(fake: &Fake, made: &Made, platform: serde_json::Value) -> serde_json::Value {
    let size = fake.change(|content| content.manifests[&format!("app/{}", made.manifest)].1.len());
    json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": made.manifest, "size": size, "platform": platform})
}

#[test]
fn the_entry_for_the_platform_is_taken() {
    needs![root];
    let fake = Fake::start();
    let amd = fake.put("app", "a", &image(&[1000]));
    let arm = fake.put("app", "b", &image(&[1000, 1001]));
    let old = fake.put("app", "c", &image(&[1000, 1002]));
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        entry(&fake, &old, json!({"os": "linux", "architecture": "arm", "variant": "v6"})),
        entry(&fake, &arm, json!({"os": "linux", "architecture": "arm", "variant": "v7"})),
        entry(&fake, &amd, json!({"os": "linux", "architecture": "amd64"})),
    ]});
    let digest = fake.put_manifest("app", "1", &index);
    let sandbox = Sandbox::new();
    for (flags, want) in [
        ("--platform linux/amd64", &amd),
        ("--arch arm", &arm),
        ("--platform linux/arm/v6", &old),
        ("--arch arm --variant v5", &amd),
    ] {
        let pulled = sandbox.run(&format!("pull -q --tls-verify=false {flags} {}", fake.image("app:1")));
        if flags.contains("v5") {
            pulled.fails().has("no image found in image index for architecture \"arm\"").forget();
        } else {
            assert_eq!(format!("sha256:{}", pulled.code(0).text()), want.id, "{flags}");
        }
    }
    sandbox.run(&format!("pull -q --tls-verify=false {}@{digest}", fake.image("app"))).ok().forget();
    sandbox.run(&format!("image exists {}@{digest}", fake.image("app"))).ok().forget();
}

#[test]
fn an_index_must_tell_the_truth_about_its_manifests() {
    needs![root];
    let fake = Fake::start();
    let made = fake.put("app", "a", &image(&[1000]));
    let good = entry(&fake, &made, json!({"os": "linux", "architecture": "amd64"}));
    for (key, value) in [
        ("size", json!(7)),
        ("mediaType", json!("application/vnd.docker.distribution.manifest.v2+json")),
        ("size", json!(5_000_000)),
    ] {
        let mut wrong = good.clone();
        wrong[key] = value;
        let index =
            json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [wrong]});
        fake.put_manifest("app", "1", &index);
        let sandbox = Sandbox::new();
        sandbox.run(&format!("pull -q --tls-verify=false {}", fake.image("app:1"))).fails().forget();
        super::assert_empty(&sandbox);
    }
}
