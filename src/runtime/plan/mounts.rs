//! The mounts of a spec → file systems and copies of host trees that are nowhere yet, and where they go.

use super::{Builder, open_host, text};
use crate::fault::Fault;
use crate::runtime::RootSource;
use crate::runtime::cgroup;
use crate::runtime::facts::has;
use crate::runtime::options::{self, Options};
use crate::runtime::step::{Bind, FileSystem, Make, Source, Step, Target};
use crate::sys::mount::{self, Attributes};
use crate::sys::path;
use anyhow::{Context, Result};
use oci_spec::runtime::{LinuxNamespaceType, Mount};
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

impl Builder<'_> {
    /// Makes what can be made before the root is entered; the returned steps put it in place afterwards, in order.
    pub(super) fn mounts(&mut self) -> Result<Vec<Step>> {
        let mut places = Vec::new();
        let mounts = self.bundle.spec.mounts().as_deref().unwrap_or_default();
        if !mounts.iter().any(|mount| clean(mount.destination()) == Path::new("/dev")) {
            // An image's own /dev is never used: devices, links and the console are made in one of ours.
            self.tmpfs_dev(&mut places)?;
        }
        for mount in mounts {
            self.mount(mount, &mut places).with_context(|| format!("mount {}", mount.destination().display()))?;
        }
        Ok(places)
    }

    fn tmpfs_dev(&mut self, places: &mut Vec<Step>) -> Result<()> {
        let option = |key: &str, value: &str| Ok::<_, anyhow::Error>((text(key)?, Some(text(value)?)));
        let options = vec![option("mode", "755")?, option("size", "65536k")?];
        let slot = self.file_system("tmpfs", options, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_STRICTATIME)?;
        self.dev = Some(slot);
        places.push(attach(Source::Made(slot), Path::new("/dev"), Make::Directory)?);
        Ok(())
    }

    fn file_system(&mut self, kind: &str, options: Vec<(CString, Option<CString>)>, attributes: u64) -> Result<usize> {
        let slot = self.slot();
        self.push(Step::FileSystem { file_system: FileSystem { kind: text(kind)?, options, attributes }, slot });
        Ok(slot)
    }

    fn mount(&mut self, mount: &Mount, places: &mut Vec<Step>) -> Result<()> {
        let place = clean(mount.destination());
        let words = mount.options().as_deref().unwrap_or_default();
        let options = options::parse(words.iter().map(String::as_str));
        let maps = (mount.uid_mappings().as_deref(), mount.gid_mappings().as_deref());
        if maps != (None, None) && !options.bind && mount.typ().as_deref() != Some("bind") {
            return Err(Fault::unsupported("only the ids of a bind mount can be mapped").into());
        }
        let kind = mount.typ().as_deref().unwrap_or(if options.bind { "bind" } else { "none" });
        let own = |builder: &Self, kind| !builder.in_user_namespace() || builder.has_namespace(kind);
        match kind {
            _ if options.bind || kind == "bind" => self.bind(mount, &options, &place, places),
            // Only who owns the namespace that they show may mount these; the host's are shown instead.
            "sysfs" if !own(self, LinuxNamespaceType::Network) => self.host_tree("/sys", true, &place, places),
            "proc" if !own(self, LinuxNamespaceType::Pid) => self.host_tree("/proc", false, &place, places),
            "mqueue" if !own(self, LinuxNamespaceType::Ipc) => self.host_tree("/dev/mqueue", false, &place, places),
            "cgroup" | "cgroup2" => self.cgroup_mount(&options, &place, places),
            _ => self.new_file_system(kind, mount, options, &place, places),
        }
    }

    fn new_file_system(
        &mut self,
        kind: &str,
        mount: &Mount,
        mut options: Options,
        place: &Path,
        places: &mut Vec<Step>,
    ) -> Result<()> {
        if kind == "devpts" && self.in_user_namespace() {
            // A group that is not mapped can't own a terminal.
            options.data.retain(|(key, value)| {
                let gid = value.as_deref().and_then(|value| value.parse().ok());
                key != "gid" || gid.is_some_and(|gid| self.has_group(gid))
            });
        }
        // In kernels of today every devpts is a new one, and the word is refused by fsconfig.
        options.data.retain(|(key, _)| !(kind == "devpts" && key == "newinstance"));
        let mut data = Vec::new();
        if let Some(source) = mount.source().as_ref().filter(|source| source.as_os_str().len() < 256) {
            data.push((text("source")?, Some(text(source)?)));
        }
        for (key, value) in &options.data {
            data.push((text(key)?, value.as_ref().map(text).transpose()?));
        }
        let slot = self.file_system(kind, data, options.for_new_mount())?;
        match (kind, place.to_str()) {
            ("proc", Some("/proc")) if self.proc.is_none() => self.proc = Some(slot),
            ("tmpfs", Some("/dev")) => self.dev = Some(slot),
            ("devpts", Some("/dev/pts")) => self.pts = Some(slot),
            _ => {}
        }
        let step = attach(Source::Made(slot), place, Make::Directory)?;
        if let (true, Step::Attach { target, .. }) = (options.copy_up && kind == "tmpfs", &step) {
            places.push(Step::CopyUp { slot, target: target.clone() });
        }
        places.push(step);
        Ok(())
    }

    fn has_group(&self, gid: u32) -> bool {
        let linux = self.bundle.spec.linux().as_ref();
        match linux.and_then(|linux| linux.gid_mappings().as_deref()).filter(|map| !map.is_empty()) {
            Some(map) => map.iter().any(|line| has(&[(line.container_id(), line.size())], gid)),
            None => has(&self.facts.groups, gid),
        }
    }

    fn bind(&mut self, mount: &Mount, options: &Options, place: &Path, places: &mut Vec<Step>) -> Result<()> {
        let source = mount.source().as_ref().ok_or_else(|| Fault::invalid("a bind mount needs a source"))?;
        let handle = open_host(source, "bind source")?;
        let stat = path::stat_at(handle.as_fd(), c"").context("looking at the source")?;
        let directory = stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        if place == Path::new("/proc") && path::file_system(handle.as_fd())? != PROC {
            return Err(Fault::invalid("only a proc file system may be mounted on /proc").into());
        }
        // Said of all mounts below too: a private one that was left shared would give our unmounts to the host.
        let propagation = options.propagation.map_or(libc::MS_PRIVATE, |(propagation, _)| propagation);
        let spread = Attributes { propagation, ..Attributes::default() };
        let changes = [spread, options.attributes, options.below];
        let make = if directory { Make::Directory } else { Make::File };
        let ids = self.bind_ids(mount, options)?;
        if matches!(self.bundle.root, RootSource::Bundle(_)) && !self.in_user_namespace() {
            let slot = self.slot();
            let path = text(source)?;
            self.push(Step::Bind(Bind { path, recursive: options.recursive, changes, ids, slot }));
            places.push(attach(Source::Made(slot), place, make)?);
            return Ok(());
        }
        let tree = clone_host(&handle, options.recursive, source)?;
        if let Some((user_namespace, all)) = &ids {
            mount::map_ids(tree.as_fd(), user_namespace.as_fd(), *all).context("mapping the mount's ids")?;
        }
        for (changes, recursive) in changes.into_iter().zip([true, false, true]) {
            if !changes.is_empty() {
                mount::set_attributes(tree.as_fd(), changes, recursive).context("setting the mount's options")?;
            }
        }
        if let (true, None, true, Some(user_namespace)) =
            (options.map_ids, &ids, self.maps_owners(), &self.user_namespace)
        {
            super::mapped::map(&tree, place, user_namespace.as_fd())?;
        }
        places.push(attach(Source::Given(tree), place, make)?);
        Ok(())
    }

    /// The user namespace that a bind mount's own maps ask for.
    fn bind_ids(&self, mount: &Mount, options: &Options) -> Result<Option<(OwnedFd, bool)>> {
        match (mount.uid_mappings().as_deref(), mount.gid_mappings().as_deref()) {
            (None, None) => Ok(None),
            (Some(uids), Some(gids)) => {
                Ok(Some((crate::runtime::user_namespace::with_maps(uids, gids)?, options.map_all_ids)))
            }
            _ => Err(Fault::invalid("a mount's uidMappings and gidMappings go together").into()),
        }
    }

    /// A tree of the host's in place of a file system that can't be mounted.
    fn host_tree(&mut self, path: &str, read_only: bool, place: &Path, places: &mut Vec<Step>) -> Result<()> {
        let handle = open_host(Path::new(path), "host directory")?;
        let tree = clone_host(&handle, true, Path::new(path))?;
        super::rootfs::private(tree.as_fd())?;
        if read_only {
            let attributes = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
            mount::set_attributes(tree.as_fd(), attributes, true).context("making it read-only")?;
        }
        places.push(attach(Source::Given(tree), place, Make::Directory)?);
        Ok(())
    }

    /// What the container sees of its cgroup; read-only when asked, which every bundle of ours does.
    fn cgroup_mount(&mut self, options: &Options, place: &Path, places: &mut Vec<Step>) -> Result<()> {
        let attributes = options.for_new_mount();
        let read_only = attributes & libc::MOUNT_ATTR_RDONLY;
        let private = self.has_namespace(LinuxNamespaceType::Cgroup);
        if self.cgroups.version == 2 {
            if !private {
                return self.host_tree(cgroup::MOUNT, read_only != 0, place, places);
            }
            let slot = self.file_system("cgroup2", Vec::new(), attributes)?;
            places.push(attach(Source::Made(slot), place, Make::Directory)?);
            return Ok(());
        }
        let base = [("mode", "755"), ("size", "0"), ("nr_inodes", "64")];
        let base: Result<Vec<_>> = base.iter().map(|(key, value)| Ok((text(key)?, Some(text(value)?)))).collect();
        // Its directories are made by the mounts below, so it becomes read-only last.
        let slot = self.file_system("tmpfs", base?, attributes & !libc::MOUNT_ATTR_RDONLY)?;
        places.push(attach(Source::Made(slot), place, Make::Directory)?);
        let hierarchies = match &self.cgroup {
            Some((_, driver)) if private => driver.hierarchies(),
            _ => Vec::new(),
        };
        for hierarchy in hierarchies {
            let controllers: Result<Vec<_>> =
                hierarchy.split(',').map(|controller| Ok((text(controller)?, None))).collect();
            let slot = self.file_system("cgroup", controllers?, attributes)?;
            places.push(attach(Source::Made(slot), &place.join(&hierarchy), Make::Directory)?);
        }
        if read_only != 0 {
            places.push(Step::ReadOnlyMount(slot));
        }
        Ok(())
    }
}

/// `PROC_SUPER_MAGIC`
const PROC: i64 = 0x9fa0;

fn clone_host(handle: &OwnedFd, recursive: bool, path: &Path) -> Result<OwnedFd> {
    mount::clone_tree(handle.as_fd(), c"", recursive).with_context(|| format!("binding {}", path.display()))
}

/// Puts a mount at a place in the container. `/proc` and `/sys` must be real directories: what is written there later
/// must go to the kernel.
fn attach(source: Source, place: &Path, make: Make) -> Result<Step> {
    let real = place == Path::new("/proc") || place == Path::new("/sys");
    Ok(Step::Attach { source, target: Target { path: text(place)?, make, real } })
}

/// The path without `.`, `..` and doubled slashes; `..` stops at the root.
pub fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    clean
}
