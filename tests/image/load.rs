//! `load`: other tools' archives, and archives that nobody should have made.

use super::{ids, podman, run, skopeo_copy};
use crate::support::image::{Image, Layer, busybox, sha256};
use crate::support::{Sandbox, needs};
use serde_json::json;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A small image of two layers with what is easily lost: hard links, unsorted names, PAX headers, owners.
fn tricky() -> Image {
    let mut long = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(3);
    header.set_mode(0o640);
    header.set_uid(1234);
    header.set_gid(4321);
    header.set_mtime(1);
    header.set_entry_type(tar::EntryType::Regular);
    long.append_pax_extensions([("SCHILY.xattr.user.color", &b"blue"[..]), ("mtime", &b"1.5"[..])]).unwrap();
    long.append_data(&mut header, "z/last-name-first", &b"abc"[..]).unwrap();
    Image::new("localhost/tricky:1")
        .layer(
            Layer::new()
                .dir("z", 0o755)
                .file("z/original", 0o4755, b"hello")
                .hardlink("a-link", "z/original")
                .symlink("b-link", "/z/original")
                .owned("owned", 0o600, 1000, 1001, b"mine"),
        )
        .tar(long.into_inner().unwrap())
}

#[test]
fn an_archive_loads_from_a_file_a_pipe_and_compressed() {
    let image = tricky();
    let sandbox = Sandbox::new();
    let path = sandbox.path("work/a.tar");
    image.save(&path);
    let plain = std::fs::read(&path).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    sandbox.file("work/a.tar.gz", &gzip);
    sandbox.file("work/a.tar.zst", &zstd);
    let words = "Loaded image: localhost/tricky:1\n";
    for line in ["load -i a.tar", "load --input a.tar.gz", "load -q -i a.tar.zst"] {
        sandbox.run(line).stdout_is(words).ok();
        assert_eq!(ids(&sandbox.run("images -q --no-trunc").ok()), [image.id()], "{line}");
        sandbox.run("rmi localhost/tricky:1").ok();
        assert_eq!(sandbox.run("images -q").ok().text(), "");
    }
    for bytes in [&plain, &gzip, &zstd] {
        sandbox.run_with_input("load", bytes).stdout_is(words).ok();
        assert_eq!(ids(&sandbox.run("images -q --no-trunc").ok()), [image.id()]);
        // Again, over what is there.
        sandbox.run_with_input("load", bytes).stdout_is(words).ok();
        sandbox.run("rmi localhost/tricky:1").ok();
    }
    sandbox.run_as("docker", "load -i a.tar").stdout_is("Loaded image: localhost/tricky:1\n").ok();
}

#[test]
fn skopeos_archives_and_directories_load() {
    needs![skopeo];
    let image = tricky();
    let sandbox = Sandbox::new();
    let path = sandbox.path("work/a.tar");
    image.save(&path);
    let from = format!("docker-archive:{}", path.display());
    for (kind, name, loaded) in [
        ("docker-archive", "d.tar:example.com/t:2", "example.com/t:2"),
        ("oci-archive", "o.tar:example.com/t:3", "example.com/t:3"),
        ("oci-archive", "p.tar:short", "localhost/short:latest"),
        ("oci", "layout:example.com/t:4", "example.com/t:4"),
        ("dir", "directory", ""),
    ] {
        skopeo_copy(&from, &format!("{kind}:{}", sandbox.path("work").join(name).display()));
        let file = name.split(':').next().unwrap();
        // skopeo writes the config anew when it goes from docker's types to OCI's.
        let place = format!("{kind}:{}", sandbox.path("work").join(name.split(':').next().unwrap()).display());
        let config = run(Command::new("skopeo").args(["inspect", "--config", "--raw", &place]));
        let id = sha256(config.as_bytes());
        let words = match loaded {
            "" => format!("Loaded image: sha256:{id}\n"),
            loaded => format!("Loaded image: {loaded}\n"),
        };
        sandbox.run(&format!("load -i {file}")).stdout_is(&words).ok();
        assert_eq!(ids(&sandbox.run("images -q --no-trunc").ok()), std::slice::from_ref(&id), "{kind}");
        sandbox.run(&format!("rmi {id}")).ok();
    }
}

