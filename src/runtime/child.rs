//! What runs inside the new process, between clone and execve: a walk over steps that the parent decided.
//!
//! On failure it says two numbers, the step's and the kernel's; the parent owns the plan, so it finds the words.
//! No logging, no locks, no panics, and no allocation where a container starts as it should.

use super::handshake::{Inside, Message};
use super::step::{Bind, Exec, FileSystem, Identity, Make, Node, Source, Step, Target, Terminal, Way};
use crate::sys::mount::{self, Attributes, Context};
use crate::sys::path::{self, Resolve, Root};
use crate::sys::pty::{self, Pty, Size};
use crate::sys::{capability, keyring, limits, namespace, netlink, process, seccomp};
use crate::trip;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// The child's own small state.
pub struct Child {
    /// Mounts made on the way, by number; room for all is made before the clone.
    slots: Vec<Option<OwnedFd>>,
    /// The container's root, once entered.
    root: Option<Root>,
    /// Whether the working directory was refused to the container's root user and is to be tried as the user.
    directory_refused: bool,
    /// The mask for files.
    null: Mask,
    /// The mask for directories.
    empty: Mask,
    /// Who said the word to start, where that was not the parent.
    starter: Option<Inside>,
}

/// A mount that hides things. One that is in place can be copied by every kernel, one that is not only by new ones: so
/// the first place gets the mount itself, the others copies of that.
enum Mask {
    Missing,
    Fresh(OwnedFd),
    InPlace(OwnedFd),
}

type Outcome = Result<(), i32>;

