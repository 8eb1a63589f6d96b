//! What a child may be told to do, and how a failure of it is put into words.

use super::hook::Hook;
use crate::sys::capability::Set;
use crate::sys::limits::Limit;
use crate::sys::mount::Attributes;
use crate::sys::process::Strings;
use crate::sys::scheduler;
use crate::sys::seccomp::Instruction;
use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

/// One thing that a child does. Everything it needs is in it.
#[derive(Debug)]
pub enum Step {
    /// Say that all is ready.
    Ready,
    /// Wait for the word to start.
    AwaitStart,
    /// Say that all is ready, and wait for somebody to come to this socket with the word to start. Failures from then on
    /// are told to that one.
    Gate { socket: OwnedFd, first_private: i32 },
    /// New time namespace with these offsets.
    TimeNamespace(Vec<u8>),
    /// How the kernel runs it.
    Attribute(Attribute),
    /// Put the root where the bundle has it, and go on building there: hooks look at it.
    PlaceRoot { source: Source, path: CString },
    /// Make what was placed the root.
    EnterPlacedRoot(Way),
    /// Tell the parent that the namespaces are there, and wait until it has done its part.
    Parent,
    /// Run a program of the bundle's.
    Hook(Hook),
    /// See that the program is there, so that its absence is known before the word to start.
    FindProgram { candidates: Vec<CString>, name: String },
    /// Be user and group 0 (or these) of the new user namespace.
    BecomeRoot { uid: u32, gid: u32, groups: bool },
    /// Join a namespace, or several of a process.
    Join { fd: OwnedFd, kinds: i32, what: String },
    /// New namespaces.
    Unshare(i32),
    /// Go on in a child, whose parent is ours: a joined pid namespace holds for children only.
    Fork { cgroup: Option<OwnedFd>, kinds: i32 },
    /// A session without a controlling terminal.
    Session,
    /// Enter a cgroup: "0" into its `tasks` (v1) or `cgroup.procs` (v2). Another process's number there would make
    /// the kernel wait for a grace period.
    EnterCgroup { tasks: OwnedFd, name: String },
    /// `MS_PRIVATE`, `MS_SLAVE` … for all mounts.
    RootPropagation(u64),
    /// A copy of a tree of the host's that is mounted nowhere yet, made here so that mounts are numbered in the order of
    /// the bundle.
    Bind(Bind),
    /// A file system that is mounted nowhere yet.
    FileSystem { file_system: FileSystem, slot: usize },
    /// The root's overlay on kernels that can't make it by descriptors.
    OverlayByName { lower: Vec<CString>, upper: CString, work: CString, options: CString, slot: usize },
    /// Make this mount the root and let go of the old one.
    EnterRoot { source: Source, way: Way },
    /// We are in a container's root already.
    JoinedRoot,
    /// Put a mount in its place.
    Attach { source: Source, target: Target },
    /// Fill a file system that is mounted nowhere yet with what its place holds.
    CopyUp { slot: usize, target: Target },
    /// A device, or an empty file.
    Node(Node),
    /// A symbolic link in a file system that we made.
    Symlink { slot: usize, target: CString, name: CString },
    /// Keep this null device for the masks that follow.
    NullDevice(OwnedFd),
    /// Hide a path.
    Mask(CString),
    /// Make a mount of ours read-only.
    ReadOnlyMount(usize),
    /// How mounts of the root spread.
    OwnPropagation(u64),
    /// Make a path read-only.
    ReadOnlyPath(CString),
    /// Make the root read-only.
    ReadOnlyRoot,
    /// The host name.
    Hostname(Vec<u8>),
    /// The NIS domain name.
    Domainname(Vec<u8>),
    /// The loopback interface.
    Loopback,
    /// Keep a directory of the host's for the steps that follow.
    Keep { fd: OwnedFd, slot: usize },
    /// Write below a procfs of our own, or the host's where the container has no pid namespace.
    WriteProc { slot: usize, path: CString, text: Vec<u8> },
    /// A security label from the next execve on.
    LabelExec { proc: OwnedFd, path: &'static CStr, text: Vec<u8> },
    /// A pty, as standard streams and controlling terminal.
    Terminal(Terminal),
    /// A descriptor for the program.
    Descriptor { fd: OwnedFd, number: i32 },
    /// The container's own session keyring; at the quota we go on without.
    Keyring(CString),
    /// A resource limit.
    Limit { resource: u32, limit: Limit, name: String },
    /// The umask.
    Umask(u32),
    /// Not to be traced or looked into by anybody inside.
    Undumpable,
    /// No more privileges by execve.
    NoNewPrivileges,
    /// No descriptors from this number on for the program.
    CloseFrom(u32),
    /// The working directory; made when missing, if `make`.
    WorkingDirectory { path: CString, make: bool },
    /// The same as the user, if it was refused before.
    WorkingDirectoryAgain(CString),
    /// The system call filter.
    Seccomp { filter: Vec<Instruction>, flags: u64 },
    /// User, groups and capabilities.
    Identity(Identity),
    /// Signals at their defaults.
    ResetSignals,
    /// The program itself.
    Exec(Exec),
}

/// How a root is changed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By `pivot_root`, which lets go of the old one.
    Pivot,
    /// By moving the mount onto `/`.
    Move,
    /// By `chroot` alone, among mounts that are not the container's.
    Chroot,
}

