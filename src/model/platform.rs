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

impl std::str::FromStr for Platform {
    type Err = crate::fault::Fault;

    /// `os/arch[/variant]`, `arch`, or `os`; with the names that other systems have for them (containerd's rules).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || crate::fault::Fault::invalid(format!("platform {text:?}: must be os/arch or os/arch/variant"));
        let parts: Vec<String> = text.to_ascii_lowercase().split('/').map(str::to_string).collect();
        let word = |part: &String| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        if !parts.iter().all(word) {
            return Err(bad());
        }
        let own = Platform::own();
        let (os, architecture, variant) = match &parts[..] {
            [one] if matches!(one.as_str(), "linux" | "windows" | "freebsd" | "darwin") => {
                (one.clone(), own.architecture, None)
            }
            [one] => (own.os, one.clone(), None),
            [os, architecture] => (os.clone(), architecture.clone(), None),
            [os, architecture, variant] => (os.clone(), architecture.clone(), Some(variant.clone())),
            _ => return Err(bad()),
        };
        let (architecture, variant) = match (architecture.as_str(), variant.as_deref()) {
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("i386" | "i486" | "i586" | "i686", _) => ("386", None),
            ("aarch64", None | Some("8")) => ("arm64", None),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) => ("arm", Some("v7")),
            ("armel", _) => ("arm", Some("v6")),
            ("arm", Some("5" | "6" | "7" | "8")) => {
                return Ok(Platform { os, architecture, variant: variant.map(|variant| format!("v{variant}")) });
            }
            (architecture, variant) => (architecture, variant),
        };
        Ok(Platform { os, architecture: architecture.to_string(), variant: variant.map(str::to_string) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_parse_as_containerd_does() {
        for (text, os, architecture, variant) in [
            ("linux/amd64", "linux", "amd64", None),
            ("linux/arm64/v8", "linux", "arm64", Some("v8")),
            ("Linux/x86_64", "linux", "amd64", None),
            ("aarch64", "linux", "arm64", None),
            ("linux/arm/7", "linux", "arm", Some("v7")),
            ("armhf", "linux", "arm", Some("v7")),
            ("windows/amd64", "windows", "amd64", None),
        ] {
            let platform: Platform = text.parse().unwrap();
            let expected =
                Platform { os: os.into(), architecture: architecture.into(), variant: variant.map(str::to_string) };
            assert_eq!(platform, expected, "{text}");
        }
        for text in ["", "/", "linux/", "a/b/c/d", "li nux/amd64"] {
            assert!(text.parse::<Platform>().is_err(), "{text:?}");
        }
    }
}
