//! A lowest layer below every image's: the empty files that the engine mounts its own over.
//!
//! Most images lack them. Made in each container's writable layer they would take four directories and files there, and
//! as many to delete; and they would be the container's, though nobody in it made them.

use super::{Store, tree};
use anyhow::{Context, Result};
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What is mounted over in every container, unless flags say otherwise.
const FILES: &[&str] = &["etc/hosts", "etc/hostname", "run/.containerenv"];

impl Store {
    /// The layer; what an image has of the same name hides it, as in any stack of layers. `None` where it can't be made:
    /// a mount makes its place itself then.
    pub fn mount_points(&self) -> Option<PathBuf> {
        let dir = self.layout.mount_points();
        if dir.is_dir() {
            return Some(dir);
        }
        match self.make_mount_points(&dir) {
            Ok(()) => Some(dir),
            Err(error) => {
                log::debug!("{error:#}");
                None
            }
        }
    }

    /// Whole or not at all, also when two commands do it at once.
    fn make_mount_points(&self, dir: &Path) -> Result<()> {
        let making = self.layout.trash().join(format!("mount-points-{}", std::process::id()));
        tree::remove(&making)?;
        let outcome = fill(&making).and_then(|()| match std::fs::rename(&making, dir) {
            Err(_) if dir.is_dir() => Ok(()),
            other => other.with_context(|| format!("making {}", dir.display())),
        });
        tree::remove(&making)?;
        outcome
    }
}

fn fill(dir: &Path) -> Result<()> {
    let make = || -> std::io::Result<()> {
        let mut directories = DirBuilder::new();
        directories.recursive(true).mode(0o755);
        for file in FILES {
            let path = dir.join(file);
            if let Some(parent) = path.parent() {
                directories.create(parent)?;
                // Whatever the umask says: it is the container's, should the image have no such directory.
                std::fs::set_permissions(parent, Permissions::from_mode(0o755))?;
            }
            OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path)?;
            std::fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        }
        std::fs::set_permissions(dir, Permissions::from_mode(0o755))
    };
    make().with_context(|| format!("making {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::super::Roots;
    use super::*;

    #[test]
    fn it_is_made_once_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let roots = Roots {
            root: dir.path().join("root"),
            run: dir.path().join("run"),
            driver: Some(super::super::Driver::Vfs),
            rootless: false,
        };
        let store = Store::open(&roots).unwrap();
        let made = store.mount_points().unwrap();
        for file in FILES {
            assert_eq!(std::fs::metadata(made.join(file)).unwrap().len(), 0, "{file}");
        }
        assert_eq!(std::fs::metadata(made.join("etc")).unwrap().permissions().mode() & 0o7777, 0o755);
        assert_eq!(store.mount_points(), Some(made));
        assert_eq!(std::fs::read_dir(store.layout.trash()).unwrap().count(), 0);
    }
}
