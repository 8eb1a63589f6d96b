//! What is set and hidden around the root: sysctls, masks, read-only paths, host name.

use super::{Builder, open_host, text};
use crate::runtime::step::{FileSystem, Step};
use anyhow::Result;
use oci_spec::runtime::{Linux, LinuxNamespaceType};
use std::path::Path;

impl Builder<'_> {
    /// Before the root is entered, while nothing of the container's is in sight.
    pub(super) fn before_root(&mut self, linux: Option<&Linux>) -> Result<()> {
        let spec = &self.bundle.spec;
        if let Some(name) = spec.hostname().as_ref().filter(|name| !name.is_empty()) {
            self.push(Step::Hostname(name.clone().into_bytes()));
        }
        if let Some(name) = spec.domainname().as_ref().filter(|name| !name.is_empty()) {
            self.push(Step::Domainname(name.clone().into_bytes()));
        }
        let sysctls = linux.and_then(|linux| linux.sysctl().as_ref());
        let mut sysctls: Vec<_> = sysctls.into_iter().flatten().collect();
        sysctls.sort();
        for (key, value) in sysctls {
            let slot = self.proc_slot()?;
            let path = text(format!("sys/{}", sysctl_path(key)))?;
            self.push(Step::WriteProc { slot, path, text: value.clone().into_bytes() });
        }
        Ok(())
    }

    /// A procfs that shows the container's pid namespace.
    pub(super) fn proc_slot(&mut self) -> Result<usize> {
        if let Some(slot) = self.proc {
            return Ok(slot);
        }
        let slot = self.slot();
        if self.in_user_namespace() && !self.has_namespace(LinuxNamespaceType::Pid) {
            // Only who owns the pid namespace may make one. Sysctls are those of the namespaces of who opens them.
            self.push(Step::Keep { fd: open_host(Path::new("/proc"), "host directory")?, slot });
            self.proc = Some(slot);
            return Ok(slot);
        }
        let file_system = FileSystem { kind: text("proc")?, options: Vec::new(), attributes: 0 };
        self.push(Step::FileSystem { file_system, slot });
        self.proc = Some(slot);
        Ok(slot)
    }

    /// When everything is mounted.
    pub(super) fn after_root(&mut self, linux: Option<&Linux>) -> Result<()> {
        let paths = |list: Option<&Vec<String>>| list.cloned().unwrap_or_default();
        for path in paths(linux.and_then(|linux| linux.readonly_paths().as_ref())) {
            self.push(Step::ReadOnlyPath(text(path)?));
        }
        let masked = paths(linux.and_then(|linux| linux.masked_paths().as_ref()));
        if !masked.is_empty() {
            self.push(Step::NullDevice(super::devices::null()?));
        }
        for path in masked {
            self.push(Step::Mask(text(path)?));
        }
        if self.bundle.spec.root().as_ref().and_then(|root| root.readonly()).unwrap_or(false) {
            self.push(Step::ReadOnlyRoot);
        }
        if let Some((propagation, _)) = linux
            .and_then(|linux| linux.rootfs_propagation().as_deref())
            .and_then(crate::runtime::options::propagation)
            .filter(|(flag, _)| *flag != libc::MS_PRIVATE && *flag != libc::MS_SLAVE)
        {
            self.push(Step::OwnPropagation(propagation));
        }
        Ok(())
    }
}

/// `net.ipv4.ip_forward` → `net/ipv4/ip_forward`; a name with slashes keeps its dots (`net/ipv4/conf/eth0.1/…`).
pub fn sysctl_path(key: &str) -> String {
    let first = key.find(['.', '/']).map(|at| &key[at..=at]);
    if first == Some("/") { key.to_string() } else { key.replace('.', "/") }
}
