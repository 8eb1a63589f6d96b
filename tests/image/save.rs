//! `save`: exact bytes, the same every time, read by the other tools.

use super::{ids, podman, run, skopeo_copy};
use crate::support::image::{Image, Layer, sha256};
use crate::support::{Sandbox, needs};
use serde_json::Value;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

/// Layers whose tars differ from what a tar writer of ours would make: unsorted, hard links, PAX, doubled entries.
fn tricky() -> Image {
    let mut odd = tar::Builder::new(Vec::new());
    for (name, content) in [("z", "1"), ("b/", ""), ("a", "22"), ("z", "333")] {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o4711);
        header.set_uid(77);
        header.set_gid(88);
        header.set_mtime(12345);
        header.set_entry_type(if name.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular });
        header.set_username("nobody-here").unwrap();
        odd.append_pax_extensions([("mtime", &b"12345.678901234"[..]), ("comment", &b"odd"[..])]).unwrap();
        odd.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    // Trailing blocks, as GNU tar's record size makes them.
    let mut odd = odd.into_inner().unwrap();
    odd.resize(odd.len().next_multiple_of(10240), 0);
    Image::new("localhost/tricky:1")
        .layer(
            Layer::new()
                .dir("d", 0o1777)
                .file("d/original", 0o644, vec![7; 100_000])
                .hardlink("d/link", "d/original")
                .symlink("s", "d/link")
                .file("d/deleted", 0o644, "x"),
        )
        .layer(Layer::new().file("d/.wh.deleted", 0o644, "").file(".wh..wh..opq", 0o644, ""))
        .tar(odd)
}

/// The files of an archive.
fn files(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(std::fs::File::open(path).unwrap());
    archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        })
        .collect()
}

#[test]
fn a_saved_archive_has_the_exact_layers_and_config() {
    let image = tricky();
    let sandbox = Sandbox::new();
    sandbox.load(&image);
    sandbox.run("save -o a.tar localhost/tricky:1").is("").ok();
    let saved = files(&sandbox.path("work/a.tar"));
    let mut wanted: Vec<_> =
        image.layers().iter().map(|layer| (format!("{}.tar", sha256(layer)), layer.clone())).collect();
    wanted.push((format!("{}.json", image.id()), image.config_json()));
    assert!(saved[..4] == wanted[..], "the layers or the config differ");
    let manifest: Value = serde_json::from_slice(&saved[4].1).unwrap();
    assert_eq!((saved[4].0.as_str(), &manifest[0]["RepoTags"][0]), ("manifest.json", &"localhost/tricky:1".into()));
    // To a pipe, and again to a file: the same bytes.
    let first = std::fs::read(sandbox.path("work/a.tar")).unwrap();
    let mut command = sandbox.command(&["save", "localhost/tricky:1"]);
    assert!(command.output().unwrap().stdout == first, "stdout differs from the file");
    sandbox.run("save -q -o a.tar localhost/tricky:1").ok();
    assert!(std::fs::read(sandbox.path("work/a.tar")).unwrap() == first, "the second time differs");
    let left = run(Command::new("ls").arg("-A").arg(sandbox.path("work")));
    assert_eq!(left, "a.tar\n");
    // And back: the same image.
    sandbox.run("rmi localhost/tricky:1").ok();
    sandbox.run("load -q -i a.tar").ok();
    assert_eq!(ids(&sandbox.run("images -q --no-trunc").ok()), [image.id()]);
}

#[test]
fn every_format_is_read_by_skopeo_and_by_us() {
    needs![skopeo];
    let image = tricky();
    let sandbox = Sandbox::new();
    sandbox.load(&image);
    for (format, transport, extra) in [
        ("docker-archive", "docker-archive", ""),
        ("oci-archive", "oci-archive", ""),
        ("oci-dir", "oci", ""),
        ("docker-dir", "dir", ""),
        ("oci-archive", "oci-archive", "--compress"),
        ("oci-dir", "oci", "--compress"),
        ("docker-dir", "dir", "--compress"),
    ] {
        let name = format!("{format}{extra}");
        sandbox.run(&format!("save --format {format} {extra} -o {name} localhost/tricky:1")).is("").ok();
        let place = format!("{transport}:{}", sandbox.path("work").join(&name).display());
        let config = run(Command::new("skopeo").args(["inspect", "--config", "--raw", &place]));
        assert_eq!(sha256(config.as_bytes()), image.id(), "{name}");
        // skopeo checks the digest of every blob that it copies.
        skopeo_copy(&place, &format!("dir:{}", sandbox.path("work/copied").display()));
        sandbox.run("rmi localhost/tricky:1").ok();
        sandbox.run(&format!("load -i {name}")).ok();
        assert_eq!(ids(&sandbox.run("images -q --no-trunc").ok()), [image.id()], "{name}");
        sandbox.run(&format!("tag {} localhost/tricky:1", image.id())).ok();
    }
}

