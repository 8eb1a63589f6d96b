//! Which namespaces a container gets, joins, or shares with the host.

use super::{Builder, open_host_to_read};
use crate::fault::Fault;
use crate::runtime::step::Step;
use crate::runtime::{Bundle, user_namespace};
use anyhow::Result;
use oci_spec::runtime::{LinuxIdMapping, LinuxNamespace, LinuxNamespaceType as Kind};
use std::os::fd::OwnedFd;

/// What the clone itself does.
#[derive(Debug, Default)]
pub struct Cloning {
    pub flags: u64,
    pub born_in: Option<OwnedFd>,
    pub forks: bool,
}

/// The namespaces that the spec lists; no list is an empty one.
pub fn of(bundle: &Bundle) -> &[LinuxNamespace] {
    bundle.spec.linux().as_ref().and_then(|linux| linux.namespaces().as_deref()).unwrap_or_default()
}

/// 0 if it is mapped, else some id that is.
fn first_id(map: &[LinuxIdMapping]) -> u32 {
    map.iter().map(|line| line.container_id()).min().unwrap_or(0)
}

/// The kernel's flag for a kind.
pub fn flag(kind: Kind) -> i32 {
    match kind {
        Kind::Mount => libc::CLONE_NEWNS,
        Kind::Cgroup => libc::CLONE_NEWCGROUP,
        Kind::Uts => libc::CLONE_NEWUTS,
        Kind::Ipc => libc::CLONE_NEWIPC,
        Kind::User => libc::CLONE_NEWUSER,
        Kind::Pid => libc::CLONE_NEWPID,
        Kind::Network => libc::CLONE_NEWNET,
        Kind::Time => libc::CLONE_NEWTIME,
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Mount => "mount",
        Kind::Cgroup => "cgroup",
        Kind::Uts => "uts",
        Kind::Ipc => "ipc",
        Kind::User => "user",
        Kind::Pid => "pid",
        Kind::Network => "network",
        Kind::Time => "time",
    }
}

impl Builder<'_> {
    /// Steps that join and make namespaces. A user namespace is always one that exists already (see
    /// [`user_namespace::with_maps`]), so that it is joined first and owns all that is made after it. `network` is one
    /// that was made before, with loopback up.
    pub(super) fn namespaces(&mut self, network: Option<OwnedFd>) -> Result<Cloning> {
        // A user namespace must own the network it is to have power over.
        let mut network = network.filter(|_| !self.has_namespace(Kind::User));
        let mut cloning = Cloning::default();
        let mut new = 0;
        let mut joined = Vec::new();
        let mut pid = None;
        let mut user = None;
        let mut mount = None;
        for namespace in of(self.bundle) {
            let kind = namespace.typ();
            let path = namespace.path().as_ref().filter(|path| !path.as_os_str().is_empty());
            if kind == Kind::Time && path.is_none() {
                continue; // made already
            }
            let fd = match (kind, path) {
                (Kind::User, None) => {
                    let Some(linux) = self.bundle.spec.linux() else { continue };
                    let maps = (linux.uid_mappings().as_deref(), linux.gid_mappings().as_deref());
                    let fd = user_namespace::with_maps(maps.0.unwrap_or_default(), maps.1.unwrap_or_default())?;
                    self.user_namespace = Some(fd.try_clone()?);
                    fd
                }
                (_, Some(path)) => open_host_to_read(path, &format!("{} namespace", word(kind)))?,
                (_, None) => match network.take_if(|_| kind == Kind::Network) {
                    Some(made) => made,
                    None => {
                        new |= flag(kind);
                        continue;
                    }
                },
            };
            let step = Step::Join { fd, kinds: flag(kind), what: format!("the {} namespace", word(kind)) };
            match kind {
                Kind::User => user = Some(step),
                Kind::Pid => pid = Some(step),
                Kind::Mount => mount = Some(step),
                _ => joined.push(step),
            }
        }
        if !self.has_namespace(Kind::Mount) && !self.shares_mounts() {
            return Err(Fault::unsupported("a container without a mount namespace of its own is not built").into());
        }
        let joins_user = self.has_namespace(Kind::User);
        let cgroup_namespace = new & libc::CLONE_NEWCGROUP;
        new &= !libc::CLONE_NEWCGROUP;
        let tasks = match &self.cgroup {
            Some((_, driver)) => driver.entrances()?,
            None => Vec::new(),
        };
        // v2 has one hierarchy, in which a process can be born.
        let mut tasks = tasks;
        if tasks.len() == 1 && tasks[0].is_directory && !joins_user && pid.is_none() {
            cloning.born_in = tasks.pop().map(|entrance| entrance.fd);
        }
        for entrance in tasks {
            let (tasks, name) = entrance.tasks()?;
            self.push(Step::EnterCgroup { tasks, name });
        }
        self.steps.extend(joined);
        // Behind the others, whose files are looked for in our own namespace.
        self.steps.extend(mount);
        if let Some(user) = user {
            // Last of the joined ones: what belongs to the host may be joined by the host's root only.
            self.push(user);
            let linux = self.bundle.spec.linux().as_ref();
            let first = |map: Option<&[LinuxIdMapping]>| first_id(map.unwrap_or_default());
            let uid = first(linux.and_then(|linux| linux.uid_mappings().as_deref()));
            let gid = first(linux.and_then(|linux| linux.gid_mappings().as_deref()));
            self.push(Step::BecomeRoot { uid, gid, groups: self.sets_groups() });
            let unshared = new & !libc::CLONE_NEWPID;
            self.push(Step::Unshare(unshared));
            if new & libc::CLONE_NEWPID != 0 {
                self.push(Step::Fork { cgroup: None, kinds: libc::CLONE_NEWPID });
                cloning.forks = true;
            }
        } else {
            cloning.flags = new as u64;
        }
        if cgroup_namespace != 0 {
            // Only from within its cgroup does the namespace begin there.
            self.push(Step::Unshare(cgroup_namespace));
        }
        if let Some(step) = pid {
            self.push(step);
            self.push(Step::Fork { cgroup: None, kinds: 0 });
            cloning.forks = true;
        }
        self.push(Step::Session);
        if new & libc::CLONE_NEWNET != 0 {
            self.push(Step::Loopback);
        }
        Ok(cloning)
    }
}
