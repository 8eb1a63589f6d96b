//! The only mapping from a [`ContainerSpec`] to an OCI config. Pure: what must be looked up comes in [`Facts`].
//!
//! [`resolve`] fills in what the image says; its result is kept in the container's record, so that a start needs no
//! image. [`config`] turns both, and the facts of the host, into what the runtime takes.

mod devices;
mod mounts;
mod namespaces;
mod process;
mod resolve;
mod resources;
mod security;
#[cfg(test)]
mod tests;

pub use devices::HostDevice;
pub use mounts::is_propagation;
pub use namespaces::Joined;
pub use process::process;
pub use resolve::{Resolved, Volume, put as put_variable, resolve};
pub use security::{DEFAULT_CAPABILITIES, capability_names, check_sysctls, names_of_capabilities};

use crate::config::Program;
use crate::model::container::{ContainerSpec, IdMap};
use crate::model::id::ContainerId;
use anyhow::Result;
use oci_spec::runtime::{Linux, LinuxIdMapping, LinuxIdMappingBuilder, LinuxNamespaceType, Root, Spec};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// What must be known of the host, the image's files and other containers, beside the description.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Whose config it is.
    pub id: ContainerId,
    /// Decides a few defaults.
    pub program: Program,
    /// Root of a user namespace only.
    pub rootless: bool,
    /// Who the process is.
    pub user: super::user::Account,
    /// What the host is called (for `--uts=host`).
    pub host_name: String,
    /// Files made by the engine: where they are, where they are seen, read-only.
    pub files: Vec<(PathBuf, String, bool)>,
    /// Where the anonymous volumes are kept: one directory each, named by [`Volume::directory`].
    pub volumes: PathBuf,
    /// `--device`, expanded; with `--privileged` every device of the host.
    pub devices: Vec<HostDevice>,
    /// Numbers of the block devices that limits name.
    pub block_devices: BTreeMap<String, (i64, i64)>,
    /// Namespaces of others.
    pub joined: Joined,
    /// The container's own user namespace, if it has one.
    pub ids: Option<IdMap>,
    /// Its files have the owners of that namespace already.
    pub owned: bool,
    /// Our own hard limits by name: nobody gets more.
    pub hard_limits: BTreeMap<String, u64>,
    /// The cgroup, below the hierarchies' mount points.
    pub cgroup: PathBuf,
    /// Cgroups can be made here, so that the default limits can be applied.
    pub has_cgroups: bool,
    /// Capabilities that we have to give, by number.
    pub capabilities: u64,
    /// The AppArmor profile where nobody says otherwise.
    pub apparmor: Option<String>,
    /// `default_capabilities` of containers.conf.
    pub default_capabilities: Option<Vec<String>>,
    /// CPUs whose thermal_throttle directory must be hidden.
    pub thermal_cpus: Vec<u32>,
    /// The host's time zone file (for `--tz=local` and names).
    pub time_zone: Option<PathBuf>,
    /// Group 5 (tty) exists for us, so that terminals can belong to it.
    pub maps_tty: bool,
    /// The host has message queues at `/dev/mqueue` to show (for `--ipc=host`).
    pub has_mqueue: bool,
}

/// The OCI config of a container.
pub fn config(spec: &ContainerSpec, resolved: &Resolved, facts: &Facts) -> Result<Spec> {
    let mut linux = Linux::default();
    linux
        .set_namespaces(Some(namespaces::namespaces(spec, facts)))
        .set_masked_paths(Some(security::masked_paths(spec, facts)))
        .set_readonly_paths(Some(security::readonly_paths(spec)))
        .set_sysctl(Some(security::sysctls(spec)?))
        .set_seccomp(None)
        .set_resources(Some(resources::resources(spec, facts)?))
        .set_devices(Some(devices::nodes(&facts.devices)))
        .set_rootfs_propagation(Some("private".into()))
        .set_cgroups_path((!spec.resources.no_cgroup).then(|| facts.cgroup.clone()));
    if let Some(ids) = &facts.ids {
        linux.set_uid_mappings(Some(id_mappings(&ids.uids)?));
        linux.set_gid_mappings(Some(id_mappings(&ids.gids)?));
    }
    let mut root = Root::default();
    root.set_path("rootfs".into()).set_readonly(Some(spec.security.read_only));
    let mut config = Spec::default();
    config
        .set_version("1.2.0".into())
        .set_root(Some(root))
        .set_process(Some(process::process(spec, resolved, facts)?))
        .set_mounts(Some(mounts::mounts(spec, resolved, facts)?))
        .set_hostname(namespaces::hostname(spec, facts))
        .set_domainname(spec.domainname.clone())
        .set_annotations(Some(annotations(spec)))
        .set_linux(Some(linux));
    Ok(config)
}

/// The kinds of the namespaces that the container has of its own, or shares with others but not with us.
pub fn namespace_types(spec: &ContainerSpec, facts: &Facts) -> Vec<LinuxNamespaceType> {
    namespaces::namespaces(spec, facts).iter().map(|namespace| namespace.typ()).collect()
}

fn annotations(spec: &ContainerSpec) -> HashMap<String, String> {
    let mut annotations: HashMap<_, _> =
        spec.annotations.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    if spec.process.groups.iter().any(|group| group == "keep-groups") {
        annotations.insert(crate::runtime::KEEP_GROUPS.into(), "1".into());
    }
    annotations
}

fn id_mappings(ranges: &[crate::model::container::IdRange]) -> Result<Vec<LinuxIdMapping>> {
    ranges
        .iter()
        .map(|range| {
            let mapping = LinuxIdMappingBuilder::default().container_id(range.inside).host_id(range.outside);
            Ok(mapping.size(range.count).build()?)
        })
        .collect()
}
