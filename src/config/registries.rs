//! registries.conf and its drop-ins (containers-registries.conf(5)), versions 1 and 2.

use super::{Config, Program};
use crate::fault::Fault;
use crate::model::registries::{Mirror, Registries, Rule, Serves};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Reads what is there: the user's file, else the system's; then the drop-ins of both.
pub fn read(config: &Config) -> Result<Registries> {
    let mut registries = Registries { trust_loopback: config.program == Program::Docker, ..Registries::default() };
    let user = config.config_home.join("containers");
    let named = ["CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"]
        .iter()
        .find_map(|name| config.environment.filled(name))
        .map(PathBuf::from);
    let candidates = match named {
        Some(path) => vec![path],
        None => vec![user.join("registries.conf"), PathBuf::from("/etc/containers/registries.conf")],
    };
    for path in candidates {
        if add(&mut registries, &path)? {
            break;
        }
    }
    for directory in [PathBuf::from("/etc/containers/registries.conf.d"), user.join("registries.conf.d")] {
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
        paths.sort();
        for path in paths {
            add(&mut registries, &path)?;
        }
    }
    if config.program == Program::Docker {
        let own = if config.rootless { config.config_home.join("docker") } else { PathBuf::from("/etc/docker") };
        if let Ok(text) = std::fs::read_to_string(own.join("daemon.json")) {
            merge_daemon(&mut registries, &text)?;
        }
    }
    Ok(registries)
}

/// What dockerd's daemon.json says of registries; the rest of it is not ours.
fn merge_daemon(registries: &mut Registries, text: &str) -> Result<()> {
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "kebab-case")]
    struct Daemon {
        insecure_registries: Vec<String>,
        registry_mirrors: Vec<String>,
    }
    let daemon: Daemon =
        serde_json::from_str(text).map_err(|error| Fault::invalid(format!("loading daemon.json: {error}")))?;
    for prefix in daemon.insecure_registries {
        // Networks count for registries that are given by address: for a name there is none before the connection.
        match crate::model::registries::parse_network(&prefix) {
            Some(network) => registries.insecure_networks.push(network),
            None if prefix.contains('/') => {}
            None => put(registries, Rule { prefix, insecure: true, ..Rule::default() }),
        }
    }
    let mirrors = daemon.registry_mirrors.iter().filter_map(|url| {
        let location = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        let insecure = url.starts_with("http://");
        Some(Mirror { location: location.trim_end_matches('/').to_string(), insecure, serves: Serves::All })
    });
    let mirrors: Vec<Mirror> = mirrors.collect();
    if !mirrors.is_empty() && !registries.rules.iter().any(|rule| rule.prefix == "docker.io") {
        put(registries, Rule { prefix: "docker.io".into(), mirrors, ..Rule::default() });
    }
    Ok(())
}

