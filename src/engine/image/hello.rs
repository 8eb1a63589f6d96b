//! The embedded image: this very binary, which in the role `@hello` tells what it sees. Made on first use, and from
//! then on an image like any other.

use crate::engine::Engine;
use crate::image::format::load;
use crate::image::format::source::Source;
use crate::model::platform::Platform;
use crate::sys::fd;
use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek};

/// Under which name it is kept.
pub const NAME: &str = "localhost/hello:latest";

/// Whether `name`, which is not the name of a local image, means the embedded one.
pub fn is_meant(name: &str) -> bool {
    matches!(name, "hello" | "hello:latest" | "localhost/hello" | "localhost/hello:latest")
}

/// Puts the image into the store.
pub fn provide(engine: &Engine) -> Result<()> {
    provide_as(engine, NAME, "@hello")
}

/// The same under another name, with this binary in another role.
pub fn provide_as(engine: &Engine, name: &str, role: &str) -> Result<()> {
    let mut program = Vec::new();
    File::open("/proc/self/exe")
        .and_then(|mut file| file.read_to_end(&mut program))
        .context("reading our own binary")?;
    let archive = archive(&program, name, role).context("making the embedded image")?;
    let mut file = File::from(fd::sealed_memfd(c"hello", &archive).context("making a memfd")?);
    file.rewind().context("making the embedded image")?;
    load::load(&engine.store, &mut Source::from_file(file)?, &Platform::own())?;
    Ok(())
}

/// Pure: a docker archive with one layer that holds `program` as `/hello`.
fn archive(program: &[u8], name: &str, role: &str) -> Result<Vec<u8>> {
    let mut layer = tar::Builder::new(Vec::new());
    for (path, mode) in [("dev", 0o755), ("etc", 0o755), ("proc", 0o755), ("sys", 0o755), ("tmp", 0o1777)] {
        append(&mut layer, path, mode, tar::EntryType::Directory, &[])?;
    }
    append(&mut layer, "etc/passwd", 0o644, tar::EntryType::Regular, b"root:x:0:0:root:/:/hello\n")?;
    append(&mut layer, "etc/group", 0o644, tar::EntryType::Regular, b"root:x:0:\n")?;
    append(&mut layer, "hello", 0o755, tar::EntryType::Regular, program)?;
    let layer = layer.into_inner()?;
    let platform = Platform::own();
    let created = "2026-11-21T00:00:00Z";
    let config = serde_json::to_vec(&json!({
        "created": created,
        "architecture": platform.architecture,
        "os": platform.os,
        "config": {"Entrypoint": ["/hello", role], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hex(&layer))]},
        "history": [{"created": created, "created_by": concat!("barge ", env!("CARGO_PKG_VERSION"))}],
    }))?;
    let mut archive = tar::Builder::new(Vec::with_capacity(layer.len() + 8192));
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    append(&mut archive, "layer.tar", 0o644, tar::EntryType::Regular, &layer)?;
    append(&mut archive, "config.json", 0o644, tar::EntryType::Regular, &config)?;
    append(&mut archive, "manifest.json", 0o644, tar::EntryType::Regular, manifest.to_string().as_bytes())?;
    Ok(archive.into_inner()?)
}

fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    path: &str,
    mode: u32,
    kind: tar::EntryType,
    content: &[u8],
) -> std::io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, path, content)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_binary_makes_the_same_image() {
        let one = archive(b"program", NAME, "@hello").expect("an archive");
        assert_eq!(one, archive(b"program", NAME, "@hello").expect("an archive"));
        let names: Vec<_> = tar::Archive::new(&one[..])
            .entries()
            .expect("a tar")
            .map(|entry| entry.expect("an entry").path().expect("a path").display().to_string())
            .collect();
        assert_eq!(names, ["layer.tar", "config.json", "manifest.json"]);
    }

    #[test]
    fn only_its_own_names_mean_it() {
        for (name, meant) in [("hello", true), ("localhost/hello", true), ("hello:1", false), ("x/hello", false)] {
            assert_eq!(is_meant(name), meant, "{name}");
        }
    }
}
