//! Starting ourselves anew in a hidden role, with a sealed configuration and named descriptors.
//!
//! `posix_spawn(3)` shares the caller's memory until execve (`CLONE_VM|CLONE_VFORK`), so its cost doesn't grow with
//! the caller, and threads of the caller do no harm. The new process has a clean environment, all signals at their
//! defaults and none blocked, and no descriptor but its standard three and the named ones, from 3 on in the order
//! that its arguments name them: `barge @monitor TITLE config attach …`.

use super::fd;
use super::standby::{self, Standby};
use nix::fcntl::{FcntlArg, fcntl};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The first descriptor after standard input, output and error.
const FIRST: i32 = 3;

/// The name of the descriptor that a sealed role runs from.
const PROGRAM: &str = "program";

/// A role to start. `Role::new("@monitor", "web")`, then what it gets, then [`Role::spawn`].
pub struct Role<'a> {
    name: &'a str,
    title: &'a str,
    descriptors: Vec<(&'a str, Source<'a>)>,
    standard: [Option<BorrowedFd<'a>>; 3],
    environment: Vec<CString>,
    new_session: bool,
    sealed: bool,
}

enum Source<'a> {
    Borrowed(BorrowedFd<'a>),
    Owned(OwnedFd),
}

impl AsFd for Source<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Source::Borrowed(fd) => *fd,
            Source::Owned(fd) => fd.as_fd(),
        }
    }
}

impl<'a> Role<'a> {
    /// A role in a session of its own, with nothing but `/dev/null`. `title` is only for people who read `ps`.
    pub fn new(name: &'a str, title: &'a str) -> Self {
        Role {
            name,
            title,
            descriptors: Vec::new(),
            standard: [None; 3],
            environment: Vec::new(),
            new_session: true,
            sealed: false,
        }
    }

    /// Hands it `bytes` as the sealed descriptor `config`: see [`Inherited::config`].
    pub fn config(mut self, bytes: &[u8]) -> io::Result<Self> {
        self.descriptors.push(("config", Source::Owned(fd::sealed_memfd(c"barge", bytes)?)));
        Ok(self)
    }

    /// Hands it a descriptor: see [`Inherited::descriptor`].
    pub fn descriptor(mut self, name: &'a str, fd: BorrowedFd<'a>) -> Self {
        self.descriptors.push((name, Source::Borrowed(fd)));
        self
    }

    /// Hands it a descriptor and closes ours afterwards.
    pub fn owned_descriptor(mut self, name: &'a str, fd: OwnedFd) -> Self {
        self.descriptors.push((name, Source::Owned(fd)));
        self
    }

