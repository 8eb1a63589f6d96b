//! What we keep: images, blobs, layers, container records. Layout, locks, atomic writes, garbage.
//!
//! The disk is the truth: a [`Store`] is only a handle on two directories. Whatever is written appears whole or not
//! at all; what the user was told is done survives a power cut. Locks are `flock`s. In this order, to be taken by
//! everybody who takes more than one: [`Hold`] (shared) → layer → images → container → networks → rules.

pub mod blob;
pub mod check;
pub mod containers;
pub mod images;
pub mod layer;
pub mod lock;
mod mount_points;
pub mod names;
pub mod networks;
pub mod prune;
pub mod record;
pub mod root;

pub use blob::{KnownBlob, PartialBlob};
pub use check::{Leftover, Report};
pub use containers::{
    Container, ContainerDirs, ContainerRecord, ExitReason, ImageIdentity, LockedContainer, Place, ProcessIdentity,
};
pub use images::{ImageRecord, Images, LockedImages};
pub use layer::{Driver, Layer, LayerReader, LayerRecord, LayerWriter, RootMount, StagedLayer, unpack_role};
pub use lock::{Hold, LayerLock};
pub use networks::{LockedNetworks, RulesLock};
pub use prune::Pruned;
pub use root::{Layout, Roots};

use crate::sys::tree;
use anyhow::Result;

/// A handle on what is kept below two directories: one that lasts, one that lasts until the next boot.
#[derive(Debug, Clone)]
pub struct Store {
    layout: Layout,
    driver: Driver,
    boot_id: String,
}

impl Store {
    /// Opens the store, making its directories (mode 0700) and picking the layer driver at the first use.
    pub fn open(roots: &Roots) -> Result<Store> {
        let layout = Layout::new(roots);
        layout.make()?;
        let driver = layer::choose_driver(&layout, roots)?;
        let store = Store { layout, driver, boot_id: root::boot_id()? };
        store.keep_reserve();
        Ok(store)
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How layers are put on each other.
    pub fn driver(&self) -> Driver {
        self.driver
    }

    /// The kernel's name for this boot.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }
}
