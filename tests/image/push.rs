//! `push` to Debian's docker-registry.

use crate::support::image::{Image, Layer, busybox};
use crate::support::{Registry, Sandbox, needs};
use std::process::Command;

fn raw_manifest(name: &str) -> Vec<u8> {
    let output = Command::new("skopeo")
        .args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")])
        .output()
        .expect("skopeo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// How often the registry was asked to take bytes.
fn uploads(registry: &Registry) -> usize {
    registry
        .log()
        .lines()
        .filter(|line| {
            line.contains("http.request.method=PUT")
                && line.contains("/blobs/uploads/")
                && line.contains("response completed")
        })
        .count()
}

#[test]
fn what_was_pulled_goes_back_byte_for_byte_and_nothing_is_sent_twice() {
    needs![root, docker_registry, skopeo];
    let sandbox = Sandbox::new();
    let registry = Registry::plain(&sandbox);
    let name = registry.push_archive(&busybox(), "origin/busybox:1");
    let original = raw_manifest(&name);
    sandbox.run(&format!("pull -q --tls-verify=false {name}")).ok().forget();
    let before = uploads(&registry);
    let copy = registry.image("elsewhere/busybox:2");
    sandbox.run(&format!("push -q --tls-verify=false {name} {copy}")).ok().is("");
    assert_eq!(raw_manifest(&copy), original);
    // The config is sent, the layer is mounted.
    assert!(uploads(&registry) <= before + 1, "{}", registry.log());
    let now = uploads(&registry);
    sandbox.run(&format!("push -q --tls-verify=false {name} {copy}")).ok().forget();
    assert_eq!(uploads(&registry), now);
}

#[test]
fn a_loaded_image_is_compressed_once_and_its_id_stays() {
    needs![root, docker_registry, skopeo];
    let sandbox = Sandbox::with_busybox();
    let registry = Registry::plain(&sandbox);
    let first = registry.image("loaded:1");
    let digestfile = sandbox.path("work").join("digest");
    let pushed =
        sandbox.run(&format!("push --tls-verify=false --digestfile {} busybox {first}", digestfile.display())).code(0);
    pushed.has("Getting image source signatures").has("Writing manifest to image destination").stdout_is("").forget();
    let digest = std::fs::read_to_string(&digestfile).unwrap();
    assert!(digest.starts_with("sha256:"));
    let now = uploads(&registry);
    sandbox.run(&format!("push -q --tls-verify=false busybox {}", registry.image("loaded:2"))).ok().forget();
    assert_eq!(uploads(&registry), now, "nothing was sent again");
    assert_eq!(raw_manifest(&first), raw_manifest(&registry.image("loaded:2")));
    let id = sandbox.run("images -q --no-trunc busybox").ok().text().to_string();
    let other = Sandbox::new();
    let pulled = other.run(&format!("pull -q --tls-verify=false {first}")).ok();
    assert_eq!(id, format!("sha256:{}", pulled.text()));
    sandbox.run(&format!("image exists {}@{digest}", registry.image("loaded"))).ok().forget();
}

#[test]
fn formats_and_compressions() {
    needs![root, docker_registry, skopeo];
    let sandbox = Sandbox::new();
    let image = Image::new("localhost/f:1").layer(Layer::new().file("a", 0o644, "x".repeat(3_000_000)));
    sandbox.load(&image);
    let registry = Registry::plain(&sandbox);
    for (tag, flags, types) in [
        ("oci", "--format oci", ["application/vnd.oci.image.manifest.v1+json", "tar+gzip"]),
        ("docker", "--format v2s2", ["application/vnd.docker.distribution.manifest.v2+json", "rootfs.diff.tar.gzip"]),
        ("zstd", "--compression-format zstd", ["application/vnd.oci.image.manifest.v1+json", "tar+zstd"]),
        (
            "none",
            "--compression-format none --format oci",
            ["application/vnd.oci.image.manifest.v1+json", "layer.v1.tar\""],
        ),
    ] {
        let name = registry.image(&format!("f:{tag}"));
        sandbox.run(&format!("push -q --tls-verify=false {flags} localhost/f:1 docker://{name}")).ok().forget();
        let manifest = String::from_utf8(raw_manifest(&name)).unwrap();
        assert!(types.iter().all(|part| manifest.contains(part)), "{tag}: {manifest}");
        let pulled = Sandbox::new().run(&format!("pull -q --tls-verify=false {name}")).ok().text().to_string();
        assert_eq!(pulled, image.id(), "{tag}");
    }
    sandbox
        .run(&format!(
            "push -q --tls-verify=false --format v2s2 --compression-format zstd localhost/f:1 {}",
            registry.image("f:x")
        ))
        .fails()
        .has("zstd");
    sandbox.run("push -q --sign-by me localhost/f:1").fails().has("--sign-by");
    sandbox.run("push -q localhost/nothing").fails().has("image not known");
    let pushed = {
        sandbox.run(&format!("tag localhost/f:1 {}", registry.image("d:1"))).ok().forget();
        sandbox.run_as("docker", &format!("push {}", registry.image("d:1"))).code(0)
    };
    assert!(
        pushed.stdout.starts_with(&format!("The push refers to repository [{}]\n", registry.image("d"))),
        "{pushed}"
    );
    assert!(pushed.stdout.contains("1: digest: sha256:"), "{pushed}");
}