impl Way {
    /// What a bundle asks for.
    pub fn of(bundle: &super::Bundle) -> Way {
        if bundle.manner.no_pivot { Way::Move } else { Way::Pivot }
    }
}

/// A mount.
#[derive(Debug)]
pub enum Source {
    /// Made by the parent.
    Given(OwnedFd),
    /// Made by a step before.
    Made(usize),
}

/// A place in the container.
#[derive(Debug, Clone)]
pub struct Target {
    /// From its root.
    pub path: CString,
    /// What to do when it is missing.
    pub make: Make,
    /// Refuse symbolic links on the way (`/proc`, `/sys`): what is mounted there is relied on.
    pub real: bool,
}

/// What to do when a place is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// Make a directory.
    Directory,
    /// Make an empty file.
    File,
}

/// A file system to be made.
#[derive(Debug)]
pub struct FileSystem {
    /// `proc`, `tmpfs` …
    pub kind: CString,
    /// `key` or `key=value`.
    pub options: Vec<(CString, Option<CString>)>,
    /// `MOUNT_ATTR_…`
    pub attributes: u64,
}

/// A bind mount to be made.
#[derive(Debug)]
pub struct Bind {
    /// On the host.
    pub path: CString,
    /// With all mounts below.
    pub recursive: bool,
    /// For the whole tree, then for its top, then for the whole tree again.
    pub changes: [Attributes; 3],
    /// A user namespace whose ids it shows, and whether all mounts below do.
    pub ids: Option<(OwnedFd, bool)>,
    /// Where it is kept.
    pub slot: usize,
}

/// A device, or an empty file.
#[derive(Debug)]
pub struct Node {
    /// The file system of ours it is made in; `None`: `parent` in the container's root.
    pub slot: Option<usize>,
    /// See `slot`.
    pub parent: CString,
    /// One name.
    pub name: CString,
    /// Type and permissions.
    pub mode: u32,
    /// The device's number.
    pub device: u64,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// A pty to be made in the container's devpts.
#[derive(Debug)]
pub struct Terminal {
    /// The devpts of ours; `None`: what is mounted at `/dev/pts` (and is one).
    pub slot: Option<usize>,
    /// The file system of ours that is `/dev`, for `/dev/console`.
    pub console: Option<usize>,
    /// Height.
    pub rows: u16,
    /// Width.
    pub columns: u16,
    /// Who owns it.
    pub uid: u32,
}

/// How the kernel runs a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// Its scheduling.
    Scheduler(scheduler::Attributes),
    /// Its I/O.
    IoPriority { class: u32, priority: u32 },
    /// What the kernel pretends to be.
    Personality(u64),
    /// Where its memory comes from.
    MemoryPolicy { mode: i32, nodes: Vec<u64> },
    /// Its CPUs.
    Cpus(Vec<u64>),
}

impl Attribute {
    /// Sets it for the caller.
    pub fn set(&self) -> std::io::Result<()> {
        match self {
            Attribute::Scheduler(attributes) => scheduler::set(*attributes),
            Attribute::IoPriority { class, priority } => scheduler::set_io_priority(*class, *priority),
            Attribute::Personality(persona) => scheduler::set_personality(*persona),
            Attribute::MemoryPolicy { mode, nodes } => scheduler::set_memory_policy(*mode, nodes),
            Attribute::Cpus(mask) => scheduler::set_cpus(mask),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Attribute::Scheduler(_) => "the scheduler",
            Attribute::IoPriority { .. } => "the I/O priority",
            Attribute::Personality(_) => "the personality",
            Attribute::MemoryPolicy { .. } => "the memory policy",
            Attribute::Cpus(_) => "the CPU affinity",
        }
    }
}

/// Who a process is and what it may do.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its further groups; `None`: they can't be changed here.
    pub groups: Option<Vec<u32>>,
    /// What it can ever get.
    pub bounding: Set,
    /// What it uses now.
    pub effective: Set,
    /// What it may use.
    pub permitted: Set,
    /// What programs with the same in their file may inherit.
    pub inheritable: Set,
    /// What all programs inherit.
    pub ambient: Set,
}

