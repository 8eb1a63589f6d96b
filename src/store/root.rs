//! Every path below our two roots, and nothing else knows one.
//!
//! ```text
//! ROOT/version                      the format of all this
//!      driver                       overlay or vfs, settled at first use
//!      images.json  images.lock     the index of images, and who may change it
//!      layers.lock                  shared: layers are being used or made; exclusive: layers are being swept
//!      blobs/HEX                    manifests and configs, exact bytes
//!      known/HEX                    by diff id: under which compressed digests registries know it
//!      partial/HEX                  the beginning of a layer blob whose download broke off
//!      layers/HEX/                  by diff id: diff/ (the files), stream (the tar's headers), layer.json
//!      layers/HEX.lock              one download at a time
//!      chains/HEX/                  fix-ups for one stack of layers: diff/
//!      moved/HEX/                   a layer's (or chain's) files with the owners of one map: diff/, moved.json
//!      staging/RANDOM.BOOT/         a layer on its way; trusted in the boot BOOT only
//!      containers/ID/               container.json, upper/, work/, files
//!      names/NAME                   a symbolic link to the id that holds the name, packed
//!      networks/NAME.json           one network; networks.lock: who may change them
//!      reserve                      room for an index when the disk is full
//!      mount-points/                empty files below every image, to mount the engine's own over
//!      trash/                       on its way out
//! RUN/containers/ID/                sockets, fifos, exit record
//!     records/ID                    a record of this boot, newer than ROOT's
//!     networks/ID/                  a network's leases and names; networks/{lock,rules}: the firewall's
//! ```

use crate::model::digest::Digest;
use crate::model::id::ContainerId;
use crate::model::name::Name;
use anyhow::{Context, Result};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// All of our names below ROOT: what `system reset` removes. Anything else there is somebody else's.
#[rustfmt::skip]
pub const OF_ROOT: &[&str] = &[
    "version", "driver", "images.json", "images.lock", "layers.lock", "reserve", "blobs", "known", "partial", "layers",
    "chains", "moved", "staging", "containers", "names", "networks", "networks.lock", "mount-points",
    "trash",
];

/// All of our names below RUN. (A user's namespace is found there, too, and stays: it is in use.)
pub const OF_RUN: &[&str] = &["containers", "records", "networks", "cache"];

/// Where a store is and how it is to be used.
#[derive(Debug, Clone)]
pub struct Roots {
    /// What lasts: `/var/lib/barge`.
    pub root: PathBuf,
    /// What lasts until the next boot: `/run/barge`.
    pub run: PathBuf,
    /// How layers are put on each other; `None`: what the file system can.
    pub driver: Option<super::Driver>,
    /// We are root in a user namespace of an ordinary user.
    pub rootless: bool,
}

/// The names of everything.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    run: PathBuf,
    rootless: bool,
}

impl Layout {
    pub(super) fn new(roots: &Roots) -> Self {
        Layout { root: roots.root.clone(), run: roots.run.clone(), rootless: roots.rootless }
    }

    /// Makes the directories that are not there.
    pub(super) fn make(&self) -> Result<()> {
        if self.run_records().is_dir() && self.root.join("trash").is_dir() {
            return Ok(());
        }
        make_dir(&self.run)?;
        make_dir(&self.run_containers())?;
        make_dir(&self.run_records())?;
        make_dir(&self.root)?;
        for name in ["blobs", "known", "partial", "layers", "chains", "staging", "containers", "names", "trash"] {
            make_dir(&self.root.join(name))?;
        }
        Ok(())
    }

    /// The root of what lasts.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The root of what lasts until the next boot.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// Whether we are root in a user namespace only.
    pub fn rootless(&self) -> bool {
        self.rootless
    }

    pub(super) fn images(&self) -> PathBuf {
        self.root.join("images.json")
    }

    pub(super) fn reserve(&self) -> PathBuf {
        self.root.join("reserve")
    }

    pub(super) fn images_lock(&self) -> PathBuf {
        self.root.join("images.lock")
    }

    pub(super) fn layers_lock(&self) -> PathBuf {
        self.root.join("layers.lock")
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub(super) fn known(&self) -> PathBuf {
        self.root.join("known")
    }

    pub(super) fn partials(&self) -> PathBuf {
        self.root.join("partial")
    }

    pub(super) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(super) fn layer(&self, diff_id: &Digest) -> PathBuf {
        self.layers().join(diff_id.hex())
    }

    pub(super) fn layer_lock(&self, key: &Digest) -> PathBuf {
        self.layers().join(format!("{}.lock", key.hex()))
    }

    pub(super) fn chains(&self) -> PathBuf {
        self.root.join("chains")
    }

    pub(super) fn moved_dir(&self) -> PathBuf {
        self.root.join("moved")
    }

    pub(super) fn moved(&self, key: &Digest) -> PathBuf {
        self.moved_dir().join(key.hex())
    }

    pub(super) fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    pub(super) fn mount_points(&self) -> PathBuf {
        self.root.join("mount-points")
    }

    pub(super) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    pub(super) fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    pub(super) fn container(&self, id: &ContainerId) -> PathBuf {
        self.containers().join(id.as_str())
    }

    pub(super) fn run_containers(&self) -> PathBuf {
        self.run.join("containers")
    }

    pub(super) fn run_container(&self, id: &ContainerId) -> PathBuf {
        self.run_containers().join(id.as_str())
    }

    /// The records that are true in this boot only, each named by its id: one listing says who has one.
    pub(super) fn run_records(&self) -> PathBuf {
        self.run.join("records")
    }

    pub(super) fn run_record(&self, id: &ContainerId) -> PathBuf {
        self.run_records().join(id.as_str())
    }

    pub(super) fn names(&self) -> PathBuf {
        self.root.join("names")
    }

    pub(super) fn name(&self, name: &Name) -> PathBuf {
        self.names().join(name.as_str())
    }

    pub(super) fn networks(&self) -> PathBuf {
        self.root.join("networks")
    }

    pub(super) fn network(&self, name: &Name) -> PathBuf {
        self.networks().join(format!("{name}.json"))
    }

    pub(super) fn networks_lock(&self) -> PathBuf {
        self.root.join("networks.lock")
    }

    /// What is true of networks in this boot only.
    pub fn run_networks(&self) -> PathBuf {
        self.run.join("networks")
    }

    /// For pieces that are kept between commands and can be made anew at any time (compiled filters, caches).
    pub fn cache(&self) -> PathBuf {
        self.run.join("cache")
    }
}

/// A directory of mode 0700, unless it is there.
pub(super) fn make_dir(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("making {}", path.display()))
}

/// The kernel's random name for this boot.
pub fn boot_id() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    Ok(std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?.trim().to_string())
}
