//! One description of a container: CLI flags, API JSON, compose files and kube YAML are ways to write it.

pub mod grammar;
mod log_options;
mod mount;
mod namespace;
mod process;
mod resources;
mod restart;
mod security;
mod spec;

pub use log_options::{LogDriver, LogOptions};
pub use mount::{Device, Mount, MountKind};
pub use namespace::{IdMap, IdRange, NamespaceMode, Namespaces, NetworkMode, UserMode};
pub use process::ProcessSpec;
pub use resources::{DeviceRate, DeviceWeight, Resources, Ulimit};
pub use restart::RestartPolicy;
pub use security::{Label, SeccompProfile, Security};
pub use spec::{ContainerSpec, ImageSource, PullPolicy};

/// What nobody asked for is not written down: records stay short.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