/// A program to run.
#[derive(Debug)]
pub struct Exec {
    /// A program by descriptor (our own @init), instead of candidates.
    pub program: Option<OwnedFd>,
    /// What may be meant by the command's name, in order.
    pub candidates: Vec<CString>,
    /// The name as it was given.
    pub name: String,
    /// argv
    pub arguments: Strings,
    /// envp
    pub environment: Strings,
}

impl Step {
    /// Whether a failure is only worth a warning.
    pub fn is_optional(&self) -> bool {
        matches!(self, Step::Keyring(_))
    }

    /// What it does, for "`what`: why".
    pub fn describe(&self) -> String {
        let text = |path: &CString| path.to_string_lossy().into_owned();
        match self {
            Step::Ready | Step::AwaitStart | Step::Gate { .. } => "waiting for the word to go on".into(),
            Step::TimeNamespace(_) => "making a time namespace".into(),
            Step::Attribute(attribute) => format!("setting {}", attribute.name()),
            Step::PlaceRoot { path, .. } => format!("mounting the root file system on {}", text(path)),
            Step::EnterPlacedRoot(_) => "changing to the root file system".into(),
            Step::Parent => "waiting for the runtime's hooks".into(),
            Step::Hook(hook) => format!("running {}", hook.name),
            Step::FindProgram { name, .. } => format!("looking for `{name}`"),
            Step::BecomeRoot { .. } => "becoming root of the user namespace".into(),
            Step::Join { what, .. } => format!("joining {what}"),
            Step::Unshare(_) => "making a namespace".into(),
            Step::Fork { .. } => "cloning into the joined pid namespace".into(),
            Step::Session => "making a session".into(),
            Step::EnterCgroup { name, .. } => format!("entering cgroup {name}"),
            Step::RootPropagation(_) => "making mounts private".into(),
            Step::Bind(bind) => format!("binding {}", text(&bind.path)),
            Step::FileSystem { file_system, .. } => format!("making a {} file system", text(&file_system.kind)),
            Step::OverlayByName { .. } => "mounting the root overlay".into(),
            Step::EnterRoot { .. } => "changing to the root file system".into(),
            Step::JoinedRoot => "opening the root directory".into(),
            Step::Attach { target, .. } => format!("mounting on {}", text(&target.path)),
            Step::CopyUp { target, .. } => format!("copying {} into its tmpfs", text(&target.path)),
            Step::Node(node) => format!("making device {}", text(&node.name)),
            Step::Symlink { name, .. } => format!("making link {} in /dev", text(name)),
            Step::NullDevice(_) => "keeping the null device".into(),
            Step::Mask(path) => format!("masking {}", text(path)),
            Step::ReadOnlyMount(_) => "making a mount read-only".into(),
            Step::OwnPropagation(_) => "setting the root's propagation".into(),
            Step::ReadOnlyPath(path) => format!("making {} read-only", text(path)),
            Step::ReadOnlyRoot => "making the root file system read-only".into(),
            Step::Hostname(_) => "setting the host name".into(),
            Step::Domainname(_) => "setting the domain name".into(),
            Step::Loopback => "bringing up the loopback interface".into(),
            Step::Keep { .. } => "keeping a directory".into(),
            Step::WriteProc { path, .. } => match text(path).strip_prefix("sys/") {
                Some(key) => format!("setting sysctl {}", key.replace('/', ".")),
                None => format!("writing /proc/{}", text(path)),
            },
            Step::LabelExec { .. } => "setting the security label".into(),
            Step::Terminal(_) => "making the terminal".into(),
            Step::Descriptor { number, .. } => format!("passing on descriptor {number}"),
            Step::Keyring(_) => "joining the container's session keyring".into(),
            Step::Limit { name, .. } => format!("setting ulimit {name}"),
            Step::Umask(_) => "setting the umask".into(),
            Step::Undumpable => "hiding from tracers".into(),
            Step::NoNewPrivileges => "setting no-new-privileges".into(),
            Step::CloseFrom(_) => "closing descriptors".into(),
            Step::WorkingDirectory { path, .. } | Step::WorkingDirectoryAgain(path) => {
                format!("changing to working directory `{}`", text(path))
            }
            Step::Seccomp { .. } => "loading the seccomp filter".into(),
            Step::Identity(identity) => format!("becoming user {}:{}", identity.uid, identity.gid),
            Step::ResetSignals => "resetting signals".into(),
            Step::Exec(exec) => format!("executing `{}`", exec.name),
        }
    }
}