fn number(error: io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

impl Child {
    /// With room for so many mounts.
    pub fn new(slots: usize) -> Child {
        let slots = (0..slots).map(|_| None).collect();
        Child { slots, root: None, directory_refused: false, null: Mask::Missing, empty: Mask::Missing, starter: None }
    }

    /// Walks the steps; the last is an execve. Never returns.
    pub fn walk(&mut self, steps: &[Step], inside: &Inside) -> ! {
        process::set_umask(0);
        for (index, step) in steps.iter().enumerate() {
            let (errno, fatal) = match self.perform(step, inside) {
                Ok(()) => continue,
                Err(errno) => (errno, !step.is_optional()),
            };
            let listener = self.starter.as_ref().unwrap_or(inside);
            listener.send(Message::failure(index, errno, fatal, matches!(step, Step::Exec(_)) && self.found(step)));
            if fatal {
                process::leave(127);
            }
        }
        // A plan without an execve at its end is a bug.
        inside.send(Message::failure(steps.len(), libc::ENOEXEC, true, false));
        process::leave(127)
    }

    fn perform(&mut self, step: &Step, inside: &Inside) -> Outcome {
        match step {
            Step::Ready => {
                inside.send(Message::ready());
                Ok(())
            }
            Step::AwaitStart => inside.wait(),
            Step::Gate { socket, first_private } => {
                // Whoever waits for the end of something that we inherited must not wait for `start`.
                let root = self.root().map_or(-1, |root| root.as_raw_fd());
                let mut kept = [inside.as_fd().as_raw_fd(), socket.as_raw_fd(), root];
                crate::sys::fd::close_all_but(*first_private, &mut kept).map_err(number)?;
                inside.send(Message::ready());
                // Once it is written down where to find us, the parent may go; if it goes before, so do we.
                return inside.wait().map_err(number).and_then(|()| self.wait_at(socket.as_fd()));
            }
            Step::FindProgram { candidates, .. } => return find(candidates),
            Step::TimeNamespace(offsets) => namespace::unshare_time(offsets),
            Step::Attribute(attribute) => attribute.set(),
            Step::PlaceRoot { source, path } => return self.place_root(source, path),
            Step::EnterPlacedRoot(way) => return self.enter_placed_root(*way),
            Step::Parent => {
                inside.send(Message::Parent);
                inside.wait()
            }
            Step::Hook(hook) => return hook.run_inside(),
            Step::BecomeRoot { uid, gid, groups } => {
                process::set_ids(*uid, *gid, if *groups { Some(&[]) } else { None })
            }
            Step::Join { fd, kinds, .. } => namespace::join(fd.as_fd(), *kinds),
            Step::Unshare(kinds) => namespace::unshare(*kinds),
            Step::Fork { cgroup, kinds } => return fork(inside, cgroup.as_ref().map(AsFd::as_fd), *kinds),
            Step::Session => process::new_session(),
            Step::EnterCgroup { tasks, .. } => process::write_once(tasks.as_fd(), b"0"),
            Step::RootPropagation(propagation) => mount::set_root_propagation(*propagation),
            Step::Keep { fd, slot } => return fd.try_clone().map_err(number).and_then(|fd| self.keep(*slot, fd)),
            Step::Bind(bind) => return self.bind(bind),
            Step::FileSystem { file_system, slot } => return self.make(file_system, *slot),
            Step::OverlayByName { lower, upper, work, options, slot } => {
                return self.overlay_by_name(lower, upper, work, options, *slot);
            }
            Step::EnterRoot { source, way } => return self.enter(source, *way),
            Step::JoinedRoot => Root::open(std::path::Path::new("/")).map(|root| self.root = Some(root)),
            Step::Attach { source, target } => return self.attach(source, target),
            Step::CopyUp { slot, target } => return self.copy_up(*slot, target),
            Step::Node(node) => return self.node(node),
            Step::Symlink { slot, target, name } => {
                return self.slot(*slot).and_then(|dir| path::symlinkat(target, dir, name).map_err(number));
            }
            Step::NullDevice(fd) => fd.try_clone().map(|fd| self.null = Mask::Fresh(fd)),
            Step::Mask(path) => return self.mask(path),
            Step::ReadOnlyMount(slot) => {
                let attributes = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
                return self
                    .slot(*slot)
                    .and_then(|mount| mount::set_attributes(mount, attributes, false).map_err(number));
            }
            Step::OwnPropagation(propagation) => {
                let attributes = Attributes { propagation: *propagation, ..Attributes::default() };
                return self.root().and_then(|root| mount::set_attributes(root, attributes, false).map_err(number));
            }
            Step::ReadOnlyPath(path) => return self.read_only_path(path),
            Step::ReadOnlyRoot => {
                let attributes = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
                return self.root().and_then(|root| mount::set_attributes(root, attributes, false).map_err(number));
            }
            Step::Hostname(name) => namespace::set_hostname(name),
            Step::Domainname(name) => namespace::set_domainname(name),
            Step::Loopback => netlink::loopback_up(),
            Step::WriteProc { slot, path, text } => return self.write_proc(*slot, path, text),
            Step::LabelExec { proc, path, text } => label(proc.as_fd(), path, text),
            Step::Terminal(terminal) => return self.terminal(terminal, inside),
            Step::Descriptor { fd, number } => process::duplicate_to(fd.as_fd(), *number),
            Step::Keyring(name) => keyring::join_session_keyring(name),
            Step::Limit { resource, limit, .. } => limits::set(*resource, *limit),
            Step::Umask(mask) => {
                process::set_umask(*mask);
                Ok(())
            }
            Step::Undumpable => process::set_dumpable(!trip::guard("runtime.undumpable")),
            Step::NoNewPrivileges => process::set_no_new_privileges(),
            Step::CloseFrom(_) if !trip::guard("runtime.close_range") => Ok(()),
            Step::CloseFrom(first) => crate::sys::fd::close_on_exec_from(*first),
            Step::WorkingDirectory { path, make } => return self.working_directory(path, *make),
            Step::WorkingDirectoryAgain(path) => {
                if !self.directory_refused {
                    return Ok(());
                }
                return self.enter_directory(path);
            }
            Step::Seccomp { filter, flags } => seccomp::load(filter, *flags),
            Step::Identity(wanted) => return identity(wanted).map_err(number),
            Step::ResetSignals => {
                process::reset_signals();
                Ok(())
            }
            Step::Exec(exec) => return Err(run(exec)),
        }
        .map_err(number)
    }

    /// Waits for somebody who gives the word; one who goes away without it has changed his mind.
    fn wait_at(&mut self, listener: BorrowedFd<'_>) -> Outcome {
        loop {
            let caller = Inside::of(crate::sys::socket::accept(listener).map_err(number)?);
            if caller.wait().is_ok() {
                self.starter = Some(caller);
                return Ok(());
            }
        }
    }

    fn slot(&self, slot: usize) -> Result<BorrowedFd<'_>, i32> {
        self.slots.get(slot).and_then(Option::as_ref).map(AsFd::as_fd).ok_or(libc::EBADF)
    }

    fn root(&self) -> Result<BorrowedFd<'_>, i32> {
        self.root.as_ref().map(AsFd::as_fd).ok_or(libc::EBADF)
    }

    fn source<'a>(&'a self, source: &'a Source) -> Result<BorrowedFd<'a>, i32> {
        match source {
            Source::Given(fd) => Ok(fd.as_fd()),
            Source::Made(slot) => self.slot(*slot),
        }
    }

    fn make(&mut self, file_system: &FileSystem, slot: usize) -> Outcome {
        let context = Context::open(&file_system.kind).map_err(number)?;
        for (key, value) in &file_system.options {
            match value {
                Some(value) => context.string(key, value),
                None => context.flag(key),
            }
            .map_err(number)?;
        }
        self.keep(slot, context.mount(file_system.attributes).map_err(number)?)
    }

    fn bind(&mut self, bind: &Bind) -> Outcome {
        use nix::fcntl::{OFlag, open};
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let from = open(bind.path.as_c_str(), flags, nix::sys::stat::Mode::empty()).map_err(|errno| errno as i32)?;
        let tree = mount::clone_tree(from.as_fd(), c"", bind.recursive).map_err(number)?;
        if let Some((user_namespace, all)) = &bind.ids {
            mount::map_ids(tree.as_fd(), user_namespace.as_fd(), *all).map_err(number)?;
        }
        for (changes, recursive) in bind.changes.into_iter().zip([true, false, true]) {
            if !changes.is_empty() {
                mount::set_attributes(tree.as_fd(), changes, recursive).map_err(number)?;
            }
        }
        self.keep(bind.slot, tree)
    }

    fn keep(&mut self, slot: usize, fd: OwnedFd) -> Outcome {
        *self.slots.get_mut(slot).ok_or(libc::EBADF)? = Some(fd);
        Ok(())
    }

    /// The old way, in this private mount namespace: the layers are directories of the store, opened anew here (a
    /// descriptor from before belongs to another namespace's mounts), so that long paths fit into the options.
    fn overlay_by_name(
        &mut self,
        lower: &[std::ffi::CString],
        upper: &CStr,
        work: &CStr,
        options: &CStr,
        slot: usize,
    ) -> Outcome {
        let open = |path: &CStr| {
            use nix::fcntl::{OFlag, open};
            open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())
                .map_err(|errno| errno as i32)
        };
        let mut handles = Vec::with_capacity(lower.len() + 2);
        let mut text = String::with_capacity(4096);
        text.push_str("lowerdir=");
        let name = |fd: &OwnedFd| format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(fd));
        for (index, path) in lower.iter().enumerate() {
            let fd = open(path)?;
            if index > 0 {
                text.push(':');
            }
            text.push_str(&name(&fd));
            handles.push(fd);
        }
        let (upper, work) = (open(upper)?, open(work)?);
        text.push_str(&format!(",upperdir={},workdir={}", name(&upper), name(&work)));
        for option in options.to_bytes().split(|&byte| byte == b',').filter(|option| !option.is_empty()) {
            text.push(',');
            text.push_str(std::str::from_utf8(option).map_err(|_| libc::EINVAL)?);
        }
        let text = std::ffi::CString::new(text).map_err(|_| libc::EINVAL)?;
        mount::mount_overlay(c"/", &text).map_err(number)?;
        // A lookup that starts at `/` does not see what was mounted on it; one that comes back to it does.
        self.keep(slot, open(c"/..")?)
    }

    fn enter(&mut self, source: &Source, way: Way) -> Outcome {
        let fd = self.source(source)?;
        // One that was made by name is on `/` already; moved there once more, it would be its own parent (ELOOP).
        if let Source::Given(_) = source {
            mount::attach_to_root(fd).map_err(number)?;
        }
        match way {
            Way::Pivot => mount::enter_root(fd),
            Way::Move | Way::Chroot => mount::enter_root_without_pivot(fd),
        }
        .map_err(number)?;
        self.root = Some(Root::open(std::path::Path::new("/")).map_err(number)?);
        Ok(())
    }

    /// The place is looked up here: one from before belongs to another namespace's mounts.
    fn place_root(&mut self, source: &Source, path: &CStr) -> Outcome {
        use nix::fcntl::{OFlag, open};
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let at = open(path, flags, nix::sys::stat::Mode::empty()).map_err(|errno| errno as i32)?;
        let fd = self.source(source)?.try_clone_to_owned().map_err(number)?;
        mount::attach(fd.as_fd(), at.as_fd()).map_err(number)?;
        self.root = Some(Root::from_fd(fd));
        Ok(())
    }

    fn enter_placed_root(&mut self, way: Way) -> Outcome {
        let root = self.root()?;
        match way {
            Way::Pivot => mount::enter_root(root),
            Way::Move => mount::attach_to_root(root).and_then(|()| mount::enter_root_without_pivot(root)),
            Way::Chroot => mount::enter_root_without_pivot(root),
        }
        .map_err(number)
    }

    fn target(&self, target: &Target) -> Result<OwnedFd, i32> {
        let root = self.root()?;
        let resolve = if target.real { Resolve::NoSymlinks } else { Resolve::InRoot };
        let flags = libc::O_PATH | if target.real { libc::O_NOFOLLOW } else { 0 };
        let found = path::openat2(root, &target.path, flags, 0, resolve);
        match found {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
            found => return found.map_err(number),
        }
        let name = std::path::Path::new(std::ffi::OsStr::from_bytes(target.path.to_bytes()));
        let root = self.root.as_ref().ok_or(libc::EBADF)?;
        if target.real {
            // One name directly in the root, which was just found missing.
            let name = std::ffi::CString::new(target.path.to_bytes().strip_prefix(b"/").unwrap_or_default());
            path::mkdirat(root.as_fd(), &name.map_err(|_| libc::EINVAL)?, 0o755).map_err(number)?;
            return path::openat2(root.as_fd(), &target.path, flags, 0, resolve).map_err(number);
        }
        if let Some(made) = in_place(root, name, target.make) {
            return Ok(made);
        }
        match target.make {
            Make::Directory => root.mkdir_all(name, 0o755).map(Root::into_fd).map_err(number),
            Make::File => {
                let parent = name.parent().unwrap_or(std::path::Path::new("/"));
                let directory = root.mkdir_all(parent, 0o755).map_err(number)?;
                let file = name.file_name().ok_or(libc::EISDIR)?;
                match directory.create_exclusive(file, 0o644) {
                    // A link to nothing: what it names is made, within the root, as for a directory.
                    Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                        let link = directory.readlink(file).map_err(number)?;
                        let link = parent.join(link);
                        let (parent, name) = root
                            .mkdir_all(link.parent().unwrap_or(std::path::Path::new("/")), 0o755)
                            .map(|parent| (parent, link.file_name().unwrap_or_default()))
                            .map_err(number)?;
                        parent.create_exclusive(name, 0o644).map_err(number)?;
                    }
                    result => drop(result.map_err(number)?),
                }
                path::openat2(root.as_fd(), &target.path, libc::O_PATH, 0, resolve).map_err(number)
            }
        }
    }

    fn attach(&mut self, source: &Source, target: &Target) -> Outcome {
        let at = self.target(target)?;
        mount::attach(self.source(source)?, at.as_fd()).map_err(number)
    }

    fn copy_up(&mut self, slot: usize, target: &Target) -> Outcome {
        let from = Root::from_fd(self.target(target)?);
        let to = Root::from_fd(self.slot(slot)?.try_clone_to_owned().map_err(number)?);
        super::copy_up::copy(&from, &to).map_err(number)
    }

    fn node(&mut self, node: &Node) -> Outcome {
        let made;
        let dir = match node.slot {
            Some(slot) => self.slot(slot)?,
            None => {
                let parent = std::path::Path::new(std::ffi::OsStr::from_bytes(node.parent.to_bytes()));
                let root = self.root.as_ref().ok_or(libc::EBADF)?;
                made = root.mkdir_all(parent, 0o755).map_err(number)?;
                made.as_fd()
            }
        };
        match path::mknodat(dir, &node.name, node.mode, node.device) {
            // Whatever a later mount or the image has put there is left as it is.
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => return Ok(()),
            result => result.map_err(number)?,
        }
        if (node.uid, node.gid) != (0, 0) {
            let flags = libc::O_PATH | libc::O_NOFOLLOW;
            let fd = path::openat2(dir, &node.name, flags, 0, Resolve::NoSymlinks).map_err(number)?;
            path::chown_fd(fd.as_fd(), Some(node.uid), Some(node.gid)).map_err(number)?;
        }
        Ok(())
    }

    /// Hides a file behind the null device or a directory behind an empty one. What is not there needs no hiding.
    fn mask(&mut self, path: &CStr) -> Outcome {
        let at = match path::openat2(self.root()?, path, libc::O_PATH, 0, Resolve::InRoot) {
            Ok(at) => at,
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => return Ok(()),
            Err(error) => return Err(number(error)),
        };
        let kind = path::stat_at(at.as_fd(), c"").map_err(number)?.st_mode & libc::S_IFMT;
        let mask = if kind == libc::S_IFDIR { &mut self.empty } else { &mut self.null };
        match mask {
            Mask::Missing if kind == libc::S_IFDIR => {
                let context = Context::open(c"tmpfs").map_err(number)?;
                context.string(c"size", c"0").and_then(|()| context.string(c"nr_inodes", c"1")).map_err(number)?;
                let attributes = libc::MOUNT_ATTR_RDONLY
                    | libc::MOUNT_ATTR_NOSUID
                    | libc::MOUNT_ATTR_NODEV
                    | libc::MOUNT_ATTR_NOEXEC;
                let fd = context.mount(attributes).map_err(number)?;
                mount::attach(fd.as_fd(), at.as_fd()).map_err(number)?;
                *mask = Mask::InPlace(fd);
            }
            Mask::Missing => return Err(libc::EBADF),
            Mask::Fresh(fd) => {
                mount::attach(fd.as_fd(), at.as_fd()).map_err(number)?;
                let fd = std::mem::replace(mask, Mask::Missing);
                if let Mask::Fresh(fd) = fd {
                    *mask = Mask::InPlace(fd);
                }
            }
            Mask::InPlace(fd) => {
                let copy = mount::clone_tree(fd.as_fd(), c"", false).map_err(number)?;
                mount::attach(copy.as_fd(), at.as_fd()).map_err(number)?;
            }
        }
        Ok(())
    }

    fn read_only_path(&mut self, path: &CStr) -> Outcome {
        let at = match path::openat2(self.root()?, path, libc::O_PATH, 0, Resolve::InRoot) {
            Ok(at) => at,
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => return Ok(()),
            Err(error) => return Err(number(error)),
        };
        let copy = mount::clone_tree(at.as_fd(), c"", true).map_err(number)?;
        let attributes = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
        mount::set_attributes(copy.as_fd(), attributes, true).map_err(number)?;
        mount::attach(copy.as_fd(), at.as_fd()).map_err(number)
    }

    /// Writes beneath a procfs that is ours alone: no link, no other mount, no other file system on the way.
    fn write_proc(&mut self, slot: usize, path: &CStr, text: &[u8]) -> Outcome {
        let proc = self.slot(slot)?;
        let fd = path::openat2(proc, path, libc::O_WRONLY, 0, Resolve::NoCrossing).map_err(number)?;
        process::write_once(fd.as_fd(), text).map_err(number)
    }

    fn terminal(&mut self, terminal: &Terminal, inside: &Inside) -> Outcome {
        let found;
        let pts = match terminal.slot {
            Some(slot) => self.slot(slot)?,
            None => {
                let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;
                found = path::openat2(self.root()?, c"dev/pts", flags, 0, Resolve::NoSymlinks).map_err(number)?;
                found.as_fd()
            }
        };
        if path::file_system(pts).map_err(number)? != DEVPTS {
            return Err(libc::ENODEV);
        }
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NOFOLLOW;
        let master = path::openat2(pts, c"ptmx", flags, 0, Resolve::NoCrossing).map_err(number)?;
        let Pty { master, slave } = Pty::from_master(master).map_err(number)?;
        let size = Size { rows: terminal.rows, columns: terminal.columns };
        pty::set_size(&slave, size).map_err(number)?;
        path::chown_fd(slave.as_fd(), Some(terminal.uid), None).map_err(number)?;
        if let Some(dev) = terminal.console {
            let dev = self.slot(dev)?;
            path::mknodat(dev, c"console", libc::S_IFREG | 0o600, 0).map_err(number)?;
            let flags = libc::O_PATH | libc::O_NOFOLLOW;
            let at = path::openat2(dev, c"console", flags, 0, Resolve::NoCrossing).map_err(number)?;
            let console = mount::clone_tree(slave.as_fd(), c"", false).map_err(number)?;
            mount::attach(console.as_fd(), at.as_fd()).map_err(number)?;
        }
        process::take_terminal(slave.as_fd()).map_err(number)?;
        for number_of_stream in 0..3 {
            process::duplicate_to(slave.as_fd(), number_of_stream).map_err(number)?;
        }
        inside.send_terminal(master.as_fd());
        Ok(())
    }

    fn working_directory(&mut self, path: &CStr, make: bool) -> Outcome {
        if make {
            let target = Target { path: path.to_owned(), make: Make::Directory, real: false };
            let _ = self.target(&target);
        }
        match self.enter_directory(path) {
            // A directory that only the user may enter (NFS, FUSE): once more as that user.
            Err(libc::EACCES) => {
                self.directory_refused = true;
                Ok(())
            }
            result => result,
        }
    }

    /// No magic link on the way, and the kernel must agree that we are within the root.
    fn enter_directory(&self, path: &CStr) -> Outcome {
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        let dir = path::openat2(self.root()?, path, flags, 0, Resolve::InRoot).map_err(number)?;
        process::change_directory(dir.as_fd()).map_err(number)?;
        if process::directory_is_inside().map_err(number)? { Ok(()) } else { Err(libc::ELOOP) }
    }

    /// After an execve that failed with "no such file": whether the file itself is there (then its interpreter isn't).
    fn found(&self, step: &Step) -> bool {
        let Step::Exec(exec) = step else { return false };
        let present = |path: &std::ffi::CString| nix::unistd::access(path.as_c_str(), nix::unistd::AccessFlags::F_OK);
        exec.candidates.iter().any(|path| present(path).is_ok())
    }
}

