//! `docker save`'s format: `manifest.json` names, per image, the config file, the layer files and the tags.
//!
//! Pure. Newer dockers write an OCI layout with such a manifest beside it, older ones `<id>/layer.tar` (sometimes links
//! to each other); both are only paths here.

use super::tarball;
use crate::fault::Fault;
use crate::model::digest::Digest;
use crate::model::manifest::{DOCKER_CONFIG, DOCKER_MANIFEST};
use crate::model::reference::Reference;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where the list of images stands in the archive.
pub const MANIFEST: &str = "manifest.json";
/// Docker's media type of a layer.
pub const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// One image of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Item {
    /// The path of its config.
    pub config: String,
    /// Its names; Go writes `null` for none.
    #[serde(default)]
    pub repo_tags: Option<Vec<String>>,
    /// The paths of its layers, bottom first.
    #[serde(default)]
    pub layers: Option<Vec<String>>,
}

/// The images of an archive, with their paths made clean.
pub fn parse(bytes: &[u8]) -> Result<Vec<Item>, Fault> {
    let mut items: Vec<Item> = serde_json::from_slice(bytes)
        .map_err(|error| Fault::invalid(format!("reading the archive's {MANIFEST}: {error}")))?;
    for item in &mut items {
        item.config = tarball::clean(&item.config)?;
        for layer in item.layers.iter_mut().flatten() {
            *layer = tarball::clean(layer)?;
        }
    }
    Ok(items)
}

/// `manifest.json` and `repositories` as `save` writes them.
pub fn render(images: &[(Digest, Vec<Digest>, Vec<Reference>)]) -> (Vec<u8>, Vec<u8>) {
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let items: Vec<Item> = images
        .iter()
        .map(|(id, layers, names)| {
            for name in names {
                if let Some(tag) = &name.tag {
                    let top = layers.last().unwrap_or(id).hex().to_string();
                    repositories.entry(name.repository()).or_default().insert(tag.clone(), top);
                }
            }
            Item {
                config: config_path(id),
                repo_tags: Some(names.iter().map(Reference::to_string).collect()),
                layers: Some(layers.iter().map(layer_path).collect()),
            }
        })
        .collect();
    // Both are maps and lists of strings: they always serialize.
    (serde_json::to_vec(&items).unwrap_or_default(), serde_json::to_vec(&repositories).unwrap_or_default())
}

/// Where `save` puts a config.
pub fn config_path(id: &Digest) -> String {
    format!("{}.json", id.hex())
}

/// Where `save` puts a layer.
pub fn layer_path(diff_id: &Digest) -> String {
    format!("{}.tar", diff_id.hex())
}

/// The digest that a path of the archive claims for its content: `<hex>.json`, `<hex>.tar`, `blobs/sha256/<hex>`.
pub fn claimed_digest(path: &str) -> Option<Digest> {
    let name = path.rsplit('/').next()?;
    let hex = name.strip_suffix(".json").or_else(|| name.strip_suffix(".tar")).unwrap_or(name);
    format!("sha256:{hex}").parse().ok()
}

/// The manifest of an image that came without one, over its uncompressed layers: the same bytes every time, and those
/// that podman makes up for such images (the media type says gzip although nothing is compressed), so that one archive
/// has one digest everywhere.
pub fn make_manifest(config: &[u8], layers: &[(Digest, u64)]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Part<'a> {
        media_type: &'a str,
        size: u64,
        digest: &'a Digest,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Whole<'a> {
        schema_version: u32,
        media_type: &'a str,
        config: Part<'a>,
        layers: Vec<Part<'a>>,
    }
    let id = Digest::of(config);
    let layers = layers.iter().map(|(digest, size)| Part { media_type: LAYER, size: *size, digest }).collect();
    let config = Part { media_type: DOCKER_CONFIG, size: config.len() as u64, digest: &id };
    // Strings and numbers only: it always serializes.
    serde_json::to_vec(&Whole { schema_version: 2, media_type: DOCKER_MANIFEST, config, layers }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_tricks_refused() {
        let items =
            parse(br#"[{"Config":"./c.json","RepoTags":null,"Layers":["a//layer.tar"],"Parent":"x"}]"#).unwrap();
        assert_eq!(items[0].config, "c.json");
        assert_eq!(items[0].layers.as_deref(), Some(&["a/layer.tar".to_string()][..]));
        for text in [r#"[{"Config":"../c"}]"#, r#"[{"Config":"c","Layers":["a/../../b"]}]"#, "{}", "[{}]", "[", ""] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn the_made_up_manifest_is_podmans() {
        let digest = |byte: &str| format!("sha256:{}", byte.repeat(32)).parse::<Digest>().unwrap();
        let text = String::from_utf8(make_manifest(b"{}", &[(digest("ab"), 7)])).unwrap();
        let wanted = r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":7,"digest":"sha256:abababababababababababababababababababababababababababababababab"}]}"#;
        assert_eq!(text, wanted);
    }

    #[test]
    fn claimed_digests_are_whole_or_none() {
        let hex = "a".repeat(64);
        for path in [format!("{hex}.json"), format!("{hex}.tar"), format!("blobs/sha256/{hex}")] {
            assert_eq!(claimed_digest(&path).unwrap().hex(), hex, "{path}");
        }
        for path in ["layer.tar", "abc/layer.tar", "blobs/sha256/.."] {
            assert_eq!(claimed_digest(path), None, "{path}");
        }
    }
}