#[test]
fn podmans_archives_load_with_the_same_digest() {
    needs![root, podman];
    let (one, two) = (tricky(), Image::new("docker.io/library/other:2").layer(Layer::new().file("x", 0o644, "x")));
    let sandbox = Sandbox::new();
    let dir = sandbox.path("work");
    for image in [&one, &two] {
        image.save(&dir.join("in.tar"));
        run(podman(&dir).args(["load", "-q", "-i"]).arg(dir.join("in.tar")));
    }
    run(podman(&dir)
        .args(["save", "-q", "-m", "-o"])
        .arg(dir.join("both.tar"))
        .args(["localhost/tricky:1", "other:2"]));
    sandbox
        .run("load -i both.tar")
        .stdout_is("Loaded image: localhost/tricky:1\nLoaded image: docker.io/library/other:2\n")
        .ok();
    let digest = run(podman(&dir).args(["inspect", "-f", "{{.Digest}}", "localhost/tricky:1"]));
    sandbox.run("image inspect -f {{.Digest}} localhost/tricky:1").stdout_is(&digest).ok();
    run(podman(&dir).args(["rmi", "-af"]));
}

#[test]
fn the_oldest_layout_loads_with_its_links() {
    let image = tricky();
    let sandbox = Sandbox::new();
    let layers = image.layers();
    let config = image.config_json();
    let ids = ["1".repeat(64), "2".repeat(64), "3".repeat(64)];
    let archive = Layer::new()
        .dir(&ids[0], 0o755)
        .file(&format!("{}/VERSION", ids[0]), 0o644, "1.0")
        .file(&format!("{}/layer.tar", ids[0]), 0o644, &layers[0])
        .file(&format!("{}/layer.tar", ids[1]), 0o644, &layers[1])
        .symlink(&format!("{}/layer.tar", ids[2]), &format!("../{}/layer.tar", ids[1]))
        .file("config.json", 0o644, &config)
        .file(
            "manifest.json",
            0o644,
            json!([{"Config": "config.json", "RepoTags": null,
                "Layers": [format!("{}/layer.tar", ids[0]), format!("./{}/layer.tar", ids[2])]}])
            .to_string(),
        )
        .bytes();
    sandbox.file("work/old.tar", &archive);
    let words = format!("Loaded image: sha256:{}\n", image.id());
    sandbox.run("load -i old.tar").stdout_is(&words).ok();
    sandbox.run(&format!("rmi {}", &image.id()[..12])).ok();
    sandbox.run_with_input("load", &archive).stdout_is(&words).ok();
    sandbox.run_as("docker", "load -i old.tar").stdout_is(&format!("Loaded image ID: sha256:{}\n", image.id())).ok();
}

