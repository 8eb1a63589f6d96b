//! `image inspect`.

use super::{podman, run};
use crate::support::image::{Image, Layer, sha256};
use crate::support::{Sandbox, needs};
use serde_json::{Value, json};

fn image() -> Image {
    Image::new("localhost/i:1")
        .layer(Layer::new().file("a", 0o644, "1"))
        .config("Cmd", json!(["sh"]))
        .config("User", json!("ann"))
        .config("Labels", json!({"k": "v", "com.example.x": "y"}))
        .config("ExposedPorts", json!({"80/tcp": {}}))
}

#[test]
fn fields_of_docker_and_podman_are_there() {
    let sandbox = Sandbox::new();
    let image = image();
    sandbox.load(&image);
    let documents = sandbox.run("image inspect localhost/i:1").json();
    let document = &documents[0];
    let layer = format!("sha256:{}", sha256(&image.layers()[0]));
    for (key, wanted) in [
        ("Id", json!(image.id())),
        ("RepoTags", json!(["localhost/i:1"])),
        ("Architecture", json!("amd64")),
        ("Os", json!("linux")),
        ("User", json!("ann")),
        ("Created", json!("2023-11-14T22:13:20Z")),
        ("RootFS", json!({"Type": "layers", "Layers": [layer]})),
        ("Labels", json!({"k": "v", "com.example.x": "y"})),
        ("ManifestType", json!("application/vnd.docker.distribution.manifest.v2+json")),
    ] {
        assert_eq!(document[key], wanted, "{key}");
    }
    assert_eq!(document["Config"]["ExposedPorts"], json!({"80/tcp": {}}));
    for (template, wanted) in [
        ("{{.Id}}", image.id()),
        ("{{.Config.Cmd}}", "[sh]".into()),
        ("{{index .RepoTags 0}}", "localhost/i:1".into()),
        ("{{index .Config.Labels \"com.example.x\"}}", "y".into()),
        ("{{json .Config.Labels}}", r#"{"com.example.x":"y","k":"v"}"#.into()),
        ("{{len .RootFS.Layers}}", "1".into()),
        (
            "{{range .Config.Env}}{{println .}}{{end}}",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n".into(),
        ),
    ] {
        let finished = sandbox.args(&["image", "inspect", "-f", template, "localhost/i:1"]).ok();
        assert_eq!(finished.stdout, format!("{wanted}\n"), "{template}");
    }
    sandbox.run("image inspect nosuch").code(125).has("nosuch: image not known").forget();
    sandbox.run("image inspect localhost/i:1 nosuch").code(125).has("\"Id\"").forget();
    sandbox
        .run_as("docker", "image inspect -f {{.Id}} localhost/i:1")
        .stdout_is(&format!("sha256:{}\n", image.id()))
        .ok();
}

#[test]
fn every_field_of_podmans_inspect_has_the_same_value() {
    needs![root, podman];
    let sandbox = Sandbox::new();
    let dir = sandbox.path("work");
    image().save(&dir.join("a.tar"));
    sandbox.run("load -q -i a.tar").ok();
    run(podman(&dir).args(["load", "-q", "-i"]).arg(dir.join("a.tar")));
    let theirs: Value = serde_json::from_str(&run(podman(&dir).args(["image", "inspect", "localhost/i:1"]))).unwrap();
    let ours = sandbox.run("image inspect localhost/i:1").json();
    for (key, value) in theirs[0].as_object().unwrap() {
        // Where the files lie and how much room they take is each store's own affair.
        if !["GraphDriver", "Size", "VirtualSize"].contains(&key.as_str()) {
            assert_eq!(&ours[0][key], value, "{key}");
        }
    }
    run(podman(&dir).args(["rmi", "-af"]));
}
