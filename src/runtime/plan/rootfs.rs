//! The root file system: an overlay or a directory, as a mount that is nowhere yet.

use super::{Builder, open_host, text};
use crate::fault::{Fault, Kind};
use crate::runtime::step::{Make, Source, Step, Target, Way};
use crate::runtime::{Bundle, RootSource};
use crate::sys::mount::{self, Attributes, Context as Mounting};
use crate::sys::namespace;
use crate::sys::path::{Root, own_name};
use anyhow::{Context, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Redirects, metacopy and the index would let one layer lead into another; all are off whatever the host's defaults.
const OPTIONS: [(&std::ffi::CStr, &std::ffi::CStr); 3] =
    [(c"redirect_dir", c"nofollow"), (c"metacopy", c"off"), (c"index", c"off")];

/// One overlay to be.
pub struct Overlay<'a> {
    pub lower: &'a [PathBuf],
    pub upper: &'a Path,
    pub work: &'a Path,
    pub volatile: bool,
    pub userxattr: bool,
}

/// Those directories, opened.
#[derive(Debug)]
pub struct Layers {
    pub lower: Vec<OwnedFd>,
    pub upper: OwnedFd,
    pub work: OwnedFd,
}

impl Builder<'_> {
    /// Whether the layers are kept with other owners than the container is to see. In an ordinary user's namespace they
    /// are as they are: only root of the machine may map the ids of a mount.
    pub(super) fn maps_owners(&self) -> bool {
        self.facts.initial_user_namespace && self.user_namespace.is_some()
    }

    /// Makes the root mount as far as it can be made before the clone.
    pub(super) fn root(&mut self) -> Result<Source> {
        match &self.bundle.root {
            RootSource::Overlay { lower, upper, work, volatile, userxattr, .. } => {
                self.overlay(Overlay { lower, upper, work, volatile: *volatile, userxattr: *userxattr })
            }
            RootSource::Directory(path) | RootSource::Bundle(path) => {
                let dir = open_host(path, "root directory")?;
                let tree =
                    mount::clone_tree(dir.as_fd(), c"", true).with_context(|| format!("binding {}", path.display()))?;
                private(tree.as_fd())?;
                let ours = matches!(self.bundle.root, RootSource::Directory(_));
                if let (true, Some(user_namespace)) = (ours && self.maps_owners(), &self.user_namespace) {
                    super::mapped::map(&tree, path, user_namespace.as_fd())?;
                }
                Ok(Source::Given(tree))
            }
            RootSource::Throwaway { path, scratch, userxattr } => {
                let (upper, work) = (scratch.join("upper"), scratch.join("work"));
                for dir in [scratch, &upper, &work] {
                    match nix::unistd::mkdir(dir, nix::sys::stat::Mode::from_bits_truncate(0o755)) {
                        Ok(()) | Err(nix::errno::Errno::EEXIST) => {}
                        Err(errno) => return Err(errno).with_context(|| format!("making {}", dir.display())),
                    }
                }
                // A mount below is locked for a user namespace: no overlay may lay bare what it hides.
                if !self.facts.initial_user_namespace && !mounts_below(path)?.is_empty() {
                    return self.split_root(path, &upper, &work);
                }
                same_mode(path, &upper);
                let lower = std::slice::from_ref(path);
                self.overlay(Overlay { lower, upper: &upper, work: &work, volatile: true, userxattr: *userxattr })
            }
        }
    }

    fn overlay(&mut self, overlay: Overlay) -> Result<Source> {
        let owned = matches!(self.bundle.root, RootSource::Overlay { owned: true, .. });
        let mapped = (self.maps_owners() && !owned).then_some(self.user_namespace.as_ref()).flatten();
        if let Some(mount) = by_descriptor(&overlay, mapped.map(|fd| (fd.as_fd(), self.bundle)))? {
            return Ok(Source::Given(mount));
        }
        if mapped.is_some() {
            return Err(
                Fault::unsupported("a user namespace of its own on this kernel's overlay: needs Linux 6.5").into()
            );
        }
        if self.has_namespace(oci_spec::runtime::LinuxNamespaceType::User) {
            // The child will be nobody to whom the store belongs: it can't mount this one.
            if self.facts.initial_user_namespace {
                namespace::unshare(libc::CLONE_NEWNS).context("making a mount namespace to prepare mounts in")?;
                mount::set_root_propagation(libc::MS_SLAVE).context("keeping mounts to ourselves")?;
            }
            let mount = by_name(&overlay)?;
            private(mount.as_fd())?;
            return Ok(Source::Given(mount));
        }
        let options = options(&overlay);
        let slot = self.slot();
        let lower: Result<Vec<_>> = overlay.lower.iter().map(text).collect();
        let (upper, work) = (text(overlay.upper)?, text(overlay.work)?);
        self.push(Step::OverlayByName { lower: lower?, upper, work, options: text(options)?, slot });
        Ok(Source::Made(slot))
    }

    pub(super) fn enter_root(&mut self, root: Source) {
        self.push(Step::EnterRoot { source: root, way: Way::of(self.bundle) });
        let parts = std::mem::take(&mut self.root_parts);
        self.steps.extend(parts);
    }

    /// `--rootfs /:O` for an ordinary user: an overlay for each directory of the tree without mounts below, the others
    /// as they are, read-only.
    fn split_root(&mut self, path: &Path, upper: &Path, work: &Path) -> Result<Source> {
        let context = Mounting::open(c"tmpfs").context("opening tmpfs")?;
        context.string(c"mode", c"755").context("making a root directory")?;
        let root = context.mount(libc::MOUNT_ATTR_NODEV).context("making a root directory")?;
        let tree = Root::open(path).with_context(|| format!("opening {}", path.display()))?;
        let below = mounts_below(path)?;
        for name in tree.names(".").with_context(|| format!("listing {}", path.display()))? {
            let kind = tree.lstat(&name).map_or(0, |stat| stat.st_mode & libc::S_IFMT);
            let host = path.join(&name);
            match kind {
                libc::S_IFLNK => {
                    let target = tree.readlink(&name).with_context(|| format!("reading {}", host.display()))?;
                    crate::sys::path::symlinkat(&text(target)?, root.as_fd(), &text(&name)?)?;
                }
                // These get file systems of the container's own.
                libc::S_IFDIR if ["proc", "sys", "dev", "run"].iter().any(|own| name == *own) => {
                    crate::sys::path::mkdirat(root.as_fd(), &text(&name)?, 0o755)?;
                }
                libc::S_IFDIR if !below.iter().any(|mount| mount.starts_with(&host) && *mount != host) => {
                    crate::sys::path::mkdirat(root.as_fd(), &text(&name)?, 0o755)?;
                    let (upper, work) = (upper.join(&name), work.join(&name));
                    for dir in [&upper, &work] {
                        match std::fs::create_dir(dir) {
                            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                                return Err(error).with_context(|| format!("making {}", dir.display()));
                            }
                            _ => {}
                        }
                    }
                    same_mode(&host, &upper);
                    let lower = std::slice::from_ref(&host);
                    let overlay = Overlay { lower, upper: &upper, work: &work, volatile: true, userxattr: true };
                    let part = match by_descriptor(&overlay, None)
                        .and_then(|part| part.map_or_else(|| by_name(&overlay), Ok))
                    {
                        Ok(part) => part,
                        // It may not even be looked into, or lies on a file system that can't be below an overlay.
                        _ => read_only_tree(&host)?,
                    };
                    self.root_part(part, &name, Make::Directory)?;
                }
                libc::S_IFDIR => {
                    crate::sys::path::mkdirat(root.as_fd(), &text(&name)?, 0o755)?;
                    // Without a place for temporary files hardly anything works.
                    let part = if name == "tmp" { temporary()? } else { read_only_tree(&host)? };
                    self.root_part(part, &name, Make::Directory)?;
                }
                libc::S_IFREG => {
                    let part = read_only_tree(&host)?;
                    self.root_part(part, &name, Make::File)?;
                }
                _ => {}
            }
        }
        Ok(Source::Given(root))
    }

    fn root_part(&mut self, part: OwnedFd, name: &std::ffi::OsStr, make: Make) -> Result<()> {
        private(part.as_fd())?;
        let target = Target { path: text(Path::new("/").join(name))?, make, real: false };
        self.root_parts.push(Step::Attach { source: Source::Given(part), target });
        Ok(())
    }
}