#[test]
fn bad_archives_are_refused_and_leave_nothing() {
    let image = Image::new("localhost/bad:1").layer(Layer::new().file("x", 0o644, "x"));
    let (config, layer) = (image.config_json(), image.layers()[0].clone());
    let other = Layer::new().file("x", 0o644, "y").bytes();
    let manifest = |config: &str, layer: &str| json!([{"Config": config, "RepoTags": ["bad:1"], "Layers": [layer]}]);
    let docker = |layer_path: &str, layer: &[u8], config: &[u8], manifest: String| {
        Layer::new().file(layer_path, 0o644, layer).file("c.json", 0o644, config).file("manifest.json", 0o644, manifest)
    };
    let good = manifest("c.json", "l.tar").to_string();
    let (claimed, oci_config) = (format!("{}.tar", sha256(&layer)), sha256(&config));
    let oci = |layer_digest: &str, layer_size: usize| {
        let manifest = json!({"schemaVersion": 2, "config": {"digest": format!("sha256:{oci_config}"), "size": config.len(),
                "mediaType": "application/vnd.oci.image.config.v1+json"},
            "layers": [{"digest": layer_digest, "size": layer_size, "mediaType": "application/vnd.oci.image.layer.v1.tar"}]})
        .to_string();
        let index = json!({"schemaVersion": 2, "manifests": [{"digest": format!("sha256:{}", sha256(manifest.as_bytes())),
            "size": manifest.len(), "mediaType": "application/vnd.oci.image.manifest.v1+json"}]});
        Layer::new()
            .file(&format!("blobs/sha256/{}", sha256(&layer)), 0o644, &layer)
            .file(&format!("blobs/sha256/{}", sha256(manifest.as_bytes())), 0o644, manifest)
            .file(&format!("blobs/sha256/{oci_config}"), 0o644, &config)
            .file("index.json", 0o644, index.to_string())
            .file("oci-layout", 0o644, r#"{"imageLayoutVersion":"1.0.0"}"#)
            .bytes()
    };
    let digest = format!("sha256:{}", sha256(&layer));
    let whole = docker("l.tar", &layer, &config, good.clone()).bytes();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("not an archive", b"hello".repeat(500)),
        ("nothing", Vec::new()),
        ("an empty tar", vec![0; 1024]),
        ("cut in the middle", whole[..1200].to_vec()),
        ("another layer than the config says", docker("l.tar", &other, &config, good.clone()).bytes()),
        (
            "a layer that claims to be another",
            docker(&claimed, &other, &config, manifest("c.json", &claimed).to_string()).bytes(),
        ),
        ("no such layer", docker("l.tar", &layer, &config, manifest("c.json", "m.tar").to_string()).bytes()),
        ("no such config", docker("l.tar", &layer, &config, manifest("d.json", "l.tar").to_string()).bytes()),
        ("a layer that climbs", docker("l.tar", &layer, &config, manifest("c.json", "../l.tar").to_string()).bytes()),
        (
            "a config that climbs",
            docker("l.tar", &layer, &config, manifest("../../c.json", "l.tar").to_string()).bytes(),
        ),
        ("a config that is none", docker("l.tar", &layer, b"[1]", good.clone()).bytes()),
        ("a manifest that is none", docker("l.tar", &layer, &config, "{}".into()).bytes()),
        ("deep JSON", docker("l.tar", &layer, &config, "[".repeat(1_000_000)).bytes()),
        ("a hostile name", docker("l.tar", &layer, &config, good.replace("bad:1", "../../x")).bytes()),
        ("a layer that is no tar", docker("l.tar", b"{\"not\":\"a tar\"}", &config, good.clone()).bytes()),
        ("xz", b"\xfd7zXZ\0rest".to_vec()),
        ("a digest that climbs", oci("sha256:../../../../etc/passwd", layer.len())),
        ("a size that lies", oci(&digest, layer.len() + 1)),
        ("another digest", oci(&format!("sha256:{}", sha256(b"other")), layer.len())),
        ("an unknown digest", oci("md5:d41d8cd98f00b204e9800998ecf8427e", layer.len())),
    ];
    let sandbox = Sandbox::new();
    sandbox.run("images").ok();
    let before = tree(&sandbox.root());
    for (what, bytes) in cases {
        sandbox.file("work/bad.tar", &bytes);
        for finished in [sandbox.run("load -i bad.tar"), sandbox.run_with_input("load", &bytes)] {
            assert_eq!(finished.status, 125, "{what}\n{finished}");
            finished.fails().lacks("panicked");
        }
        assert_eq!(sandbox.run("images -q").ok().text(), "", "{what}");
        assert_eq!(tree(&sandbox.root()), before, "{what} left something");
    }
    // The same documents, whole, are fine.
    sandbox.run_with_input("load -q", &whole).stdout_is("Loaded image: docker.io/library/bad:1\n").ok();
    sandbox.run("rmi bad:1").ok();
    sandbox.run_with_input("load -q", &oci(&digest, layer.len())).ok();
}

