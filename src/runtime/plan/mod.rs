//! A bundle and this host → everything that a child will do. All files are opened here, all words written.

mod attributes;
mod devices;
mod mapped;
mod moment;
mod mounts;
mod namespaces;
mod paths;
mod process;
mod rootfs;

pub use attributes::cpus;
pub use mounts::clean;
pub use namespaces::flag;
pub use paths::sysctl_path;
pub use process::{Request, keyring_name, of_process};
pub use rootfs::kernel_version;

use super::cgroup::{self, CgroupDriver};
use super::facts::Facts;
use super::handshake;
use super::step::{Bind, Source, Step, Way};
use super::{Bundle, CgroupChoice, Create, validate};
use crate::fault::{Fault, Kind};
use anyhow::{Context, Result};
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where a new process stops before its program.
#[derive(Debug)]
pub enum Gate {
    /// Nowhere.
    None,
    /// Until its parent says so.
    Parent,
    /// Until somebody comes to this socket and says so.
    Socket(OwnedFd),
}

/// What will be done for a new process.
#[derive(Debug)]
pub struct Plan {
    /// In the child, in this order; the last is an execve.
    pub child: Vec<Step>,
    /// How many mounts the child makes.
    pub slots: usize,
    /// Namespaces that the clone makes.
    pub clone_flags: u64,
    /// The cgroup that the clone is born in (v2).
    pub born_in: Option<OwnedFd>,
    /// The child's child is the container.
    pub forks: bool,
    /// Written by the parent after the clone.
    pub oom_score: Option<i32>,
    /// Where it is counted.
    pub cgroup: Option<cgroup::Place>,
    /// What was done in another way than asked.
    pub warnings: Vec<String>,
    /// The lowest number for descriptors that the program must not see.
    pub first_private: i32,
}

/// Steps under construction.
pub struct Builder<'a> {
    bundle: &'a Bundle,
    facts: &'a Facts,
    steps: Vec<Step>,
    slots: usize,
    warnings: Vec<String>,
    /// The slot of a procfs of the container's own pid namespace.
    proc: Option<usize>,
    /// The slot of the tmpfs at `/dev`.
    dev: Option<usize>,
    /// The slot of the devpts at `/dev/pts`.
    pts: Option<usize>,
    cgroup: Option<(cgroup::Place, Box<dyn CgroupDriver>)>,
    /// The container's own, with maps.
    user_namespace: Option<OwnedFd>,
    cgroups: cgroup::Host,
    /// What is mounted in the root as soon as it is entered.
    root_parts: Vec<Step>,
}

impl Builder<'_> {
    fn slot(&mut self) -> usize {
        self.slots += 1;
        self.slots - 1
    }

    fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Whether the container has a user namespace of its own, or we are in one: root is not the host's root.
    fn in_user_namespace(&self) -> bool {
        !self.facts.initial_user_namespace || self.has_namespace(oci_spec::runtime::LinuxNamespaceType::User)
    }

    /// Whether its groups are to be the spec's; else it keeps ours.
    fn sets_groups(&self) -> bool {
        let keeps = self.bundle.spec.annotations().as_ref().and_then(|all| all.get(crate::runtime::KEEP_GROUPS));
        self.facts.may_set_groups && keeps.is_none_or(|keeps| keeps != "1")
    }

    fn has_namespace(&self, kind: oci_spec::runtime::LinuxNamespaceType) -> bool {
        namespaces::of(self.bundle).iter().any(|namespace| namespace.typ() == kind)
    }
}

/// Plans a new container.
pub fn of_bundle(request: Create, gate: Gate, facts: &Facts) -> Result<Plan> {
    let Create { bundle, stdio, preserved, network } = request;
    validate::bundle(bundle)?;
    let cgroups = cgroup::host()?;
    let linux = bundle.spec.linux().as_ref();
    let mut builder = Builder {
        bundle,
        facts,
        steps: Vec::with_capacity(128),
        slots: 0,
        warnings: Vec::new(),
        proc: None,
        dev: None,
        pts: None,
        user_namespace: None,
        cgroup: make_cgroup(bundle, facts, &cgroups)?,
        cgroups,
        root_parts: Vec::new(),
    };
    let first_private = 3 + preserved.len() as i32;
    builder.time()?;
    builder.push(Step::Undumpable);
    let clone = builder.namespaces(network)?;
    // Mounts of the host may come and go beneath bind mounts that ask for it, but nothing of ours goes back.
    if !builder.shares_mounts() {
        builder.push(Step::RootPropagation(libc::MS_SLAVE));
    }
    let root = builder.root()?;
    let attached = builder.mounts()?;
    builder.devices()?;
    builder.before_root(linux)?;
    let shares_mounts = builder.shares_mounts();
    if builder.has_moment() || shares_mounts {
        // Hooks look at the root where the bundle has it, with all that is mounted in it.
        builder.place_root(root)?;
        builder.steps.extend(attached);
        builder.device_nodes()?;
        builder.moment()?;
        let way = if shares_mounts { Way::Chroot } else { Way::of(bundle) };
        builder.push(Step::EnterPlacedRoot(way));
    } else {
        builder.enter_root(root);
        builder.steps.extend(attached);
        builder.device_nodes()?;
    }
    builder.after_root(linux)?;
    builder.process(stdio, preserved, gate)?;
    let Builder { steps, slots, warnings, cgroup, .. } = builder;
    let process = bundle.spec.process().as_ref();
    let mut steps = steps;
    for step in &mut steps {
        step.move_above(first_private)?;
    }
    Ok(Plan {
        child: steps,
        slots,
        clone_flags: clone.flags,
        born_in: clone.born_in.map(|fd| handshake::above(fd, first_private)).transpose()?,
        forks: clone.forks,
        oom_score: process.and_then(|process| process.oom_score_adj()),
        cgroup: cgroup.map(|(place, _)| place),
        warnings,
        first_private,
    })
}

