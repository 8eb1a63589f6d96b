//! A copy of this young process that waits to become a role.
//!
//! A new program costs a millisecond before its first line: execve, page faults, and a C library that asks the
//! processor about itself, each question of which a virtual machine answers by leaving it. A copy of a process that has
//! just begun costs a tenth of that, and gets ready while the command still reads its arguments. Handed a role by
//! [`super::spawn::Role::spawn_by`], it is what an executed one would be: a session of its own, default signals, none of
//! our descriptors, words or environment, and it runs from a read-only copy of our program's mount.

use super::spawn::Inherited;
use super::{fd, mount, process};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The command's side: dropped, the copy leaves.
#[derive(Debug)]
pub struct Standby {
    pub(super) socket: OwnedFd,
    pub(super) pid: i32,
}

/// The copy's side.
#[derive(Debug)]
pub struct Waiting {
    socket: OwnedFd,
    memory: MemoryMap,
}

/// What the copy says when it is ready.
const READY: u8 = b'r';

/// The first byte of what it is told: whether its standard streams come with the descriptors, as the last three.
pub(super) const WITH_STANDARD: u8 = b's';
/// The other first byte.
pub(super) const WITHOUT_STANDARD: u8 = b'-';

/// A message has no more bytes, and the kernel passes no more descriptors.
pub(super) const LONGEST: usize = 32 * 1024;
pub(super) const MOST_DESCRIPTORS: usize = 250;

impl Standby {
    /// Copies this process, which must have one thread and own no descriptor yet. In the copy `prepare` and then `body`
    /// run, and the process ends with its code.
    pub fn start<T>(
        prepare: impl FnOnce() -> io::Result<T>,
        body: impl FnOnce(Waiting, T) -> u8,
    ) -> io::Result<Standby> {
        let (ours, theirs) = fd::seqpacket_pair()?;
        match process::clone(process::Clone::default())? {
            process::Side::Parent(child) => Ok(Standby { socket: ours, pid: child.pid }),
            process::Side::Child => {
                drop(ours);
                let ready = settle(theirs).and_then(|waiting| {
                    let prepared = prepare()?;
                    nix::unistd::write(&waiting.socket, &[READY])?;
                    Ok((waiting, prepared))
                });
                let code = match ready {
                    Ok((waiting, prepared)) => body(waiting, prepared),
                    Err(_) => 1, // the socket closes: a new program it is
                };
                std::process::exit(i32::from(code))
            }
        }
    }

    /// Whether the copy became what it must be; waits until it knows.
    pub(super) fn is_ready(&self) -> bool {
        let mut answer = [0];
        loop {
            match nix::sys::socket::recv(self.socket.as_raw_fd(), &mut answer, nix::sys::socket::MsgFlags::empty()) {
                Err(nix::Error::EINTR) => {}
                result => return result == Ok(1) && answer == [READY],
            }
        }
    }
}

impl Waiting {
    /// The role's descriptors; `None`: the command has no use for us.
    pub fn wait(mut self) -> Option<Inherited> {
        let mut buffer = vec![0; LONGEST];
        let (count, mut fds) = loop {
            match fd::receive_with_many_fds(&self.socket, &mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                answer => break answer.ok()?,
            }
        };
        let (first, words) = buffer.get(..count)?.split_first()?;
        if *first == WITH_STANDARD {
            let standard = fds.split_off(fds.len().checked_sub(3)?);
            for (number, fd) in (0..).zip(&standard) {
                process::duplicate_to(fd.as_fd(), number).ok()?;
            }
        }
        self.memory.set_words(words);
        let mut words = std::str::from_utf8(words).ok()?.split_terminator('\0').skip(2);
        let title = words.next()?;
        let names: Vec<&str> = words.collect();
        (names.len() == fds.len()).then(|| Inherited::given(title, names.into_iter().zip(fds)))
    }
}