/// Files and directories below the store that hold data: locks and indexes aside.
fn tree(root: &Path) -> Vec<String> {
    let output = run(Command::new("find").arg(root).args(["-mindepth", "2", "-not", "-name", "*.lock"]));
    let mut lines: Vec<String> = output.lines().map(str::to_string).collect();
    lines.sort();
    lines
}

#[test]
fn a_giant_document_is_refused_in_little_memory() {
    let sandbox = Sandbox::new();
    let mut header = tar::Header::new_gnu();
    header.set_path("manifest.json").unwrap();
    header.set_size(10 << 30);
    header.set_mode(0o644);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    let path = sandbox.file("work/giant.tar", header.as_bytes());
    std::fs::File::options().append(true).open(&path).unwrap().set_len((10 << 30) + 2048).unwrap();
    sandbox.run("load -i giant.tar").is("Error: reading the archive: manifest.json is over 4 MB\n").code(125).forget();
    // The same through a pipe, with a limit on memory that the document would not fit into.
    let mut cat = Command::new("cat").arg(&path).stdout(Stdio::piped()).spawn().unwrap();
    let mut command = Command::new("prlimit");
    command.args(["--as=1000000000", "--"]).arg(sandbox.program());
    command.arg("--root").arg(sandbox.root()).arg("--runroot").arg(sandbox.run_root()).arg("load");
    let output = command.stdin(cat.stdout.take().unwrap()).output().unwrap();
    let _ = cat.kill();
    let _ = cat.wait();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "Error: reading the archive: manifest.json is over 4 MB\n");
}

#[test]
fn an_image_that_is_there_is_loaded_again_under_another_name() {
    let sandbox = Sandbox::new().load_busybox();
    sandbox.run("tag busybox localhost/second:1").ok();
    sandbox.run("save -o both.tar busybox localhost/second:1").ok();
    sandbox.run("rmi localhost/second:1").ok();
    sandbox
        .run("load -i both.tar")
        .stdout_is("Loaded image: docker.io/library/busybox:latest\nLoaded image: localhost/second:1\n")
        .ok();
    assert_eq!(ids(&sandbox.run("images -q").ok()).len(), 1);
}

#[test]
fn load_says_what_is_wrong_with_its_input() {
    let sandbox = Sandbox::new();
    sandbox.run("load -i nosuch.tar").is("Error: stat nosuch.tar: no such file or directory\n").code(125).forget();
    sandbox.run("load -i /").fails().forget();
    sandbox
        .run_with_input("load", b"")
        .fails()
        .has("payload does not match any of the supported image formats")
        .forget();
    let _ = busybox();
}

#[test]
fn a_full_disk_gets_its_space_back() {
    needs![root];
    let sandbox = Sandbox::new();
    // Does not compress, so that it has its size in every form.
    let noise: Vec<u8> = (0..40_000_000u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u8).collect();
    let many = (0..2000).fold(Layer::new(), |layer, n| layer.file(&format!("f{n}"), 0o644, "x"));
    let image = Image::new("localhost/large:1")
        .layer(Layer::new().file("a", 0o644, "x"))
        .layer(Layer::new().file("noise", 0o644, noise));
    image.save(&sandbox.path("work/large.tar"));
    Image::new("localhost/many:1").layer(many).save(&sandbox.path("work/many.tar"));
    std::fs::create_dir_all(sandbox.root()).unwrap();
    run(Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=20m,nr_inodes=1000,mode=700", "none"])
        .arg(sandbox.root()));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let fits = || {
            sandbox.args(&["load", "-q", "-i", &busybox().to_string_lossy()]).ok();
            sandbox.run("rmi busybox").ok();
        };
        fits();
        let df = || run(Command::new("df").args(["--output=used,iused"]).arg(sandbox.root()));
        let before = df();
        for (line, words) in [("load -i large.tar", "o space left on device"), ("load -i many.tar", " left on device")]
        {
            sandbox.run(line).code(125).fails().has(words);
            assert_eq!(df(), before, "{line}");
        }
        fits();
    }));
    run(Command::new("umount").arg(sandbox.root()));
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

