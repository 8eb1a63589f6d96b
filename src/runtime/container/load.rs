//! Reading a bundle: its `config.json`, and what engines leave to the runtime.

use crate::fault::Fault;
use anyhow::{Context, Result};
use oci_spec::runtime::{LinuxDeviceCgroup, Spec};
use std::fs;
use std::path::{Path, PathBuf};

/// Devices that every container may use, whatever its rules say: (type, major, minor, access); -1 is any.
const ALWAYS: [(char, i64, i64, &str); 10] = [
    ('c', -1, -1, "m"),
    ('b', -1, -1, "m"),
    ('c', 1, 3, "rwm"),
    ('c', 1, 5, "rwm"),
    ('c', 1, 7, "rwm"),
    ('c', 1, 8, "rwm"),
    ('c', 1, 9, "rwm"),
    ('c', 5, 0, "rwm"),
    ('c', 5, 2, "rwm"),
    ('c', 136, -1, "rwm"),
];

/// A bundle's config: its text, its meaning, and the directory that is to be the root.
#[derive(Debug)]
pub struct Loaded {
    /// The text, to be kept.
    pub text: Vec<u8>,
    /// The meaning.
    pub spec: Spec,
    /// The root on the host.
    pub rootfs: PathBuf,
}

/// Reads the config of the bundle in `dir` (absolute).
pub fn load(dir: &Path) -> Result<Loaded> {
    let path = dir.join("config.json");
    let text = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Fault::not_found(format!("JSON specification file {} not found", path.display())).into());
        }
        text => text.with_context(|| format!("reading {}", path.display()))?,
    };
    let mut spec: Spec =
        serde_json::from_slice(&text).map_err(|error| Fault::invalid(format!("{}: {error}", path.display())))?;
    if spec.version().split('.').next() != Some("1") {
        return Err(Fault::invalid(format!("unsupported spec version {:?}: must be 1.x", spec.version())).into());
    }
    let root = spec.root().as_ref().ok_or_else(|| Fault::invalid("root must be specified"))?;
    let rootfs = dir.join(root.path());
    if !rootfs.is_dir() {
        return Err(Fault::invalid(format!("rootfs {} does not exist or is no directory", rootfs.display())).into());
    }
    allow_usual_devices(&mut spec)?;
    Ok(Loaded { text, spec, rootfs })
}

fn allow_usual_devices(spec: &mut Spec) -> Result<()> {
    let Some(mut linux) = spec.linux().clone() else { return Ok(()) };
    let Some(mut resources) = linux.resources().clone() else { return Ok(()) };
    let Some(mut rules) = resources.devices().clone().filter(|rules| !rules.is_empty()) else { return Ok(()) };
    for (kind, major, minor, access) in ALWAYS {
        let mut rule = serde_json::json!({"allow": true, "type": kind, "access": access});
        for (name, number) in [("major", major), ("minor", minor)] {
            if number >= 0 {
                rule[name] = number.into();
            }
        }
        rules.push(serde_json::from_value::<LinuxDeviceCgroup>(rule).context("a device rule")?);
    }
    resources.set_devices(Some(rules));
    linux.set_resources(Some(resources));
    spec.set_linux(Some(linux));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_read_strictly() {
        let dir = tempfile::tempdir().unwrap();
        let say = |text: &str| fs::write(dir.path().join("config.json"), text).unwrap();
        let error = |part: &str| {
            let error = format!("{:#}", load(dir.path()).unwrap_err());
            assert!(error.contains(part), "{error}");
        };
        error("not found");
        say("{");
        error("EOF");
        say(r#"{"ociVersion": "2.0.0", "root": {"path": "r"}}"#);
        error("2.0.0");
        say(r#"{"ociVersion": "1.0.2"}"#);
        error("root must be specified");
        say(r#"{"ociVersion": "1.0.2", "root": {"path": "r"}}"#);
        error("does not exist");
        fs::create_dir(dir.path().join("r")).unwrap();
        assert_eq!(load(dir.path()).unwrap().rootfs, dir.path().join("r"));
    }

    #[test]
    fn every_container_may_use_the_null_device() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("r")).unwrap();
        let text = r#"{"ociVersion": "1.0.2", "root": {"path": "r"},
            "linux": {"resources": {"devices": [{"allow": false, "access": "rwm"}]}}}"#;
        fs::write(dir.path().join("config.json"), text).unwrap();
        let spec = load(dir.path()).unwrap().spec;
        let resources = spec.linux().as_ref().unwrap().resources().clone().unwrap();
        assert_eq!(resources.devices().as_ref().unwrap().len(), 1 + ALWAYS.len());
    }
}
