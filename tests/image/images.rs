//! `images`: rows, templates, JSON, filters, order, in each tool's words.

use crate::support::Sandbox;
use crate::support::image::{Image, Layer};
use serde_json::{Value, json};

/// busybox, and an older and a newer image with labels.
fn three() -> Sandbox {
    let sandbox = Sandbox::new().load_busybox();
    let image = |name: &str, label: &str| {
        Image::new(name).layer(Layer::new().file("x", 0o644, name)).config("Labels", json!({"kind": label}))
    };
    sandbox.load(&image("localhost/a:1", "small"));
    sandbox.load(&image("quay.io/team/b:2", "other"));
    sandbox
}

#[test]
fn names_are_rows() {
    let sandbox = three();
    sandbox.run("tag busybox localhost/z:9").ok();
    let template = "images --sort repository --format '{{.Repository}}:{{.Tag}}'";
    sandbox
        .run(template)
        .stdout_is("docker.io/library/busybox:latest\nlocalhost/a:1\nlocalhost/z:9\nquay.io/team/b:2\n")
        .ok();
    let table = sandbox.run("images --sort repository").ok();
    assert_eq!(
        table.lines()[0].split_whitespace().collect::<Vec<_>>(),
        ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    );
    let row: Vec<_> = table.lines()[2].split_whitespace().collect();
    assert_eq!((row[0], row[1], row[2].len()), ("localhost/a", "1", 12));
    assert_eq!((row[3..].join(" ").as_str()), "3 years ago 2.05 kB");
    assert_eq!(sandbox.run("images -n").ok().lines().len(), 4);
    assert_eq!(sandbox.run("image ls --noheading -q").ok().lines().len(), 3, "an image once");
    assert!(sandbox.run("images --digests --no-trunc").ok().lines()[1].matches("sha256:").count() == 2);
    sandbox.run("untag busybox").ok();
    sandbox.run("images --filter dangling=true --format '{{.Repository}} {{.Tag}}'").stdout_is("<none> <none>\n").ok();
}

#[test]
fn docker_rows() {
    let sandbox = three();
    let template = "images --format '{{.Repository}}|{{.Tag}}|{{.CreatedSince}}|{{.Size}}|{{.Digest}}|{{.Containers}}'";
    let rows = sandbox.run_as("docker", template).ok();
    assert!(rows.lines().contains(&"localhost/a|1|3 years ago|2.05kB|<none>|N/A"), "{rows}");
    assert!(rows.lines().iter().any(|row| row.starts_with("busybox|latest|")), "{rows}");
    let json = sandbox.run_as("docker", "images --format json").ok();
    for line in json.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert!(row.as_object().unwrap().values().all(Value::is_string), "{line}");
    }
    let heading = sandbox.run_as("docker", "images").ok();
    assert!(heading.lines()[0].starts_with("REPOSITORY") && heading.lines()[0].contains("IMAGE ID"), "{heading}");
    sandbox.run_as("docker", "image ls 'nosuch*' -q").is("").ok();
}

fn busybox_id(sandbox: &Sandbox) -> String {
    sandbox.run("images -q --no-trunc busybox").text().trim_start_matches("sha256:").to_string()
}

#[test]
fn json_is_podmans_array_with_types() {
    let sandbox = three();
    let images = sandbox.run("images --format json --filter reference=localhost/a").json();
    let image = &images[0];
    assert_eq!(image["Names"], json!(["localhost/a:1"]));
    assert_eq!(image["Labels"], json!({"kind": "small"}));
    assert!(image["Size"].is_u64() && image["Created"] == json!(1_700_000_000) && image["Containers"] == json!(0));
    assert_eq!(image["CreatedAt"], json!("2023-11-14T22:13:20Z"));
    assert_eq!(image["Id"].as_str().unwrap().len(), 64);
    assert_eq!(images.as_array().unwrap().len(), 1);
    sandbox.run("images --format json nosuch").stdout_is("[]\n").ok();
}

#[test]
fn filters_select() {
    let sandbox = three();
    for (filters, wanted) in [
        ("-f reference=busybox", "docker.io/library/busybox"),
        ("-f reference='localhost/*'", "localhost/a"),
        ("-f reference='*/team/*:2'", "quay.io/team/b"),
        ("-f label=kind=other", "quay.io/team/b"),
        ("-f label=kind -f label!=kind=other", "localhost/a"),
        ("-f label=nosuch", ""),
        ("-f dangling=true", ""),
        ("-f containers=true", ""),
        ("-f readonly=true", ""),
        ("-f until=2000-01-01T00:00:00Z", ""),
        ("-f since=busybox", ""),
        ("localhost/a", "localhost/a"),
        ("'quay.io/*/b:[12]'", "quay.io/team/b"),
        ("nosuch", ""),
    ] {
        let found = sandbox.run(&format!("images --format '{{{{.Repository}}}}' {filters}")).ok();
        assert_eq!(found.text(), wanted, "{filters}");
    }
    let id = busybox_id(&sandbox);
    assert_eq!(sandbox.run(&format!("images -q -f id={}", &id[..12])).ok().lines().len(), 1);
    for bad in ["-f nosuch=1", "-f dangling=maybe", "-f until=soon", "-f before=nosuch", "-f reference"] {
        sandbox.run(&format!("images {bad}")).fails().code(125).forget();
    }
}

#[test]
fn order_is_what_was_asked_for() {
    let sandbox = three();
    for (key, wanted) in [("repository", "docker.io/library/busybox"), ("tag", "localhost/a")] {
        let found = sandbox.run(&format!("images --sort {key} --format '{{{{.Repository}}}}'")).ok();
        assert_eq!(found.lines()[0], wanted, "{key}");
    }
    let largest = sandbox.run("images --sort size --format '{{.Repository}}'").ok();
    assert_eq!(largest.lines()[2], "docker.io/library/busybox");
    sandbox.run("images --sort nosuch").fails().forget();
}

#[test]
fn hostile_labels_do_not_drive_the_terminal() {
    let sandbox = Sandbox::new();
    let image = Image::new("localhost/evil:1").layer(Layer::new()).config("Labels", json!({"a\u{1b}[2J": "b\u{7}\n"}));
    sandbox.load(&image);
    let table = sandbox.run("images --format 'table {{.Repository}}\\t{{.Labels}}'");
    assert!(table.stdout.bytes().all(|byte| byte >= 0x20 || byte == b'\n'), "{table}");
}
