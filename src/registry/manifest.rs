//! Manifests and indexes: fetched, measured, told apart, and put.

use super::Failure;
use super::client::Repository;
use super::host::Request;
use crate::fault::{Fault, Kind};
use crate::model::digest::Digest;
use crate::model::manifest::{DOCKER_INDEX, DOCKER_MANIFEST, Index, Manifest, OCI_INDEX, OCI_MANIFEST};
use serde::Deserialize;

/// The distribution spec lets clients stop here.
pub const MANIFEST_LIMIT: u64 = 4 << 20;

/// A manifest or index as it came: exact bytes, their digest, and the media type it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    /// What travels and what is hashed.
    pub bytes: Vec<u8>,
    /// Of the bytes.
    pub digest: Digest,
    /// One of the four that we know.
    pub media_type: String,
}

impl Fetched {
    /// Whether it lists manifests.
    pub fn is_index(&self) -> bool {
        matches!(self.media_type.as_str(), OCI_INDEX | DOCKER_INDEX)
    }
}

impl Repository<'_> {
    /// Fetches the manifest or index that `reference` (a tag or a digest) names; a digest is compared.
    pub fn manifest(&self, reference: &str) -> Result<Fetched, Failure> {
        let request = Request {
            method: "GET",
            target: format!("/v2/{}/manifests/{reference}", self.path),
            headers: vec![("Accept", [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST].join(", "))],
            scopes: vec![self.scope("pull")],
            ..Request::default()
        };
        self.client.patiently(|| {
            let reply = self.send(&request)?.success()?;
            let content_type = reply.header("content-type").map(str::to_string);
            let bytes = reply.read(MANIFEST_LIMIT)?;
            let digest = Digest::of(&bytes);
            if let Ok(wanted) = reference.parse::<Digest>()
                && wanted != digest
            {
                return Err(Failure::Bad(format!("manifest: its bytes have the digest {digest}, not {wanted}")));
            }
            let media_type = media_type(&bytes, content_type.as_deref())?;
            Ok(Fetched { bytes, digest, media_type })
        })
    }

    /// The digest that `reference` has there now; `None`: no such manifest.
    pub fn manifest_digest(&self, reference: &str) -> Result<Option<Digest>, Failure> {
        let request = Request {
            method: "HEAD",
            target: format!("/v2/{}/manifests/{reference}", self.path),
            headers: vec![("Accept", [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST].join(", "))],
            scopes: vec![self.scope("pull")],
            ..Request::default()
        };
        self.client.patiently(|| {
            let reply = self.send(&request)?;
            if reply.status == 404 {
                return Ok(None);
            }
            let reply = reply.success()?;
            Ok(reply.header("docker-content-digest").and_then(|text| text.parse().ok()))
        })
    }

    /// Puts a manifest under a tag or its digest.
    pub fn put_manifest(&self, reference: &str, media_type: &str, bytes: &[u8]) -> Result<(), Failure> {
        let request = Request {
            method: "PUT",
            target: format!("/v2/{}/manifests/{reference}", self.path),
            headers: vec![("Content-Type", media_type.into())],
            body: Some(bytes),
            scopes: vec![self.scope("pull,push")],
        };
        self.client.patiently(|| {
            let reply = self.send(&request)?.success()?;
            let told = reply.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
            match told.filter(|told| *told != Digest::of(bytes)) {
                Some(told) => Err(Failure::Bad(format!("the registry changed the manifest: it has {told} now"))),
                None => Ok(()),
            }
        })
    }
}

/// The keys that tell what a document is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    #[serde(default)]
    schema_version: Option<u32>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    layers: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    config: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    fs_layers: Option<serde::de::IgnoredAny>,
}

