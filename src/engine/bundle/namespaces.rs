//! Which namespaces are its own, and what it is called in them.

use super::Facts;
use crate::model::container::{ContainerSpec, NamespaceMode, NetworkMode};
use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType};
use std::path::PathBuf;

/// Paths of namespaces that belong to others, for the modes `container:` and `ns:`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Joined {
    pub pid: Option<PathBuf>,
    pub ipc: Option<PathBuf>,
    pub uts: Option<PathBuf>,
    pub cgroup: Option<PathBuf>,
    pub network: Option<PathBuf>,
    pub user: Option<PathBuf>,
}

pub(super) fn namespaces(spec: &ContainerSpec, facts: &Facts) -> Vec<LinuxNamespace> {
    use LinuxNamespaceType::*;
    let modes = &spec.namespaces;
    let mut list = vec![namespace(Mount, None)];
    if facts.ids.is_some() || facts.joined.user.is_some() {
        list.push(namespace(User, facts.joined.user.clone()));
    }
    for (kind, mode, path) in [
        (Pid, &modes.pid, &facts.joined.pid),
        (Ipc, &modes.ipc, &facts.joined.ipc),
        (Uts, &modes.uts, &facts.joined.uts),
        (Cgroup, &modes.cgroup, &facts.joined.cgroup),
    ] {
        if *mode != NamespaceMode::Host {
            list.push(namespace(kind, path.clone()));
        }
    }
    if modes.network != NetworkMode::Host {
        list.push(namespace(Network, facts.joined.network.clone()));
    }
    list
}

fn namespace(kind: LinuxNamespaceType, path: Option<PathBuf>) -> LinuxNamespace {
    let mut namespace = LinuxNamespace::default();
    namespace.set_typ(kind).set_path(path);
    namespace
}

/// What the container is called: set only in a UTS namespace of its own.
pub(super) fn hostname(spec: &ContainerSpec, facts: &Facts) -> Option<String> {
    (spec.namespaces.uts == NamespaceMode::Private).then(|| seen_hostname(spec, facts))
}

/// What the container sees as its name.
pub(super) fn seen_hostname(spec: &ContainerSpec, facts: &Facts) -> String {
    match &spec.hostname {
        Some(name) => name.clone(),
        None if spec.namespaces.uts == NamespaceMode::Host || spec.namespaces.network == NetworkMode::Host => {
            facts.host_name.clone()
        }
        None => facts.id.short().to_string(),
    }
}
