//! Which manifest of an index is for a platform. Pure.

use crate::fault::Fault;
use crate::model::manifest::{Descriptor, Index};
use crate::model::platform::Platform;

/// The platform of the machine that we run on, in Go's names.
pub fn native() -> Platform {
    let (architecture, variant) = if cfg!(target_arch = "x86_64") {
        ("amd64", None)
    } else if cfg!(target_arch = "x86") {
        ("386", None)
    } else if cfg!(target_arch = "aarch64") {
        ("arm64", Some("v8"))
    } else if cfg!(target_arch = "arm") {
        ("arm", Some("v7"))
    } else if cfg!(target_arch = "powerpc64") {
        ("ppc64le", None)
    } else if cfg!(target_arch = "s390x") {
        ("s390x", None)
    } else if cfg!(target_arch = "loongarch64") {
        ("loong64", None)
    } else {
        ("riscv64", None)
    };
    Platform { os: "linux".into(), architecture: architecture.into(), variant: variant.map(str::to_string) }
}

/// What is wanted, empty parts filled in with the machine's, names in Go's spelling.
pub fn wanted(asked: Option<&Platform>) -> Platform {
    let native = native();
    let Some(asked) = asked else { return native };
    let os = if asked.os.is_empty() { native.os.clone() } else { asked.os.to_ascii_lowercase() };
    let same_architecture = asked.architecture.is_empty();
    let (architecture, implied) = if same_architecture {
        (native.architecture.clone(), native.variant.clone().filter(|_| asked.variant.is_none()))
    } else {
        normal(&asked.architecture)
    };
    let variant = asked.variant.clone().filter(|variant| !variant.is_empty()).or(implied);
    Platform { os, architecture, variant }
}

/// Other people's names for architectures (containerd's table).
fn normal(architecture: &str) -> (String, Option<String>) {
    let (name, variant) = match architecture.to_ascii_lowercase().as_str() {
        "x86_64" | "x86-64" | "amd64" => ("amd64", None),
        "i386" | "i686" | "x86" | "386" => ("386", None),
        "aarch64" | "arm64" => ("arm64", None),
        "armhf" => ("arm", Some("v7")),
        "armel" => ("arm", Some("v6")),
        other => return (other.to_string(), None),
    };
    (name.to_string(), variant.map(str::to_string))
}

/// The best entry for `platform`: same system and architecture; the asked variant, or the nearest older one that the
/// machine runs as well (`arm/v7` runs v6 and v5; `arm64` is `arm64/v8`).
pub fn choose<'i>(index: &'i Index, platform: &Platform) -> Result<&'i Descriptor, Fault> {
    let mut best: Option<(&Descriptor, u32)> = None;
    for entry in &index.manifests {
        let Some(offered) = &entry.platform else { continue };
        let (architecture, _) = normal(&offered.architecture);
        if offered.os != platform.os || architecture != platform.architecture {
            continue;
        }
        let Some(rank) = rank(platform, offered.variant.as_deref()) else { continue };
        if best.is_none_or(|(_, old)| rank > old) {
            best = Some((entry, rank));
        }
    }
    // An index of one manifest that says nothing of a platform: there is no other choice to make.
    if best.is_none()
        && let [only] = index.manifests.as_slice()
        && only.platform.as_ref().is_none_or(|platform| platform.architecture.is_empty())
    {
        return Ok(only);
    }
    best.map(|(entry, _)| entry).ok_or_else(|| {
        let mut offered: Vec<String> =
            index.manifests.iter().filter_map(|entry| entry.platform.as_ref()).map(show).collect();
        offered.retain(|one| !one.starts_with("unknown/"));
        offered.dedup();
        let fault = Fault::not_found(format!(
            "no image found in image index for architecture {:?}, variant {:?}, OS {:?}",
            platform.architecture,
            platform.variant.as_deref().unwrap_or_default(),
            platform.os
        ));
        if offered.is_empty() { fault } else { fault.hint(format!("it has {}", offered.join(", "))) }
    })
}

fn rank(wanted: &Platform, offered: Option<&str>) -> Option<u32> {
    let number = |variant: &str| variant.trim_start_matches('v').split('.').next()?.parse::<u32>().ok();
    let default = match wanted.architecture.as_str() {
        "arm64" => Some(8),
        "arm" => Some(7),
        "amd64" => Some(1),
        _ => None,
    };
    let want = wanted.variant.as_deref().and_then(number).or(default);
    let have = offered.filter(|variant| !variant.is_empty()).and_then(number).or(default);
    match (want, have) {
        (Some(want), Some(have)) => (have <= want).then_some(have + 1),
        (None, None) => Some(1),
        _ => (wanted.variant.as_deref() == offered).then_some(1),
    }
}

fn show(platform: &Platform) -> String {
    let mut text = format!("{}/{}", platform.os, platform.architecture);
    if let Some(variant) = &platform.variant {
        text = format!("{text}/{variant}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_string);
        let mut next = || parts.next().unwrap_or_default();
        Platform { os: next(), architecture: next(), variant: Some(next()).filter(|text| !text.is_empty()) }
    }

    #[test]
    fn the_nearest_variant_that_runs_is_chosen() {
        let index = |platforms: &[&str]| Index {
            schema_version: 2,
            media_type: None,
            annotations: Default::default(),
            manifests: platforms
                .iter()
                .enumerate()
                .map(|(number, text)| Descriptor {
                    media_type: String::new(),
                    digest: format!("sha256:{number:064x}").parse().unwrap(),
                    size: number as u64,
                    platform: (!text.is_empty()).then(|| platform(text)),
                    annotations: Default::default(),
                })
                .collect(),
        };
        let all = [
            "linux/amd64",
            "linux/arm/v5",
            "linux/arm/v6",
            "linux/arm/v7",
            "linux/arm64/v8",
            "windows/amd64",
            "unknown/unknown",
        ];
        for (platforms, asked, want) in [
            (&all[..], "linux/amd64", Some(0)),
            (&all[..], "linux/arm", Some(3)),
            (&all[..], "linux/arm/v6", Some(2)),
            (&all[..], "linux/armel", Some(2)),
            (&all[..], "linux/arm64", Some(4)),
            (&all[..], "linux/aarch64", Some(4)),
            (&all[..], "windows/amd64", Some(5)),
            (&all[..], "linux/s390x", None),
            (&["linux/amd64/v3", "linux/amd64"][..], "linux/amd64", Some(1)),
            (&["linux/amd64", "linux/amd64/v3"][..], "linux/amd64/v4", Some(1)),
            (&["linux/arm/v7"][..], "linux/arm/v6", None),
            (&[""][..], "linux/amd64", Some(0)),
            (&["linux/riscv64"][..], "linux/riscv64", Some(0)),
        ] {
            let wanted = wanted(Some(&platform(asked)));
            let found = choose(&index(platforms), &wanted).ok().map(|entry| entry.size);
            assert_eq!(found, want, "{asked} of {platforms:?}");
        }
    }
}