/// The usual case of a missing place: its parent is there, and no link lies in the way.
fn in_place(root: &Root, path: &std::path::Path, make: Make) -> Option<OwnedFd> {
    let (parent, name) = root.parent(path).ok()?;
    match make {
        Make::Directory => path::mkdirat(parent.as_fd(), &name, 0o755).ok()?,
        Make::File => path::mknodat(parent.as_fd(), &name, libc::S_IFREG | 0o644, 0).ok()?,
    }
    path::openat2(parent.as_fd(), &name, libc::O_PATH | libc::O_NOFOLLOW, 0, Resolve::NoSymlinks).ok()
}

/// `DEVPTS_SUPER_MAGIC`
const DEVPTS: i64 = 0x1cd1;

/// `self` is found by who reads it, in the numbers of that procfs, so that it is right in any pid namespace.
fn label(proc: BorrowedFd<'_>, path: &CStr, text: &[u8]) -> std::io::Result<()> {
    let fd = path::openat2(proc, path, libc::O_WRONLY, 0, Resolve::InRoot)?;
    process::write_once(fd.as_fd(), text)
}

/// The process that joined namespaces can't itself be in the joined pid namespace: its child is, which becomes our
/// parent's child instead of ours.
fn fork(inside: &Inside, cgroup: Option<BorrowedFd<'_>>, kinds: i32) -> Outcome {
    let flags = libc::CLONE_PARENT as u64 | kinds as u64;
    match process::clone_again(process::Clone { flags, cgroup }).map_err(number)? {
        process::Side::Child => Ok(()),
        process::Side::Parent(process) => {
            inside.send_process(process.pid, process.pidfd.as_fd());
            process::leave(0)
        }
    }
}

