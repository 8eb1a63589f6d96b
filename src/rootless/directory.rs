//! Private directories: ours, 0700, or refused.

use crate::fault::{Fault, Kind};
use anyhow::{Context, Result};
use std::fs::{DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// Makes `path` (and what is missing above it) 0700, or checks that it is a directory of `uid`'s that nobody else can
/// enter. Somebody else's directory, or a link, is refused: in /tmp anybody can be faster than we are.
pub fn make_private(path: &Path, uid: u32) -> Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if !meta.is_dir() => Err(refuse(path, "is not a directory")),
        Ok(meta) if meta.uid() != uid => Err(refuse(path, &format!("belongs to uid {}, not to {uid}", meta.uid()))),
        Ok(meta) if meta.mode() & 0o077 != 0 => std::fs::set_permissions(path, Permissions::from_mode(0o700))
            .with_context(|| format!("making {} private", path.display())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(parent)
                    .with_context(|| format!("creating directory {}", parent.display()))?;
            }
            match DirBuilder::new().mode(0o700).create(path) {
                // Another command of ours, or somebody else: look again.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => make_private(path, uid),
                result => result.with_context(|| format!("creating directory {}", path.display())),
            }
        }
        Err(error) => Err(error).with_context(|| format!("looking at {}", path.display())),
    }
}

/// A store that is still to be made needs a place where its user may make it: system users often have no home.
pub(super) fn check_writable(root: &Path, uid: u32) -> Result<()> {
    if root.exists() {
        return Ok(());
    }
    let Some(above) = root.ancestors().skip(1).find(|dir| dir.exists()) else { return Ok(()) };
    match nix::unistd::access(above, nix::unistd::AccessFlags::W_OK) {
        Ok(()) => Ok(()),
        Err(_) => {
            let what = format!("store directory `{}`: uid {uid} may not write to {}", root.display(), above.display());
            Err(Fault::new(Kind::Denied, what).hint("set HOME or XDG_DATA_HOME, or use --root").into())
        }
    }
}

fn refuse(path: &Path, why: &str) -> anyhow::Error {
    Fault::new(Kind::Denied, format!("run directory `{}`: {why}", path.display()))
        .hint("remove it, or set XDG_RUNTIME_DIR to a directory of your own")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_directory_is_private_or_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let uid = nix::unistd::geteuid().as_raw();
        let path = dir.path().join("a/b");
        make_private(&path, uid).expect("it can be made");
        let mode = |path: &Path| std::fs::metadata(path).expect("it is there").mode() & 0o777;
        assert_eq!((mode(&path), mode(&dir.path().join("a"))), (0o700, 0o700));
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("ours");
        make_private(&path, uid).expect("it can be closed");
        assert_eq!(mode(&path), 0o700);
        assert!(make_private(&path, uid + 1).is_err_and(|error| error.to_string().contains("belongs to uid")));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        assert!(make_private(&link, uid).is_err_and(|error| error.to_string().contains("not a directory")));
    }
}