/// What a document is. Nothing that could be read in two ways is let in (CVE-2021-41190): not both an index and a
/// manifest, its own media type and the server's are the same, and fit its shape.
pub(super) fn media_type(bytes: &[u8], told: Option<&str>) -> Result<String, Failure> {
    let bad = |why: &str| Failure::Bad(format!("manifest: {why}"));
    let shape: Shape = serde_json::from_slice(bytes).map_err(|error| bad(&error.to_string()))?;
    if shape.fs_layers.is_some() || shape.schema_version == Some(1) {
        return Err(bad("Docker schema 1 images are not supported: they carry no verifiable config"));
    }
    if shape.schema_version != Some(2) {
        return Err(bad("schemaVersion is not 2"));
    }
    let is_index = match (shape.manifests.is_some(), shape.layers.is_some() || shape.config.is_some()) {
        (true, false) => true,
        (false, true) => false,
        (true, true) => return Err(bad("both an index and a manifest")),
        (false, false) => return Err(bad("neither an index nor a manifest")),
    };
    let told = told.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let known = |text: &&str| matches!(*text, OCI_INDEX | DOCKER_INDEX | OCI_MANIFEST | DOCKER_MANIFEST);
    let told_known = told.as_deref().filter(known);
    let own = shape.media_type.as_deref();
    let settled = match (own, told_known) {
        (Some(own), Some(told)) if own != told => {
            return Err(bad(&format!("calls itself {own:?}, but came as {told:?}")));
        }
        (Some(own), _) => own,
        (None, Some(told)) => told,
        // Served by something that knows no types (a static web server): OCI documents need not say what they are.
        (None, None) => {
            if is_index {
                OCI_INDEX
            } else {
                OCI_MANIFEST
            }
        }
    };
    match (settled, is_index) {
        (OCI_INDEX | DOCKER_INDEX, true) | (OCI_MANIFEST | DOCKER_MANIFEST, false) => Ok(settled.to_string()),
        (OCI_INDEX | DOCKER_INDEX | OCI_MANIFEST | DOCKER_MANIFEST, _) => {
            Err(bad("its media type does not fit its shape"))
        }
        _ => Err(bad(&format!("unknown media type {settled:?}"))),
    }
}

/// Reads an image manifest.
pub fn parse_manifest(bytes: &[u8]) -> Result<Manifest, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::new(Kind::Denied, format!("manifest: {error}")))
}

/// Reads an index.
pub fn parse_index(bytes: &[u8]) -> Result<Index, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::new(Kind::Denied, format!("index: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ambiguous_is_let_in() {
        let oci = |body: &str| format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}",{body}}}"#);
        for (text, told, want) in [
            (oci(r#""config":{},"layers":[]"#), Some(OCI_MANIFEST), Some(OCI_MANIFEST)),
            (oci(r#""config":{},"layers":[]"#), Some("text/plain"), Some(OCI_MANIFEST)),
            (oci(r#""config":{},"layers":[]"#), None, Some(OCI_MANIFEST)),
            (oci(r#""config":{},"layers":[]"#), Some(DOCKER_MANIFEST), None),
            (oci(r#""config":{},"layers":[]"#), Some(OCI_INDEX), None),
            (oci(r#""config":{},"layers":[],"manifests":[]"#), Some(OCI_MANIFEST), None),
            (oci(r#""manifests":[]"#), Some(OCI_MANIFEST), None),
            (oci(r#""x":1"#), Some(OCI_MANIFEST), None),
            (r#"{"schemaVersion":2,"manifests":[]}"#.into(), Some(DOCKER_INDEX), Some(DOCKER_INDEX)),
            (r#"{"schemaVersion":2,"manifests":[]}"#.into(), Some(OCI_MANIFEST), None),
            (r#"{"schemaVersion":2,"manifests":[]}"#.into(), None, Some(OCI_INDEX)),
            (r#"{"schemaVersion":2,"layers":[]}"#.into(), Some("application/json; charset=x"), Some(OCI_MANIFEST)),
            (r#"{"schemaVersion":1,"fsLayers":[]}"#.into(), None, None),
            (r#"{"schemaVersion":2,"mediaType":"x/y","layers":[]}"#.into(), None, None),
            (r#"{"manifests":[]}"#.into(), None, None),
            ("[]".into(), None, None),
            (String::new(), None, None),
        ] {
            let short: String = text.chars().take(120).collect();
            assert_eq!(media_type(text.as_bytes(), told).ok().as_deref(), want, "{short} as {told:?}");
        }
    }

    #[test]
    fn deep_documents_are_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let text = format!(r#"{{"schemaVersion":2,"config":{deep},"layers":{deep}}}"#);
        assert!(media_type(text.as_bytes(), None).is_err() || parse_manifest(text.as_bytes()).is_err());
        let text = format!(r#"{{"schemaVersion":2,"manifests":{deep}}}"#);
        assert!(media_type(text.as_bytes(), None).is_err() || parse_index(text.as_bytes()).is_err());
    }
}
