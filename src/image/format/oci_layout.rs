//! The OCI image layout: `oci-layout`, `index.json`, `blobs/sha256/…`, in a directory or an archive. Pure.

use crate::fault::Fault;
use crate::model::digest::Digest;
use crate::model::manifest::{DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, Index, Manifest, OCI_INDEX, OCI_MANIFEST};
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use std::collections::BTreeMap;

/// The file that says "this is a layout", and its only content.
pub const MARKER: &str = "oci-layout";
/// The content of [`MARKER`].
pub const MARKER_CONTENT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Where the list of images stands.
pub const INDEX: &str = "index.json";
/// Media type of an uncompressed layer.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The name of an image, or only its tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The whole name, as containerd and docker write it.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// Where a blob lies.
pub fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// A document that may be an index or a manifest, told apart by what it holds (never both).
#[derive(Debug)]
pub enum Document {
    /// A list of further documents.
    Index(Index),
    /// One image.
    Manifest(Manifest),
}

/// Reads a manifest or an index; a document that could be taken for both, or claims another type, is refused.
pub fn parse(bytes: &[u8]) -> Result<Document, Fault> {
    let bad = |why: String| Fault::invalid(format!("reading a manifest: {why}"));
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
    let has = |key: &str| value.get(key).is_some();
    match (has("manifests"), has("config") || has("layers")) {
        (true, true) => Err(bad("it is both a manifest and an index".into())),
        (true, false) => {
            let index: Index = serde_json::from_value(value).map_err(|error| bad(error.to_string()))?;
            match index.media_type.as_deref() {
                None | Some(OCI_INDEX | DOCKER_INDEX | "") => Ok(Document::Index(index)),
                Some(other) => Err(bad(format!("an index that calls itself {other:?}"))),
            }
        }
        (false, true) => {
            let manifest: Manifest = serde_json::from_value(value).map_err(|error| bad(error.to_string()))?;
            match manifest.media_type.as_deref() {
                Some(OCI_INDEX | DOCKER_INDEX) => Err(bad("a manifest that calls itself an index".into())),
                _ => Ok(Document::Manifest(manifest)),
            }
        }
        (false, false) => Err(bad("neither a manifest nor an index".into())),
    }
}

/// The same for a document that an index names: it must be what its entry says.
pub fn parse_entry(entry: &Descriptor, bytes: &[u8]) -> Result<Document, Fault> {
    let document = parse(bytes)?;
    let said = match entry.media_type.as_str() {
        OCI_INDEX | DOCKER_INDEX => Some(true),
        OCI_MANIFEST | DOCKER_MANIFEST => Some(false),
        _ => None,
    };
    match said.is_none_or(|index| index == matches!(document, Document::Index(_))) {
        true => Ok(document),
        false => Err(Fault::invalid(format!("reading a manifest: {} is no {}", entry.digest, entry.media_type))),
    }
}

/// The name that an entry of `index.json` gives its image. A bare tag is no name (umoci writes such), unless it can be
/// read as `name:tag`.
pub fn name_of(descriptor: &Descriptor) -> Option<Reference> {
    let whole = descriptor.annotations.get(CONTAINERD_NAME).and_then(|name| name.parse::<Reference>().ok());
    whole
        .or_else(|| {
            let name = descriptor.annotations.get(REF_NAME)?;
            let first = name.split(['/', ':', '@']).next()?;
            let has_domain = name.contains('/')
                && (first == "localhost" || first.contains('.') || name[first.len()..].starts_with(':'));
            match has_domain {
                true => name.parse().ok(),
                false => format!("localhost/{name}").parse().ok(),
            }
        })
        .map(Reference::with_default_tag)
}

/// Whether an entry of an index is an image at all: attestations and artifacts say `unknown/unknown`.
pub fn is_image(descriptor: &Descriptor) -> bool {
    let unknown = descriptor.platform.as_ref().is_some_and(|platform| platform.os == "unknown");
    !unknown && !descriptor.annotations.contains_key("vnd.docker.reference.type")
}