    /// Its standard input, output and error; `None` is `/dev/null`.
    pub fn standard(mut self, fds: [Option<BorrowedFd<'a>>; 3]) -> Self {
        self.standard = fds;
        self
    }

    /// One `NAME=value` for its otherwise empty environment.
    pub fn environment(mut self, variable: CString) -> Self {
        self.environment.push(variable);
        self
    }

    /// Stay in the caller's session and process group (so that the terminal's signals reach it).
    pub fn same_session(mut self) -> Self {
        self.new_session = false;
        self
    }

    /// It runs from a read-only copy of our program's mount: what it clones can be seen by a container until execve,
    /// and a container that finds our program so can't write to it.
    pub fn sealed(mut self) -> Self {
        self.sealed = true;
        self
    }

    /// Makes `standby` become it, or starts it when there is none that can.
    pub fn spawn_by(self, standby: Option<Standby>) -> io::Result<Child> {
        match standby {
            Some(standby) if self.suits_standby() && standby.is_ready() && self.hand_over(&standby).is_ok() => {
                log::debug!("process {} became {} {}", standby.pid, self.name, self.title);
                Ok(Child { pid: standby.pid })
            }
            _ => self.spawn(),
        }
    }

    /// A standby is sealed, in a session of its own and without an environment, and one message must be enough.
    fn suits_standby(&self) -> bool {
        let given = self.standard.iter().flatten().count();
        self.sealed
            && self.new_session
            && self.environment.is_empty()
            && (given == 0 || given == self.standard.len())
            && self.descriptors.len() + given <= standby::MOST_DESCRIPTORS
    }

    fn hand_over(&self, standby: &Standby) -> io::Result<()> {
        let standard = self.standard.iter().flatten();
        let fds: Vec<BorrowedFd<'_>> =
            self.descriptors.iter().map(|(_, fd)| fd.as_fd()).chain(standard.copied()).collect();
        let first = if fds.len() > self.descriptors.len() { standby::WITH_STANDARD } else { standby::WITHOUT_STANDARD };
        let mut message = vec![first];
        for word in self.arguments()? {
            message.extend(word.as_bytes_with_nul());
        }
        if message.len() > standby::LONGEST {
            return Err(io::Error::from_raw_os_error(libc::E2BIG));
        }
        fd::send_with_fds(&standby.socket, &message, &fds).map(drop)
    }

    /// Starts it.
    pub fn spawn(mut self) -> io::Result<Child> {
        let mut path = c_string("/proc/self/exe")?;
        if self.sealed && crate::trip::guard("spawn.sealed") {
            // Refused where we may not copy mounts; then nobody there can write to the program by its mount either.
            if let Ok(program) = super::mount::read_only_executable() {
                path = c_string(format!("/proc/self/fd/{}", FIRST + self.descriptors.len() as i32))?;
                self.descriptors.push((PROGRAM, Source::Owned(program)));
            }
        }
        let argv = self.arguments()?;
        let mut actions = Actions::new()?;
        let mut moved = Vec::new();
        let last = FIRST + self.descriptors.len() as i32;
        for (number, fd) in (0..).zip(&self.standard) {
            match fd {
                // A descriptor in the range that is filled below would be overwritten: copy it out of the way first.
                Some(fd) => actions.duplicate(out_of_the_way(*fd, last, &mut moved)?, number)?,
                None => actions.open(number, c"/dev/null", libc::O_RDWR)?,
            }
        }
        for (number, (_, fd)) in (FIRST..).zip(&self.descriptors) {
            actions.duplicate(out_of_the_way(fd.as_fd(), last, &mut moved)?, number)?;
        }
        actions.close_from(last)?;
        let mut attributes = Attributes::new()?;
        attributes.default_signals(self.new_session)?;
        let argv = pointers(&argv);
        #[cfg(debug_assertions)]
        self.environment.extend(crate::trip::handed_on());
        let envp = pointers(&self.environment);
        let mut pid = 0;
        // SAFETY: all pointers are to NUL-terminated arrays and initialised objects that outlive the call.
        let error = unsafe {
            libc::posix_spawn(
                &mut pid,
                path.as_ptr(),
                &actions.0,
                &attributes.0,
                argv.as_ptr().cast(),
                envp.as_ptr().cast(),
            )
        };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        log::debug!("started {} {} as process {pid}", self.name, self.title);
        Ok(Child { pid })
    }

    fn arguments(&self) -> io::Result<Vec<CString>> {
        let mut words = vec!["barge", self.name, if self.title.is_empty() { "-" } else { self.title }];
        words.extend(self.descriptors.iter().map(|(name, _)| *name));
        words.into_iter().map(|word| CString::new(word).map_err(io::Error::other)).collect()
    }
}

/// `fd` itself when its number is 0..=2 or beyond `last`, else a copy beyond it, kept alive in `moved`. The standard
/// ones must move too, because each is replaced before the named ones are copied.
fn out_of_the_way(fd: BorrowedFd<'_>, last: i32, moved: &mut Vec<OwnedFd>) -> io::Result<i32> {
    if fd.as_raw_fd() >= last {
        return Ok(fd.as_raw_fd());
    }
    let copy = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(last))?;
    moved.push(fd::take_inherited(copy)?);
    Ok(copy)
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// A started role: our child, until waited for.
#[derive(Debug)]
pub struct Child {
    pid: i32,
}

impl Child {
    /// Its process id. Valid until [`Child::wait`]: the kernel keeps it for us.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// A descriptor of the process: readable when it has ended.
    pub fn pidfd(&self) -> io::Result<OwnedFd> {
        // SAFETY: pidfd_open takes two integers and touches no memory.
        let number = unsafe { libc::syscall(libc::SYS_pidfd_open, self.pid, 0) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        fd::take_inherited(number as i32)
    }

    /// Waits until it has ended; its exit code, 128+n when signal n ended it.
    pub fn wait(self) -> io::Result<u8> {
        use nix::sys::wait::{WaitStatus, waitpid};
        loop {
            match waitpid(nix::unistd::Pid::from_raw(self.pid), None) {
                Ok(WaitStatus::Exited(_, code)) => return Ok(code as u8),
                Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as i32 as u8),
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What a role got from who started it.
#[derive(Debug, Default)]
pub struct Inherited {
    title: String,
    descriptors: Vec<(OsString, OwnedFd)>,
}

impl Inherited {
    /// Takes the descriptors that `arguments` (those after the role's name: title, names) promise. Call it once, first.
    pub fn take(arguments: impl IntoIterator<Item = OsString>) -> io::Result<Inherited> {
        let mut arguments = arguments.into_iter();
        let title = arguments.next().map(|word| String::from_utf8_lossy(&word.into_vec()).into_owned());
        let mut inherited = Inherited { title: title.unwrap_or_default(), descriptors: Vec::new() };
        for (number, name) in (FIRST..).zip(arguments) {
            let fd = fd::take_inherited(number)
                .map_err(|error| io::Error::new(error.kind(), format!("descriptor {number}: {error}")))?;
            if name == PROGRAM {
                // It lives as long as we do: closing it would take the mount apart, for which the kernel waits.
                let _ = fd.into_raw_fd();
                let _ = nix::sys::prctl::set_name(c"barge");
                continue;
            }
            inherited.descriptors.push((name, fd));
        }
        Ok(inherited)
    }

    /// What a process got that became a role.
    pub(super) fn given<'a>(title: &str, descriptors: impl Iterator<Item = (&'a str, OwnedFd)>) -> Inherited {
        Inherited { title: title.into(), descriptors: descriptors.map(|(name, fd)| (name.into(), fd)).collect() }
    }

    /// The title it was started with.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The bytes given to [`Role::config`].
    pub fn config(&mut self) -> io::Result<Vec<u8>> {
        fd::read_sealed(self.descriptor("config")?)
    }

    /// The descriptor with this name.
    pub fn descriptor(&mut self, name: &str) -> io::Result<OwnedFd> {
        self.optional(name).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no descriptor `{name}`")))
    }

    /// The descriptor with this name, if there is one. The first of several.
    pub fn optional(&mut self, name: &str) -> Option<OwnedFd> {
        let index = self.descriptors.iter().position(|(word, _)| word == OsStr::new(name))?;
        Some(self.descriptors.remove(index).1)
    }
}

struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new() -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: the call initialises what it is given.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        // SAFETY: it has just been initialised.
        Ok(Actions(unsafe { actions.assume_init() }))
    }