/// Nothing of the command's is left to the copy.
fn settle(socket: OwnedFd) -> io::Result<Waiting> {
    const FIRST: i32 = 3;
    process::new_session()?;
    process::reset_signals();
    super::signal::ignore(&[nix::sys::signal::Signal::SIGPIPE])?;
    process::duplicate_to(socket.as_fd(), FIRST)?;
    if socket.as_raw_fd() == FIRST {
        let _ = std::os::fd::IntoRawFd::into_raw_fd(socket);
    } else {
        drop(socket);
    }
    fd::close_from(FIRST as u32 + 1)?;
    let socket = fd::take_inherited(FIRST)?;
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    for number in 0..FIRST {
        process::duplicate_to(null.as_fd(), number)?;
    }
    drop(null);
    let mut memory = MemoryMap::read()?;
    memory.forget_words();
    nix::sys::prctl::set_name(c"barge")?;
    let program = mount::read_only_executable()?;
    // By its name among our descriptors, since what open_tree gives can't be read from.
    let file = open(
        format!("/proc/self/fd/{}", program.as_raw_fd()).as_str(),
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    run_from(file.as_fd(), &mut memory)?;
    // It lives as long as we do: closing it would take the mount apart, for which the kernel waits.
    let _ = std::os::fd::IntoRawFd::into_raw_fd(program);
    Ok(Waiting { socket, memory })
}

/// Lets this process run from `program`, which must be the very file that it runs from, on another mount: the mappings
/// of its code and constants are made anew from there, its data become memory without a file.
fn run_from(program: BorrowedFd<'_>, memory: &mut MemoryMap) -> io::Result<()> {
    let exe = nix::sys::stat::stat("/proc/self/exe")?;
    let copy = nix::sys::stat::fstat(program)?;
    if (exe.st_dev, exe.st_ino) != (copy.st_dev, copy.st_ino) {
        return Err(io::Error::other("another program"));
    }
    let headers = program_headers().ok_or_else(|| io::Error::other("no program headers"))?;
    let bias = headers
        .iter()
        .find(|header| header.p_type == libc::PT_PHDR)
        .map_or(0, |header| headers.as_ptr().addr() - header.p_vaddr as usize);
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD && header.p_filesz > 0) {
        let place = bias + header.p_vaddr as usize;
        let start = place & !PAGE;
        let length = ((place + header.p_filesz as usize + PAGE) & !PAGE) - start;
        if header.p_flags & libc::PF_W != 0 {
            detach(start, length)?;
        } else {
            let protection = libc::PROT_READ | if header.p_flags & libc::PF_X != 0 { libc::PROT_EXEC } else { 0 };
            let offset = header.p_offset as i64 & !(PAGE as i64);
            map(start, length, protection, program, offset)?;
        }
    }
    for header in headers.iter().filter(|header| header.p_type == libc::PT_GNU_RELRO) {
        let start = (bias + header.p_vaddr as usize) & !PAGE;
        let end = (bias + header.p_vaddr as usize + header.p_memsz as usize) & !PAGE;
        // SAFETY: the loader made it unwritable, so nobody writes to it.
        super::path::check(unsafe { libc::mprotect(start as *mut _, end - start, libc::PROT_READ) })?;
    }
    memory.executable = program.as_raw_fd() as u32;
    memory.set()
}

/// The bits of an address within its page.
const PAGE: usize = 4095;

fn program_headers() -> Option<&'static [libc::Elf64_Phdr]> {
    // SAFETY: getauxval takes an integer and touches no memory of ours.
    let (address, count) = unsafe { (libc::getauxval(libc::AT_PHDR), libc::getauxval(libc::AT_PHNUM)) };
    // SAFETY: the kernel says that so many headers of the program lie there, in a mapping that stays for ever.
    (address != 0).then(|| unsafe { std::slice::from_raw_parts(address as *const libc::Elf64_Phdr, count as usize) })
}