/// Whether an overlay may be made of layers that are shown with other ids than they have: Linux 6.5.
pub fn can_map_layers() -> bool {
    rootfs::takes_descriptors()
}

/// Where a bundle's cgroup is, should it have one.
pub fn cgroup_place(bundle: &Bundle, host: &cgroup::Host) -> Result<Option<cgroup::Place>> {
    match &bundle.cgroup {
        CgroupChoice::Systemd(scope) => return cgroup::systemd::place(scope),
        CgroupChoice::Files | CgroupChoice::Everywhere if host.writable => {}
        _ => return Ok(None),
    }
    let linux = bundle.spec.linux().as_ref();
    let path = linux.and_then(|linux| linux.cgroups_path().as_ref());
    let path = path.map(|path| path.to_string_lossy().into_owned()).filter(|path| !path.is_empty());
    cgroup::place(host, &path.unwrap_or_else(|| format!("/barge/{}", bundle.id))).map(Some)
}

/// Makes the container's cgroup. `None`: it has none, and asks for no limit.
fn make_cgroup(
    bundle: &Bundle,
    facts: &Facts,
    host: &cgroup::Host,
) -> Result<Option<(cgroup::Place, Box<dyn CgroupDriver>)>> {
    let linux = bundle.spec.linux().as_ref();
    let resources = linux.and_then(|linux| linux.resources().clone()).unwrap_or_default();
    let asked = cgroup::limits(&resources);
    let without = |why: &str| match asked.first() {
        Some(limit) => Err(Fault::unsupported(format!("{limit} can't be set: {why}")).into()),
        None => Ok(None),
    };
    if bundle.cgroup == CgroupChoice::None {
        return without("the container has no cgroup");
    }
    if let CgroupChoice::Systemd(scope) = &bundle.cgroup {
        let place = cgroup::systemd::enter(scope, &resources)?;
        let driver = cgroup::open(&place)?;
        driver.create(&resources, false)?;
        return Ok(Some((place, driver)));
    }
    if !host.writable {
        let why = match (host.version, facts.initial_user_namespace) {
            (0, _) => "this host has no cgroups mounted",
            (1, false) => "an ordinary user has no access to cgroups of version 1, which this host uses",
            _ => "no cgroup was delegated to us",
        };
        return without(why);
    }
    let Some(place) = cgroup_place(bundle, host)? else { return Ok(None) };
    let driver = cgroup::open(&place)?;
    driver.create(&resources, bundle.cgroup == CgroupChoice::Everywhere)?;
    Ok(Some((place, driver)))
}

/// A path or word for the kernel.
pub fn text(word: impl AsRef<std::ffi::OsStr>) -> Result<CString> {
    let word = word.as_ref();
    CString::new(word.as_bytes())
        .map_err(|_| Fault::invalid(format!("{:?} holds a NUL byte", word.to_string_lossy())).into())
}

/// Opens something of the host's by its path.
pub fn open_host(path: &Path, what: &str) -> Result<OwnedFd> {
    open_host_with(path, what, nix::fcntl::OFlag::O_PATH)
}

/// The same for reading: `setns(2)` takes no `O_PATH` descriptor.
pub fn open_host_to_read(path: &Path, what: &str) -> Result<OwnedFd> {
    open_host_with(path, what, nix::fcntl::OFlag::O_RDONLY | nix::fcntl::OFlag::O_NONBLOCK)
}

fn open_host_with(path: &Path, what: &str, flags: nix::fcntl::OFlag) -> Result<OwnedFd> {
    use nix::fcntl::{OFlag, open};
    open(path, flags | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty()).map_err(|errno| {
        let kind = if errno == nix::errno::Errno::ENOENT { Kind::NotFound } else { Kind::Denied };
        anyhow::Error::new(Fault::new(kind, format!("{what} {}: {}", path.display(), errno.desc().to_lowercase())))
    })
}

impl Step {
    /// Moves descriptors out of the way of those that the program is to get.
    pub(super) fn move_above(&mut self, first: i32) -> Result<()> {
        let move_fd = |fd: &mut OwnedFd| -> Result<()> {
            if std::os::fd::AsRawFd::as_raw_fd(fd) < first {
                use nix::fcntl::{FcntlArg, fcntl};
                let copy = fcntl(&*fd, FcntlArg::F_DUPFD_CLOEXEC(first)).context("duplicating a descriptor")?;
                *fd = crate::sys::fd::take_inherited(copy)?;
            }
            Ok(())
        };
        match self {
            Step::Join { fd, .. } | Step::Descriptor { fd, .. } => move_fd(fd),
            Step::EnterCgroup { tasks, .. } => move_fd(tasks),
            Step::Bind(Bind { ids: Some((fd, _)), .. }) => move_fd(fd),
            Step::Fork { cgroup: Some(fd), .. } => move_fd(fd),
            Step::EnterRoot { source: Source::Given(fd), .. }
            | Step::PlaceRoot { source: Source::Given(fd), .. }
            | Step::Attach { source: Source::Given(fd), .. } => move_fd(fd),
            Step::LabelExec { proc, .. } => move_fd(proc),
            Step::NullDevice(fd) | Step::Keep { fd, .. } | Step::Gate { socket: fd, .. } => move_fd(fd),
            Step::Exec(exec) => exec.program.as_mut().map_or(Ok(()), move_fd),
            _ => Ok(()),
        }
    }
}