/// Whether the file was there.
fn add(registries: &mut Registries, path: &Path) -> Result<bool> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    merge(registries, &text)
        .with_context(|| format!("loading registries configuration {:?}", path.display().to_string()))?;
    Ok(true)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    #[serde(rename = "unqualified-search-registries")]
    unqualified: Option<Vec<String>>,
    registry: Vec<Table>,
    aliases: BTreeMap<String, String>,
    registries: Option<VersionOne>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Table {
    prefix: String,
    location: String,
    insecure: bool,
    blocked: bool,
    mirror_by_digest_only: bool,
    mirror: Vec<MirrorTable>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct MirrorTable {
    location: String,
    insecure: bool,
    pull_from_mirror: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct VersionOne {
    search: Names,
    insecure: Names,
    block: Names,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Names {
    registries: Vec<String>,
}

/// Adds one file's text; later files win table by table and alias by alias.
pub fn merge(registries: &mut Registries, text: &str) -> Result<()> {
    let file: File =
        toml::from_str(text).map_err(|error| Fault::invalid(error.to_string().trim().replace('\n', " ")))?;
    if let Some(unqualified) = file.unqualified {
        registries.unqualified = unqualified;
    }
    for table in file.registry {
        put(registries, rule(table)?);
    }
    if let Some(old) = file.registries {
        if !old.search.registries.is_empty() {
            registries.unqualified = old.search.registries;
        }
        for (names, insecure) in [(old.insecure.registries, true), (old.block.registries, false)] {
            for prefix in names {
                let known = registries.rules.iter().find(|rule| rule.prefix == prefix).cloned();
                let mut rule = known.unwrap_or_else(|| Rule { prefix, ..Rule::default() });
                if insecure {
                    rule.insecure = true;
                } else {
                    rule.blocked = true;
                }
                put(registries, rule);
            }
        }
    }
    registries.aliases.extend(file.aliases);
    Ok(())
}

fn put(registries: &mut Registries, rule: Rule) {
    registries.rules.retain(|known| known.prefix != rule.prefix);
    registries.rules.push(rule);
}

fn rule(table: Table) -> Result<Rule, Fault> {
    let bare = |text: &str| text.trim().trim_end_matches('/').to_string();
    let (prefix, location) = (bare(&table.prefix), bare(&table.location));
    if prefix.is_empty() && location.is_empty() {
        return Err(Fault::invalid("invalid registry: both `prefix` and `location` are unset"));
    }
    if [&prefix, &location].iter().any(|text| text.contains("://")) {
        return Err(Fault::invalid("invalid registry: a location has no http:// or https:// in front"));
    }
    let mut mirrors = Vec::new();
    for mirror in table.mirror {
        let location = bare(&mirror.location);
        if location.is_empty() || location.contains("://") {
            return Err(Fault::invalid("invalid registry: mirror location must be host[:port][/path]"));
        }
        let serves = match mirror.pull_from_mirror.as_str() {
            "" | "all" => Serves::All,
            "digest-only" => Serves::DigestOnly,
            "tag-only" => Serves::TagOnly,
            other => {
                return Err(Fault::invalid(format!(
                    "unsupported pull-from-mirror value {other:?} for mirror {location:?}"
                )));
            }
        };
        mirrors.push(Mirror { location, insecure: mirror.insecure, serves });
    }
    Ok(Rule {
        location: Some(location.clone())
            .filter(|location| !location.is_empty() && *location != prefix && !prefix.is_empty()),
        prefix: if prefix.is_empty() { location } else { prefix },
        insecure: table.insecure,
        blocked: table.blocked,
        mirror_by_digest_only: table.mirror_by_digest_only,
        mirrors,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_read() {
        let mut registries = Registries::default();
        merge(
            &mut registries,
            r#"
            unqualified-search-registries = ["quay.io", "docker.io"]
            short-name-mode = "enforcing"
            [[registry]]
            location = "plain.test:5000"
            insecure = true
            [[registry]]
            prefix = "docker.io"
            location = "hub.test/mirror/"
            [[registry.mirror]]
            location = "near.test"
            pull-from-mirror = "digest-only"
            "#,
        )
        .unwrap();
        merge(
            &mut registries,
            "[registries.insecure]\nregistries = ['old.test']\n[registries.block]\nregistries = ['old.test']\n[aliases]\n\"a\" = \"b.test/a\"\n",
        )
        .unwrap();
        assert_eq!(registries.unqualified, ["quay.io", "docker.io"]);
        let rule = |prefix: &str| registries.rules.iter().find(|rule| rule.prefix == prefix).cloned().unwrap();
        assert!(rule("plain.test:5000").insecure && rule("plain.test:5000").location.is_none());
        assert_eq!(rule("docker.io").location.as_deref(), Some("hub.test/mirror"));
        assert_eq!(rule("docker.io").mirrors[0].serves, Serves::DigestOnly);
        assert!(rule("old.test").insecure && rule("old.test").blocked);
        assert_eq!(registries.aliases["a"], "b.test/a");
        for bad in [
            "[[registry]]\ninsecure=true",
            "[[registry]]\nlocation='http://x'",
            "x = [",
            "unqualified-search-registries = 3",
        ] {
            assert!(merge(&mut Registries::default(), bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn dockers_daemon_file() {
        let mut registries = Registries::default();
        let text = r#"{"insecure-registries": ["reg.test:5000", "10.0.0.0/8"], "registry-mirrors": ["http://near.test/"],
                       "debug": true}"#;
        merge_daemon(&mut registries, text).unwrap();
        let places: Vec<_> = registries.sources(&"alpine".parse().unwrap()).unwrap();
        assert_eq!(places[0].reference.to_string(), "near.test/library/alpine");
        assert!(places[0].insecure && places[0].mirror && !places[1].insecure);
        assert!(registries.sources(&"reg.test:5000/x".parse().unwrap()).unwrap()[0].insecure);
        for (name, insecure) in
            [("10.1.2.3:5000/x", true), ("10.1.2.3/x", true), ("11.0.0.1:5000/x", false), ("ten.test/x", false)]
        {
            assert_eq!(registries.sources(&name.parse().unwrap()).unwrap()[0].insecure, insecure, "{name}");
        }
        assert!(merge_daemon(&mut registries, "{").is_err());
    }
}
