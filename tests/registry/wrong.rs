//! What is not what it should be is refused, and nothing of it stays.

use super::{assert_empty, image};
use crate::support::fake::{Fake, Reply};
use crate::support::{Sandbox, needs};
use serde_json::json;

/// Pulls app:1 from `fake`, which must fail with `words` and leave nothing.
#[track_caller]
fn refused(fake: &Fake, words: &str) {
    let sandbox = Sandbox::new();
    sandbox.run(&format!("pull -q --retry 0 --tls-verify=false {}", fake.image("app:1"))).fails().code(125).has(words);
    assert_empty(&sandbox);
}

#[test]
fn a_flipped_bit_in_any_blob() {
    needs![root];
    for which in 0..3 {
        let fake = Fake::start();
        let made = fake.put("app", "1", &image(&[100_000, 50_000]));
        let digest = if which == 2 { made.id.clone() } else { made.layers[which].clone() };
        fake.change(|content| {
            let blob = content.blobs.get_mut(&digest).unwrap();
            let middle = blob.len() / 2;
            blob[middle] ^= 1;
        });
        refused(&fake, "sha256:");
    }
}

#[test]
fn bodies_that_are_too_short_or_too_long() {
    needs![root];
    for (change, words) in [(-1i64, "bytes come"), (1, "bytes come")] {
        let fake = Fake::start();
        let made = fake.put("app", "1", &image(&[100_000]));
        fake.change(|content| {
            let blob = content.blobs.get_mut(&made.layers[0]).unwrap();
            let length = (blob.len() as i64 + change) as usize;
            blob.resize(length, 0);
        });
        refused(&fake, words);
    }
    // Without a length, by chunks or to the end of the connection, more may come than was said.
    let fake = Fake::start();
    let made = fake.put("app", "1", &image(&[100_000]));
    let layer = made.layers[0].clone();
    fake.rule(move |seen, content| {
        let body = content.blobs.get(&layer).filter(|_| seen.gets(&layer))?;
        let mut chunks = format!("{:x}\r\n", body.len() + 1).into_bytes();
        chunks.extend_from_slice(body);
        chunks.extend_from_slice(b"x\r\n0\r\n\r\n");
        Some(Reply::new(200, chunks).header("Content-Length-Not", "0").header("Transfer-Encoding", "chunked"))
    });
    let sandbox = Sandbox::new();
    sandbox.run(&format!("pull -q --retry 0 --tls-verify=false {}", fake.image("app:1"))).code(125).forget();
    assert_empty(&sandbox);
}

#[test]
fn manifests_that_are_ambiguous_or_too_large() {
    needs![root];
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("application/vnd.oci.image.manifest.v1+json", json!({"schemaVersion": 2, "config": {}, "layers": [], "manifests": []}).to_string().into(), "both an index and a manifest"),
        ("application/vnd.oci.image.index.v1+json", json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {}, "layers": []}).to_string().into(), "came as"),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", json!({"schemaVersion": 1, "fsLayers": []}).to_string().into(), "schema 1"),
        ("application/vnd.oci.image.manifest.v1+json", json!({"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:../../../etc/passwd", "size": 3}, "layers": []}).to_string().into(), "digest"),
        ("application/vnd.oci.image.manifest.v1+json", json!({"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": format!("sha256:{}", "0".repeat(64)), "size": 9_000_000}, "layers": []}).to_string().into(), "too many"),
        ("application/vnd.oci.image.manifest.v1+json", json!({"schemaVersion": 2, "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": format!("sha256:{}", "0".repeat(64)), "size": 9}, "layers": []}).to_string().into(), "unsupported image-specific operation"),
        ("application/vnd.oci.image.manifest.v1+json", vec![b' '; (4 << 20) + 1], "larger than"),
        ("application/vnd.oci.image.index.v1+json", format!("{{\"schemaVersion\":2,\"manifests\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000)).into(), "index"),
        ("application/vnd.oci.image.manifest.v1+json", b"{".to_vec(), "manifest"),
    ];
    for (media_type, bytes, words) in cases {
        let fake = Fake::start();
        fake.put_bytes("app", "1", media_type, &bytes);
        refused(&fake, words);
    }
}

#[test]
fn a_manifest_asked_for_by_digest_is_compared() {
    needs![root];
    let fake = Fake::start();
    let made = fake.put("app", "1", &image(&[1000]));
    let other = fake.put("app", "2", &image(&[2000]));
    fake.change(|content| {
        let wrong = content.manifests[&format!("app/{}", other.manifest)].clone();
        content.manifests.insert(format!("app/{}", made.manifest), wrong);
    });
    let sandbox = Sandbox::new();
    sandbox.run(&format!("pull -q --tls-verify=false {}@{}", fake.image("app"), made.manifest)).fails().has("digest");
    assert_empty(&sandbox);
}

#[test]
fn a_config_that_names_other_layers() {
    needs![root];
    let fake = Fake::start();
    let one = fake.put("app", "1", &image(&[1000]));
    let two = image(&[1000, 2000]);
    let made = fake.put("app", "2", &two);
    let (size, config) = fake.change(|content| (content.blobs[&one.layers[0]].len(), content.blobs[&made.id].len()));
    let manifest = |layers: serde_json::Value| {
        json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": made.id, "size": config},
            "layers": layers,
        })
    };
    let layer =
        json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": one.layers[0], "size": size});
    fake.put_manifest("app", "1", &manifest(json!([layer])));
    refused(&fake, "names 2 layers");
    // The right number, but one blob is not the layer that the config names.
    fake.put_manifest("app", "1", &manifest(json!([layer, layer])));
    refused(&fake, "sha256:");
}

#[test]
fn broken_gzip_and_no_tar() {
    needs![root];
    for bytes in
        [b"not a tar at all".repeat(100), vec![0x1f, 0x8b, 8, 0, 1, 2, 3, 4], vec![0x28, 0xb5, 0x2f, 0xfd, 0xff]]
    {
        let fake = Fake::start();
        fake.put_compressed("app", "1", &image(&[1000]), |_| {
            (bytes.clone(), "application/vnd.oci.image.layer.v1.tar+gzip")
        });
        refused(&fake, "");
    }
}
