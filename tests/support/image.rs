//! Images made in code: docker archives from layers in memory, from Debian's busybox-static, and from debootstrap.

use super::cached;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One layer: a tar in memory.
pub struct Layer(tar::Builder<Vec<u8>>);

impl Layer {
    /// An empty one.
    pub fn new() -> Self {
        Layer(tar::Builder::new(Vec::new()))
    }

    /// A directory, root's, with a mode.
    pub fn dir(self, path: &str, mode: u32) -> Self {
        self.entry(path, mode, 0, 0, tar::EntryType::Directory, None, &[])
    }

    /// A file, root's.
    pub fn file(self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        self.entry(path, mode, 0, 0, tar::EntryType::Regular, None, content.as_ref())
    }

    /// A file of somebody.
    pub fn owned(self, path: &str, mode: u32, uid: u64, gid: u64, content: impl AsRef<[u8]>) -> Self {
        self.entry(path, mode, uid, gid, tar::EntryType::Regular, None, content.as_ref())
    }

    /// A symbolic link.
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(path, 0o777, 0, 0, tar::EntryType::Symlink, Some(target), &[])
    }

    /// A hard link.
    pub fn hardlink(self, path: &str, target: &str) -> Self {
        self.entry(path, 0o644, 0, 0, tar::EntryType::Link, Some(target), &[])
    }

    /// Anything else: the header as it is written.
    pub fn raw(mut self, header: &tar::Header, content: &[u8]) -> Self {
        self.0.append(header, content).expect("a header in memory");
        self
    }

    #[allow(clippy::too_many_arguments)]
    fn entry(
        mut self,
        path: &str,
        mode: u32,
        uid: u64,
        gid: u64,
        kind: tar::EntryType,
        link: Option<&str>,
        content: &[u8],
    ) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(uid);
        header.set_gid(gid);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        match link {
            Some(target) => self.0.append_link(&mut header, path, target).expect("a link in memory"),
            None => self.0.append_data(&mut header, path, content).expect("a file in memory"),
        }
        self
    }

    /// The tar.
    pub fn bytes(self) -> Vec<u8> {
        self.0.into_inner().expect("a tar in memory")
    }
}

/// An image to be written as a docker archive.
pub struct Image {
    name: String,
    config: Value,
    layers: Vec<Vec<u8>>,
}

impl Image {
    /// `name` is a reference as the archive holds it: `busybox:latest`.
    pub fn new(name: &str) -> Self {
        Image {
            name: name.into(),
            config: json!({"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}),
            layers: Vec::new(),
        }
    }

    /// One more layer on top.
    pub fn layer(self, layer: Layer) -> Self {
        self.tar(layer.bytes())
    }

    /// One more layer on top, as a tar.
    pub fn tar(mut self, bytes: Vec<u8>) -> Self {
        self.layers.push(bytes);
        self
    }

    /// The whole file system of the busybox image as the first layer.
    #[allow(clippy::wrong_self_convention)] // a Dockerfile says FROM
    pub fn from_busybox(self) -> Self {
        self.layer(busybox_layer())
    }

    /// A field of the config's `config`: `Cmd`, `User`, `Volumes` …
    pub fn config(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    /// The image config's bytes: their digest is the image id.
    pub fn config_json(&self) -> Vec<u8> {
        let diff_ids: Vec<_> = self.layers.iter().map(|layer| format!("sha256:{}", sha256(layer))).collect();
        let history: Vec<_> = diff_ids
            .iter()
            .map(|_| json!({"created": "2023-11-14T22:13:20Z", "created_by": "tests/support/image.rs"}))
            .collect();
        let config = json!({
            "architecture": "amd64", "os": "linux", "created": "2023-11-14T22:13:20Z",
            "config": self.config, "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history,
        });
        serde_json::to_vec(&config).expect("JSON in memory")
    }

    /// The tars of its layers, bottom first.
    pub fn layers(&self) -> &[Vec<u8>] {
        &self.layers
    }

    /// The image's id, without `sha256:`.
    pub fn id(&self) -> String {
        sha256(&self.config_json())
    }

    /// Writes a docker archive.
    pub fn save(&self, path: &Path) {
        let config = self.config_json();
        let mut archive = Layer::new();
        let mut names = Vec::new();
        for layer in &self.layers {
            let name = format!("{}.tar", sha256(layer));
            if !names.contains(&name) {
                archive = archive.file(&name, 0o644, layer);
            }
            names.push(name);
        }
        let config_name = format!("{}.json", sha256(&config));
        let manifest = json!([{"Config": config_name, "RepoTags": [self.name], "Layers": names}]);
        let archive = archive.file(&config_name, 0o644, &config).file("manifest.json", 0o644, manifest.to_string());
        std::fs::write(path, archive.bytes()).expect("the archive can be written");
    }
}

/// `docker.io/library/busybox:latest` from Debian's static busybox: a docker archive in the cache.
pub fn busybox() -> PathBuf {
    cached("busybox-1.tar", |path| {
        Image::new("busybox:latest").from_busybox().config("Cmd", json!(["sh"])).save(path);
    })
}

/// The files of the busybox image.
pub fn busybox_layer() -> Layer {
    let program = std::fs::read("/bin/busybox").expect("busybox-static is installed: `make test` does it");
    let applets = Command::new("/bin/busybox").arg("--list").output().expect("busybox runs").stdout;
    let mut layer = Layer::new();
    for (dir, mode) in
        [("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("home", 0o755), ("proc", 0o755), ("root", 0o700)]
    {
        layer = layer.dir(dir, mode);
    }
    for (dir, mode) in
        [("sys", 0o755), ("tmp", 0o1777), ("usr", 0o755), ("usr/bin", 0o755), ("var", 0o755), ("var/tmp", 0o1777)]
    {
        layer = layer.dir(dir, mode);
    }
    layer = layer.file("bin/busybox", 0o755, program);
    for applet in String::from_utf8_lossy(&applets).lines().filter(|applet| *applet != "busybox") {
        layer = layer.symlink(&format!("bin/{applet}"), "busybox");
    }
    layer
        .file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000:Ann:/home/ann:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
        .file("etc/group", 0o644, "root:x:0:\nann:x:1000:\nextra:x:2000:ann\nnogroup:x:65534:\n")
}

/// A minimal Debian made by debootstrap: `localhost/debian:test` as a docker archive in the cache (about 200 MB).
pub fn debian() -> PathBuf {
    cached("debian-1.tar", |path| {
        let root = path.with_extension("root");
        let _ = std::fs::remove_dir_all(&root);
        run(Command::new("debootstrap").args(["--variant=minbase", "bookworm"]).arg(&root));
        let _ = std::fs::remove_dir_all(root.join("var/cache/apt/archives"));
        let tar = path.with_extension("layer");
        run(Command::new("tar")
            .args(["--one-file-system", "--numeric-owner", "-cf"])
            .arg(&tar)
            .arg("-C")
            .arg(&root)
            .arg("."));
        Image::new("localhost/debian:test")
            .tar(std::fs::read(&tar).expect("the tar"))
            .config("Cmd", json!(["bash"]))
            .save(path);
        let _ = std::fs::remove_dir_all(&root);
        let _ = std::fs::remove_file(&tar);
    })
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Hex digits of the digest.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
