//! What a child may be told to do, and how a failure of it is put into words.

use crate::sys::capability::Set;
use crate::sys::limits::Limit;
use crate::sys::process::Strings;
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
    /// A file system that is mounted nowhere yet.
    FileSystem { file_system: FileSystem, slot: usize },
    /// The root's overlay on kernels that can't make it by descriptors.
    OverlayByName { lower: Vec<CString>, upper: CString, work: CString, options: CString, slot: usize },
    /// Make this mount the root and let go of the old one.
    EnterRoot(Source),
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
    Identity { uid: u32, gid: u32, groups: Option<Vec<u32>>, bounding: Option<Set>, capabilities: Set },
    /// Signals at their defaults.
    ResetSignals,
    /// The program itself.
    Exec(Exec),
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
            Step::Ready | Step::AwaitStart => "waiting for the word to go on".into(),
            Step::BecomeRoot { .. } => "becoming root of the user namespace".into(),
            Step::Join { what, .. } => format!("joining {what}"),
            Step::Unshare(_) => "making a namespace".into(),
            Step::Fork { .. } => "cloning into the joined pid namespace".into(),
            Step::Session => "making a session".into(),
            Step::EnterCgroup { name, .. } => format!("entering cgroup {name}"),
            Step::RootPropagation(_) => "making mounts private".into(),
            Step::FileSystem { file_system, .. } => format!("making a {} file system", text(&file_system.kind)),
            Step::OverlayByName { .. } => "mounting the root overlay".into(),
            Step::EnterRoot(_) => "changing to the root file system".into(),
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
            Step::Identity { uid, gid, .. } => format!("becoming user {uid}:{gid}"),
            Step::ResetSignals => "resetting signals".into(),
            Step::Exec(exec) => format!("executing `{}`", exec.name),
        }
    }
}
