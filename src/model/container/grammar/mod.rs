//! How people write the parts of a container: pure functions from text to the words of [`super`].
//!
//! The same grammars serve flags, compose files and unit files. Errors are podman's sentences.

mod device;
mod environment;
mod limits;
mod mount;
mod namespaces;
mod port;
mod security;
mod words;

pub use device::{parse_device, parse_device_rate, parse_device_rule, parse_device_weight};
pub use environment::{parse_env_file, parse_label_file, resolve_env};
pub use limits::{parse_cpus, parse_memory, parse_sysctl, parse_ulimit};
pub use mount::{check_targets, parse_mount, parse_tmpfs, parse_volume};
pub use namespaces::{parse_id_map, parse_mode, parse_subordinate, parse_user_mode};
pub use port::{NetworkWish, check_alias, parse_expose, parse_interface, parse_network, parse_publish};
pub use security::{Option as SecurityOption, normalize_capability, parse_security_option};
pub use words::{fields, key_value};

use crate::fault::Fault;

/// A part of a grammar that is understood but not built.
pub(crate) fn refuse(what: &str, why: &str) -> Fault {
    Fault::unsupported(format!("{what}: not supported yet: {why}"))
}