    /// glibc clears close-on-exec on the copy, also when both numbers are the same.
    fn duplicate(&mut self, from: i32, to: i32) -> io::Result<()> {
        // SAFETY: the object is initialised.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&mut self.0, from, to) })
    }

    fn open(&mut self, number: i32, path: &CStr, flags: i32) -> io::Result<()> {
        // SAFETY: the object is initialised; glibc copies the path.
        check(unsafe { libc::posix_spawn_file_actions_addopen(&mut self.0, number, path.as_ptr(), flags, 0) })
    }

    fn close_from(&mut self, first: i32) -> io::Result<()> {
        // SAFETY: the object is initialised.
        check(unsafe { libc::posix_spawn_file_actions_addclosefrom_np(&mut self.0, first) })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialised, and not used afterwards.
        unsafe { libc::posix_spawn_file_actions_destroy(&mut self.0) };
    }
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new() -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the call initialises what it is given.
        check(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        // SAFETY: it has just been initialised.
        Ok(Attributes(unsafe { attributes.assume_init() }))
    }

    fn default_signals(&mut self, new_session: bool) -> io::Result<()> {
        let mut flags = libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETSIGMASK;
        if new_session {
            flags |= libc::POSIX_SPAWN_SETSID as libc::c_int;
        }
        let mut all = MaybeUninit::uninit();
        let mut none = MaybeUninit::uninit();
        // SAFETY: the sets are initialised by sigfillset and sigemptyset, the attributes by `new`.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::sigemptyset(none.as_mut_ptr());
            check(libc::posix_spawnattr_setsigdefault(&mut self.0, all.as_ptr()))?;
            check(libc::posix_spawnattr_setsigmask(&mut self.0, none.as_ptr()))?;
            check(libc::posix_spawnattr_setflags(&mut self.0, flags as libc::c_short))
        }
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised, and not used afterwards.
        unsafe { libc::posix_spawnattr_destroy(&mut self.0) };
    }
}

fn check(error: i32) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

/// The bytes of a path or word as a C string.
pub fn c_string(text: impl AsRef<OsStr>) -> io::Result<CString> {
    CString::new(text.as_ref().as_bytes()).map_err(io::Error::other)
}
