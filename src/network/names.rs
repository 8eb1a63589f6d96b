//! Who is called what in a network: written here, read by the resolvers. See [`crate::model::zone`].

use crate::model::id::ContainerId;
use crate::model::zone;
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::Path;

/// Makes a container known under its names.
pub fn join(run_dir: &Path, id: &ContainerId, names: &[String], addresses: &[IpAddr]) -> Result<()> {
    let target = zone::write_addresses(addresses);
    for name in names {
        let Some(key) = zone::key(name) else { continue };
        let dir = run_dir.join(zone::NAMES).join(&key);
        let path = dir.join(id.as_str());
        for attempt in 0.. {
            std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
            match std::os::unix::fs::symlink(&target, &path) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
                }
                // The last other holder of the name left just now, and the directory with it.
                Err(error) if error.kind() == ErrorKind::NotFound && attempt < 100 => {}
                Err(error) => return Err(error).with_context(|| format!("naming {name}")),
            }
        }
    }
    Ok(())
}

/// Makes it unknown again. Names that it does not have do no harm.
pub fn leave(run_dir: &Path, id: &ContainerId, names: &[String]) {
    for name in names {
        let Some(key) = zone::key(name) else { continue };
        let dir = run_dir.join(zone::NAMES).join(&key);
        let _ = std::fs::remove_file(dir.join(id.as_str()));
        // Only when it is empty.
        let _ = std::fs::remove_dir(dir);
    }
}

/// Makes it unknown under every name that it has.
pub fn leave_all(run_dir: &Path, id: &ContainerId) {
    let dir = run_dir.join(zone::NAMES);
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    leave(run_dir, id, &names);
}

/// The addresses behind a name.
pub fn look_up(run_dir: &Path, name: &str) -> Vec<IpAddr> {
    let Some(key) = zone::key(name) else { return Vec::new() };
    let dir = run_dir.join(zone::NAMES).join(key);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if let Ok(target) = std::fs::read_link(entry.path()) {
            found.extend(zone::read_addresses(&target.to_string_lossy()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_addresses_of_all_who_share_them() {
        let dir = tempfile::tempdir().unwrap();
        let ids = [1, 2].map(|digit| ContainerId::from_bytes([digit; 32]));
        let names = ["web".to_string(), "www".to_string(), "../x".to_string()];
        for (id, last) in ids.iter().zip([2, 3]) {
            join(dir.path(), id, &names, &[[10, 0, 0, last].into()]).unwrap();
            join(dir.path(), id, &names, &[[10, 0, 0, last].into()]).unwrap();
        }
        assert_eq!(look_up(dir.path(), "WWW.").len(), 2);
        leave(dir.path(), &ids[0], &names);
        assert_eq!(look_up(dir.path(), "web"), [IpAddr::from([10, 0, 0, 3])]);
        leave_all(dir.path(), &ids[1]);
        assert!(look_up(dir.path(), "web").is_empty());
        assert_eq!(std::fs::read_dir(dir.path().join("names")).unwrap().count(), 0);
    }
}