#[test]
fn an_ordinary_user_loads_with_and_without_subordinate_ids() {
    needs![rootless, rootless_single];
    let image = tricky();
    for sandbox in [Sandbox::rootless(), Sandbox::rootless_single()] {
        let path = sandbox.file("work/a.tar", "");
        image.save(&path);
        for line in
            ["load -q -i a.tar", "save -o b.tar localhost/tricky:1", "rmi localhost/tricky:1", "load -q -i b.tar"]
        {
            sandbox.run(line).code(0);
        }
        // Owners that the user's map can't hold are kept all the same.
        assert_eq!(ids(&sandbox.run("images -q --no-trunc")), [image.id()]);
    }
}

#[test]
fn many_at_once_agree() {
    let sandbox = Sandbox::new();
    let (one, two) = (tricky(), Image::new("localhost/two:1").tar(tricky().layers()[0].clone()));
    one.save(&sandbox.path("work/one.tar"));
    two.save(&sandbox.path("work/two.tar"));
    let lines =
        ["load -q -i one.tar", "load -q -i two.tar", "rmi -a", "image prune -af", "images", "rmi -i localhost/two:1"];
    for round in 0..18 {
        let started: Vec<_> = (0..4).map(|worker| sandbox.spawn(lines[(worker * 5 + round * 7) % 6])).collect();
        for running in started {
            running.finish().ok();
        }
    }
    sandbox.run("system check").ok();
    sandbox.run("load -q -i one.tar").ok();
    sandbox.run("rmi -af").ok();
    assert_eq!(tree(&sandbox.root()), Vec::<String>::new());
}

/// An OCI layout as files of an archive: blobs, and an index over the entries that are given.
struct Layout {
    files: Layer,
}

impl Layout {
    fn new() -> Self {
        Layout { files: Layer::new().file("oci-layout", 0o644, r#"{"imageLayoutVersion":"1.0.0"}"#) }
    }

    fn blob(&mut self, bytes: &[u8], media_type: &str) -> serde_json::Value {
        let path = format!("blobs/sha256/{}", sha256(bytes));
        self.files = std::mem::replace(&mut self.files, Layer::new()).file(&path, 0o644, bytes);
        json!({"mediaType": media_type, "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len()})
    }

    fn image(&mut self, image: &Image) -> serde_json::Value {
        let layers: Vec<_> =
            image.layers().iter().map(|layer| self.blob(layer, "application/vnd.oci.image.layer.v1.tar")).collect();
        let config = self.blob(&image.config_json(), "application/vnd.oci.image.config.v1+json");
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers}).to_string();
        self.blob(manifest.as_bytes(), "application/vnd.oci.image.manifest.v1+json")
    }

    fn index(manifests: &[serde_json::Value]) -> String {
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests})
            .to_string()
    }

    fn archive(self, manifests: &[serde_json::Value]) -> Layer {
        self.files.file("index.json", 0o644, Layout::index(manifests))
    }
}

