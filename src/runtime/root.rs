//! What a container's root file system is made of.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How to make a container's root; a plain value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RootSource {
    /// An overlay of directories of the store.
    Overlay {
        /// Read-only directories, top first.
        lower: Vec<PathBuf>,
        /// Where changes go.
        upper: PathBuf,
        /// The overlay's scratch directory, on the file system of `upper`.
        work: PathBuf,
        /// Never sync: for containers that a power cut may take.
        volatile: bool,
        /// `user.overlay.*` attributes: in a user namespace.
        userxattr: bool,
        /// The files have the owners of the container's own user namespace already.
        #[serde(default)]
        owned: bool,
    },
    /// A plain directory, used as it is (vfs, `--rootfs DIR`).
    Directory(PathBuf),
    /// The same for somebody else's bundle: its owners are the container's already.
    Bundle(PathBuf),
    /// Any tree of the host with throw-away changes on top (`--rootfs DIR:O`, `/` too).
    Throwaway {
        /// The tree; nothing in it is ever written.
        path: PathBuf,
        /// An empty directory of ours (made when missing) for what is changed.
        scratch: PathBuf,
        /// `user.overlay.*` attributes: in a user namespace.
        userxattr: bool,
    },
}