/// An overlay's top directory is its upper one; it shows the lower one's permissions.
fn same_mode(lower: &Path, upper: &Path) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    if let Ok(stat) = std::fs::metadata(lower) {
        let _ = std::fs::set_permissions(upper, std::fs::Permissions::from_mode(stat.mode() & 0o7777));
    }
}

fn temporary() -> Result<OwnedFd> {
    let context = Mounting::open(c"tmpfs").context("opening tmpfs")?;
    context.string(c"mode", c"1777").context("making /tmp")?;
    context.mount(libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOSUID).context("making /tmp")
}

fn read_only_tree(path: &Path) -> Result<OwnedFd> {
    let handle = open_host(path, "host directory")?;
    let tree = mount::clone_tree(handle.as_fd(), c"", true).with_context(|| format!("binding {}", path.display()))?;
    let attributes = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
    mount::set_attributes(tree.as_fd(), attributes, true).context("making it read-only")?;
    Ok(tree)
}

/// The places strictly below `path` on which something is mounted.
fn mounts_below(path: &Path) -> Result<Vec<PathBuf>> {
    let text = std::fs::read_to_string("/proc/self/mountinfo").context("reading /proc/self/mountinfo")?;
    let places = text.lines().filter_map(|line| line.split(' ').nth(4)).map(|place| PathBuf::from(unescape(place)));
    Ok(places.filter(|place| place.starts_with(path) && place != path).collect())
}

