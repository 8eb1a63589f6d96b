//! Operating system, architecture and variant of an image (OCI image-spec `image-index.md`).

use serde::{Deserialize, Serialize};

/// `os/arch[/variant]` in Go's names: `linux/amd64`, `linux/arm64/v8`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`
    #[serde(default)]
    pub os: String,
    /// `amd64`, `arm64`, `arm` …
    #[serde(default)]
    pub architecture: String,
    /// `v7`, `v8` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// What this program was built for: `linux` and its architecture in Go's names.
    pub fn own() -> Platform {
        let architecture = match () {
            () if cfg!(target_arch = "x86_64") => "amd64",
            () if cfg!(target_arch = "aarch64") => "arm64",
            () if cfg!(target_arch = "riscv64") => "riscv64",
            () if cfg!(target_arch = "s390x") => "s390x",
            () if cfg!(target_arch = "powerpc64") => "ppc64le",
            () => "unknown",
        };
        Platform { os: "linux".into(), architecture: architecture.into(), variant: None }
    }
}