/// Replaces an unwritable part of this program by the same part of the same file.
fn map(start: usize, length: usize, protection: i32, file: BorrowedFd<'_>, offset: i64) -> io::Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
    // SAFETY: the range is a segment of our program that nobody could ever write to, and gets the same bytes with the
    // same protection; the kernel does so at once, and there is no other thread.
    let place = unsafe { libc::mmap(start as *mut _, length, protection, flags, file.as_raw_fd(), offset) };
    if place == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Replaces a writable part of this program by memory without a file that holds the same.
fn detach(start: usize, length: usize) -> io::Result<()> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the kernel finds a free range.
    let copy =
        unsafe { libc::mmap(std::ptr::null_mut(), length, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
    if copy == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both ranges have the length, the source is mapped and readable. Nothing is written to it between the copy
    // and the move: there is no other thread, and neither call has state in it (errno is in the thread's own memory).
    let moved = unsafe {
        std::ptr::copy_nonoverlapping(start as *const u8, copy.cast::<u8>(), length);
        libc::mremap(copy, length, length, libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED, start as *mut libc::c_void)
    };
    if moved == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What the kernel remembers of a process's memory: `struct prctl_mm_map`, which root of any user namespace may set.
#[derive(Debug)]
#[repr(C)]
struct MemoryMap {
    code: [u64; 2],
    data: [u64; 2],
    heap: [u64; 2],
    stack: u64,
    words: [u64; 2],
    environment: [u64; 2],
    auxiliary: u64,
    auxiliary_size: u32,
    executable: u32,
}

/// Leaves the executable as it is.
const NO_EXECUTABLE: u32 = u32::MAX;

impl MemoryMap {
    /// This process's, as `/proc/self/stat` tells it.
    fn read() -> io::Result<MemoryMap> {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        // The fields after the name, which stands in parentheses and may hold anything, are numbered from 3 on.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace().collect();
        let field = |number: usize| -> io::Result<u64> {
            let field = fields.get(number - 3).and_then(|field| field.parse().ok());
            field.ok_or_else(|| io::Error::other("a short /proc/self/stat"))
        };
        Ok(MemoryMap {
            code: [field(26)?, field(27)?],
            data: [field(45)?, field(46)?],
            heap: [field(47)?, 0],
            stack: field(28)?,
            words: [field(48)?, field(49)?],
            environment: [field(50)?, field(51)?],
            auxiliary: 0,
            auxiliary_size: 0,
            executable: NO_EXECUTABLE,
        })
    }

    /// Overwrites the words and the environment that the command was started with, and forgets where they were.
    fn forget_words(&mut self) {
        for range in [&mut self.words, &mut self.environment] {
            if let [start, end] = *range
                && start != 0
                && start < end
            {
                // SAFETY: the kernel put these strings there for us, on the writable stack above all frames; roles
                // read neither.
                unsafe { std::ptr::write_bytes(start as *mut u8, 0, (end - start) as usize) };
            }
            range[1] = range[0];
        }
    }

    /// What others see as our command line: that of the role, started as a program. For people who read `ps`.
    fn set_words(&mut self, words: &[u8]) {
        let words: &'static mut [u8] = words.to_vec().leak();
        let range = words.as_ptr_range();
        self.words = [range.start.addr() as u64, range.end.addr() as u64];
        self.executable = NO_EXECUTABLE;
        let _ = self.set();
    }

    fn set(&mut self) -> io::Result<()> {
        // SAFETY: without an address to go to, brk only says where the heap ends.
        self.heap[1] = unsafe { libc::syscall(libc::SYS_brk, 0) } as u64;
        let size = size_of::<MemoryMap>();
        // SAFETY: the kernel reads a structure of this size, and changes what it remembers of us, not our memory.
        super::path::check(unsafe { libc::prctl(libc::PR_SET_MM, libc::PR_SET_MM_MAP, &raw const *self, size, 0) })
    }
}