/// The entry of an index for this platform: the exact variant, else one without, else the only entry.
pub fn choose<'a>(index: &'a Index, wanted: &Platform) -> Option<&'a Descriptor> {
    let images = || index.manifests.iter().filter(|entry| is_image(entry));
    let fits = |entry: &&Descriptor, variant: bool| {
        entry.platform.as_ref().is_some_and(|platform| {
            platform.os == wanted.os
                && platform.architecture == wanted.architecture
                && (!variant || platform.variant == wanted.variant)
        })
    };
    images().find(|entry| fits(entry, true)).or_else(|| images().find(|entry| fits(entry, false))).or_else(|| {
        let mut all = images();
        all.next().filter(|_| all.next().is_none())
    })
}

/// The `index.json` of saved images: per name one entry, per nameless image one without annotations.
pub fn render_index(images: &[(Descriptor, Vec<Reference>)]) -> Vec<u8> {
    let mut manifests = Vec::new();
    for (descriptor, names) in images {
        if names.is_empty() {
            manifests.push(descriptor.clone());
        }
        for name in names {
            let mut descriptor = descriptor.clone();
            descriptor.annotations.insert(REF_NAME.into(), name.to_string());
            descriptor.annotations.insert(CONTAINERD_NAME.into(), name.to_string());
            manifests.push(descriptor);
        }
    }
    let index =
        Index { schema_version: 2, media_type: Some(OCI_INDEX.into()), manifests, annotations: BTreeMap::new() };
    // Strings and numbers only: it always serializes.
    serde_json::to_vec(&index).unwrap_or_default()
}

/// A descriptor without platform and annotations.
pub fn describe(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    Descriptor { media_type: media_type.into(), digest, size, platform: None, annotations: BTreeMap::new() }
}

/// The manifest of an image whose layers are stored as described.
pub fn render_manifest(config: Descriptor, layers: Vec<Descriptor>, annotations: BTreeMap<String, String>) -> Vec<u8> {
    let manifest = Manifest { schema_version: 2, media_type: Some(OCI_MANIFEST.into()), config, layers, annotations };
    // Strings and numbers only: it always serializes.
    serde_json::to_vec(&manifest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_documents_are_refused() {
        let config = format!(r#""config":{{"digest":"sha256:{}","size":1}},"layers":[]"#, "0".repeat(64));
        for text in [
            format!(r#"{{"schemaVersion":2,"manifests":[],{config}}}"#),
            format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}",{config}}}"#),
            format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","manifests":[]}}"#),
            r#"{"schemaVersion":2}"#.to_string(),
            r#"{"schemaVersion":2,"config":{"digest":"sha256:../../x","size":1},"layers":[]}"#.to_string(),
            "[]".to_string(),
            "".to_string(),
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(matches!(parse(format!(r#"{{"schemaVersion":2,{config}}}"#).as_bytes()), Ok(Document::Manifest(_))));
        assert!(matches!(parse(br#"{"schemaVersion":2,"manifests":[]}"#), Ok(Document::Index(_))));
        let entry = |media_type| describe(media_type, Digest::of(b""), 0);
        let index = br#"{"schemaVersion":2,"manifests":[]}"#;
        assert!(parse_entry(&entry(OCI_MANIFEST), index).is_err());
        assert!(parse_entry(&entry(DOCKER_INDEX), index).is_ok());
    }

    #[test]
    fn names_come_from_containerds_annotation_or_the_reference() {
        for (containerd, reference, wanted) in [
            (Some("docker.io/library/alpine:3"), Some("3"), Some("docker.io/library/alpine:3")),
            (None, Some("docker.io/library/alpine:3"), Some("docker.io/library/alpine:3")),
            (None, Some("quay.io/x/y"), Some("quay.io/x/y:latest")),
            (None, Some("localhost:5000/y:1"), Some("localhost:5000/y:1")),
            (None, Some("app:1"), Some("localhost/app:1")),
            (None, Some("team/app:1"), Some("localhost/team/app:1")),
            (None, Some("latest"), Some("localhost/latest:latest")),
            (None, Some("../../x"), None),
            (None, None, None),
        ] {
            let mut descriptor = describe(OCI_MANIFEST, Digest::of(b""), 0);
            let mut put = |key: &str, value: Option<&str>| {
                value.map(|value| descriptor.annotations.insert(key.into(), value.into()))
            };
            put(CONTAINERD_NAME, containerd);
            put(REF_NAME, reference);
            let name = name_of(&descriptor).map(|name| name.to_string());
            assert_eq!(name.as_deref(), wanted, "{containerd:?} {reference:?}");
        }
    }
}