fn identity(wanted: &Identity) -> io::Result<()> {
    capability::limit_bounding(wanted.bounding)?;
    capability::keep_over_user_change(true)?;
    process::set_ids(wanted.uid, wanted.gid, wanted.groups.as_deref())?;
    capability::set(wanted.effective, wanted.permitted, wanted.inheritable)?;
    capability::clear_ambient()?;
    capability::raise_ambient(wanted.ambient)
}

/// Whether one of the candidates is a file that may be executed, as far as root can say before it is tried.
fn find(candidates: &[CString]) -> Outcome {
    use nix::sys::stat::stat;
    let mut answer = libc::ENOENT;
    for path in candidates {
        match stat(path.as_c_str()) {
            Ok(stat) if stat.st_mode & libc::S_IFMT == libc::S_IFREG && stat.st_mode & 0o111 != 0 => return Ok(()),
            Ok(_) => answer = libc::EACCES,
            Err(_) => {}
        }
    }
    Err(answer)
}

/// Tries the candidates as a shell would; the error that says most.
fn run(exec: &Exec) -> i32 {
    let mut refused = false;
    if let Some(program) = &exec.program {
        return number(process::execute_fd(program.as_fd(), &exec.arguments, &exec.environment));
    }
    for path in &exec.candidates {
        match number(process::execute(path, &exec.arguments, &exec.environment)) {
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES => refused = true,
            errno => return errno,
        }
    }
    if refused { libc::EACCES } else { libc::ENOENT }
}