/// `\040` and its like → the byte.
fn unescape(text: &str) -> std::ffi::OsString {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let octal = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

/// Neither gets mounts from the host nor gives any to it.
pub fn private(mount: std::os::fd::BorrowedFd<'_>) -> Result<()> {
    let attributes = Attributes { propagation: libc::MS_PRIVATE, ..Attributes::default() };
    mount::set_attributes(mount, attributes, true).context("making a mount private")
}

/// An overlay whose layers are named by descriptors, so that no path is too long and no list has too many; `None` when
/// this kernel can't (before 6.5; 6.1 accepts `lowerdir+` and fails only when the mount is made).
pub fn by_descriptor(overlay: &Overlay, mapped: Option<(BorrowedFd<'_>, &Bundle)>) -> Result<Option<OwnedFd>> {
    let open = |path: &Path| open_host(path, "layer directory");
    let layers = match mapped {
        Some((user_namespace, bundle)) => super::mapped::layers(overlay, user_namespace, bundle)?,
        None => {
            let lower: Result<Vec<OwnedFd>> = overlay.lower.iter().map(|path| open(path)).collect();
            Layers { lower: lower?, upper: open(overlay.upper)?, work: open(overlay.work)? }
        }
    };
    let context = Mounting::open(c"overlay").context("opening the overlay file system")?;
    match configure(&context, overlay, &layers).and_then(|()| context.try_mount(0)) {
        Ok(mount) => Ok(Some(mount)),
        // A volatile overlay leaves this behind, so that nobody takes it for whole after a crash. Our volatile ones
        // don't outlive the boot, in which the page cache has what the disk may lack.
        Err(error)
            if overlay.volatile && error.raw_os_error() == Some(libc::EINVAL) && forget_volatile(overlay.work) =>
        {
            by_descriptor(overlay, mapped)
        }
        Err(error) => match (error.raw_os_error(), context.message()) {
            (Some(libc::EINVAL | libc::ENOENT | libc::EOPNOTSUPP), _) if !takes_descriptors() => Ok(None),
            (_, Some(message)) => {
                Err(Fault::new(Kind::Internal, format!("mounting the root overlay: {message}")).into())
            }
            (_, None) => Err(error).context("mounting the root overlay"),
        },
    }
}

/// What `mount(2)` is told but for the layers.
fn options(overlay: &Overlay) -> String {
    let mut options = String::new();
    for (key, value) in OPTIONS {
        options.push_str(&format!("{}={},", key.to_string_lossy(), value.to_string_lossy()));
    }
    if overlay.userxattr {
        options.push_str("userxattr,");
    }
    if overlay.volatile {
        options.push_str("volatile");
    }
    options
}

/// The same by `mount(2)`, for older kernels: in a mount namespace that this start has for itself (an ordinary user's by
/// `create::prepared`), where it is put on its own upper directory for a moment.
fn by_name(overlay: &Overlay) -> Result<OwnedFd> {
    let open = |path: &Path| open_host(path, "layer directory");
    let lower: Result<Vec<OwnedFd>> = overlay.lower.iter().map(|path| open(path)).collect();
    let (lower, upper, work) = (lower?, open(overlay.upper)?, open(overlay.work)?);
    let name = |fd: &OwnedFd| own_name(fd.as_fd()).map(|name| name.to_string_lossy().into_owned());
    let names: std::io::Result<Vec<String>> = lower.iter().map(name).collect();
    let text_of = [format!("lowerdir={}", names?.join(":")), format!("upperdir={}", name(&upper)?)];
    let all = format!("{},workdir={},{}", text_of.join(","), name(&work)?, options(overlay));
    let target = text(overlay.upper)?;
    mount::mount_overlay(&target, &text(all)?).context("mounting an overlay")?;
    let on_top = open(overlay.upper)?;
    let tree = mount::clone_tree(on_top.as_fd(), c"", false).context("binding an overlay");
    drop(on_top);
    nix::mount::umount2(overlay.upper, nix::mount::MntFlags::MNT_DETACH).context("taking an overlay back")?;
    tree
}

/// Whether there was such a mark, now removed.
fn forget_volatile(work: &Path) -> bool {
    let mark = work.join("work/incompat/volatile");
    let _ = std::fs::remove_file(mark.join("dirty"));
    std::fs::remove_dir(mark).is_ok()
}

fn configure(context: &Mounting, overlay: &Overlay, layers: &Layers) -> std::io::Result<()> {
    context.string(c"source", c"overlay")?;
    for fd in &layers.lower {
        context.string(c"lowerdir+", &own_name(fd.as_fd())?)?;
    }
    context.string(c"upperdir", &own_name(layers.upper.as_fd())?)?;
    context.string(c"workdir", &own_name(layers.work.as_fd())?)?;
    for (key, value) in OPTIONS {
        context.string(key, value)?;
    }
    if overlay.userxattr {
        context.flag(c"userxattr")?;
    }
    if overlay.volatile {
        context.flag(c"volatile")?;
    }
    Ok(())
}

/// `lowerdir+` came with 6.5; asked only after a failure.
pub fn takes_descriptors() -> bool {
    let release = nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
    release.is_ok_and(|release| kernel_version(&release) >= (6, 5))
}

/// (major, minor) of a kernel release.
pub fn kernel_version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_unescaped() {
        for (text, place) in [("/a\\040b", "/a b"), ("/plain", "/plain"), ("/x\\134", "/x\\"), ("/\\04", "/\\04")] {
            assert_eq!(unescape(text), place, "{text}");
        }
    }

    #[test]
    fn kernel_releases_are_understood() {
        for (release, version) in [("6.1.0-18-amd64", (6, 1)), ("6.18.44-fc", (6, 18)), ("5.14", (5, 14)), ("", (0, 0))]
        {
            assert_eq!(kernel_version(release), version, "{release}");
        }
    }
}