#[test]
fn of_several_platforms_ours_is_loaded() {
    let (ours, other) = (tricky(), Image::new("x").layer(Layer::new().file("arm", 0o644, "arm")));
    let mut layout = Layout::new();
    let (mut one, mut two, mut proof) = (layout.image(&other), layout.image(&ours), layout.image(&other));
    one["platform"] = json!({"os": "linux", "architecture": "arm64", "variant": "v8"});
    two["platform"] =
        json!({"os": "linux", "architecture": if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" }});
    proof["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    proof["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let index = Layout::index(&[one, proof, two]);
    let mut list = layout.blob(index.as_bytes(), "application/vnd.oci.image.index.v1+json");
    list["annotations"] = json!({"org.opencontainers.image.ref.name": "localhost/multi:1"});
    let archive = layout.archive(&[list]).bytes();
    let sandbox = Sandbox::new();
    sandbox.file("work/multi.tar", &archive);
    sandbox.run("load -i multi.tar").stdout_is("Loaded image: localhost/multi:1\n").ok();
    assert_eq!(ids(&sandbox.run("images -q --no-trunc").ok()), [ours.id()]);
    sandbox.run("load --platform linux/arm64/v8 -i multi.tar").ok();
    sandbox.run("image inspect -f {{.Id}} localhost/multi:1").stdout_is(&format!("{}\n", other.id())).ok();
    sandbox.run("load --platform linux/s390x -i multi.tar").fails().has("no image for linux/s390x");
    sandbox.run("rmi -af").ok();
    sandbox.run_with_input("load", &archive).stdout_is("Loaded image: localhost/multi:1\n").ok();
    assert_eq!(ids(&sandbox.run("images -q --no-trunc").ok()), [ours.id()]);
}

#[test]
fn newer_dockers_archives_have_both_lists() {
    let image = tricky();
    let mut layout = Layout::new();
    let mut entry = layout.image(&image);
    entry["annotations"] =
        json!({"io.containerd.image.name": "docker.io/library/both:1", "org.opencontainers.image.ref.name": "1"});
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", sha256(bytes));
    let layers: Vec<_> = image.layers().iter().map(|layer| blob(layer)).collect();
    let list = json!([{"Config": blob(&image.config_json()), "RepoTags": ["both:1"], "Layers": layers}]);
    let archive = layout.archive(&[entry]).file("manifest.json", 0o644, list.to_string()).bytes();
    let sandbox = Sandbox::new();
    sandbox.file("work/both.tar", &archive);
    for finished in [sandbox.run("load -i both.tar"), sandbox.run_with_input("load", &archive)] {
        finished.stdout_is("Loaded image: docker.io/library/both:1\n").ok();
        assert_eq!(ids(&sandbox.run("images -q --no-trunc").ok()), [image.id()]);
    }
}

#[test]
fn layouts_of_umoci_and_zstd_layers_load() {
    needs![root, skopeo, umoci];
    let sandbox = Sandbox::new();
    let dir = sandbox.path("work");
    run(Command::new("umoci").args(["init", "--layout", "made"]).current_dir(&dir));
    run(Command::new("umoci").args(["new", "--image", "made:first"]).current_dir(&dir));
    run(Command::new("umoci").args(["unpack", "--image", "made:first", "bundle"]).current_dir(&dir));
    std::fs::write(dir.join("bundle/rootfs/hello"), "hello").unwrap();
    run(Command::new("umoci").args(["repack", "--image", "made:second", "bundle"]).current_dir(&dir));
    let loaded = "Loaded image: localhost/first:latest\nLoaded image: localhost/second:latest\n";
    sandbox.run("load -i made").stdout_is(loaded).ok();
    sandbox.run("save -o s.tar localhost/second").ok();
    assert!(sandbox.path("work/s.tar").metadata().unwrap().len() > 1024);
    tricky().save(&dir.join("in.tar"));
    let to = format!("oci-archive:{}:localhost/zstd:1", dir.join("zstd.tar").display());
    let from = format!("docker-archive:{}", dir.join("in.tar").display());
    run(Command::new("skopeo").args(["copy", "--insecure-policy", "-q", "--dest-compress-format", "zstd", &from, &to]));
    assert!(run(Command::new("tar").arg("-xOf").arg(dir.join("zstd.tar")).arg("index.json")).contains("manifests"));
    sandbox.run("load -i zstd.tar").stdout_is("Loaded image: localhost/zstd:1\n").ok();
    let layers = sandbox.run("image inspect -f '{{json .RootFS.Layers}}' localhost/zstd:1").json();
    let wanted: Vec<_> = tricky().layers().iter().map(|layer| format!("sha256:{}", sha256(layer))).collect();
    assert_eq!(layers, json!(wanted));
}
