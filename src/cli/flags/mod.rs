//! Groups of flags that several commands share, and how they write a `ContainerSpec`.

mod confinement;
pub mod create;
pub mod host;
mod logging;
mod namespace;
mod network;
mod process;
pub mod registry;
mod resources;
mod security;
pub mod selection;
mod storage;
pub mod unbuilt;

pub use confinement::ConfinementFlags;
pub use create::CreateFlags;
pub use host::Host;