#[test]
fn an_oci_directory_is_unpacked_by_umoci() {
    needs![root, umoci];
    let sandbox = Sandbox::new();
    sandbox.load(
        &Image::new("localhost/u:1").layer(
            Layer::new()
                .dir("d", 0o755)
                .file("d/x", 0o4755, "hello")
                .owned("d/y", 0o600, 12, 34, "mine")
                .hardlink("z", "d/x"),
        ),
    );
    sandbox.run("save --format oci-dir -o layout localhost/u:1").ok();
    let (layout, bundle) = (sandbox.path("work/layout"), sandbox.path("work/bundle"));
    let place = format!("{}:localhost/u:1", layout.display());
    // umoci wants a tag that it can parse: the name of the index entry.
    run(Command::new("umoci").args(["unpack", "--image", &place]).arg(&bundle));
    assert_eq!(std::fs::read_to_string(bundle.join("rootfs/z")).unwrap(), "hello");
    let listed = run(Command::new("stat").args(["-c", "%u:%g %a"]).arg(bundle.join("rootfs/d/y")));
    assert_eq!(listed, "12:34 600\n");
}

#[test]
fn podman_loads_what_we_save() {
    needs![root, podman];
    // podman refuses doubled entries.
    let one = Image::new("localhost/one:1")
        .layer(Layer::new().dir("d", 0o1777).file("d/x", 0o4711, "x").hardlink("y", "d/x"));
    let (one, two) = (one, Image::new("docker.io/library/other:2").layer(Layer::new().file("x", 0o644, "x")));
    let sandbox = Sandbox::new();
    for image in [&one, &two] {
        sandbox.load(image);
    }
    sandbox.run("save -o both.tar localhost/one:1 other:2").ok();
    sandbox.run("save --format oci-archive -o oci.tar localhost/one:1").ok();
    let dir = sandbox.path("work");
    let load = |name: &str| run(podman(&dir).args(["load", "-q", "-i"]).arg(dir.join(name)));
    assert_eq!(load("both.tar"), "Loaded image: localhost/one:1\nLoaded image: docker.io/library/other:2\n");
    let id = |name: &str| run(podman(&dir).args(["inspect", "-f", "{{.Id}}", name]));
    assert_eq!((id("localhost/one:1").trim(), id("other:2").trim()), (&*one.id(), &*two.id()));
    run(podman(&dir).args(["rmi", "-f", "localhost/one:1"]));
    assert_eq!(load("oci.tar"), "Loaded image: localhost/one:1\n");
    assert_eq!(id("localhost/one:1").trim(), one.id());
    run(podman(&dir).args(["rmi", "-af"]));
}

#[test]
fn names_decide_what_an_archive_holds() {
    let sandbox = Sandbox::new().load_busybox();
    sandbox.run("tag busybox localhost/b:1 localhost/b:2").ok();
    let names = |file: &str| -> Vec<Value> {
        let files = files(&sandbox.path("work").join(file));
        let manifest = &files.iter().find(|(name, _)| name == "manifest.json").unwrap().1;
        let manifest: Value = serde_json::from_slice(manifest).unwrap();
        manifest.as_array().unwrap().iter().map(|item| item["RepoTags"].clone()).collect()
    };
    let id = sandbox.run("images -q busybox").text().to_string();
    for (program, line, wanted) in [
        ("barge", "save -o a.tar busybox", vec![r#"["docker.io/library/busybox:latest"]"#]),
        (
            "barge",
            "save -o a.tar localhost/b:2 busybox",
            vec![r#"["localhost/b:2","docker.io/library/busybox:latest"]"#],
        ),
        ("docker", "save -o a.tar localhost/b", vec![r#"["localhost/b:1","localhost/b:2"]"#]),
    ] {
        sandbox.run_as(program, line).ok();
        let found: Vec<String> = names("a.tar").iter().map(Value::to_string).collect();
        assert_eq!(found, wanted, "{line}");
    }
    sandbox.run(&format!("save -o a.tar {id}")).ok();
    assert_eq!(names("a.tar")[0].as_array().map(Vec::len), Some(0));
}

#[test]
fn save_refuses_what_it_can_not_do_and_leaves_nothing() {
    let sandbox = Sandbox::new().load_busybox();
    sandbox.load(&Image::new("localhost/two:1").layer(Layer::new().file("x", 0o644, "x")));
    for (line, words) in [
        ("save -o a.tar nosuch", "nosuch: image not known"),
        (
            "save --format foo -o a.tar busybox",
            "format value must be one of oci-dir oci-archive docker-dir docker-archive",
        ),
        ("save --compress -o a.tar busybox", "--compress can only be set when"),
        ("save --format oci-dir busybox", "needs --output"),
        ("save --format docker-dir -o d busybox localhost/two:1", "for saving multiple images"),
        ("save -o missing/a.tar busybox", "creating missing/a.tar: No such file or directory"),
        ("save -o /dev/full busybox", "No space left on device"),
    ] {
        sandbox.run(line).code(125).fails().has(words).forget();
    }
    assert_eq!(run(Command::new("ls").arg("-A").arg(sandbox.path("work"))), "");
    // A terminal gets no archive.
    let line = format!(
        "{} --root {} --runroot {} save busybox",
        sandbox.program().display(),
        sandbox.root().display(),
        sandbox.run_root().display()
    );
    let output = Command::new("script").args(["-qec", &line, "/dev/null"]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).lines().next(),
        Some("Error: refusing to save to terminal. Use -o flag or redirect")
    );
}
