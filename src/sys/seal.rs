//! Running from a copy of our own program that nobody can write to.

use super::mount::read_only_executable;
use super::process::{Strings, execute_fd};
use super::spawn::c_string;
use nix::fcntl::{FcntlArg, fcntl};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};

/// Beyond all descriptors that somebody may pass to a container.
const FAR: i32 = 900;

/// Executes our own program anew with these words from a read-only copy of its mount, or a sealed copy of itself where
/// mounts can't be copied. Returns when it runs from one already.
pub fn run_sealed(arguments: &[OsString], environment: &[OsString]) -> io::Result<()> {
    if is_sealed()? {
        return Ok(());
    }
    let program = match read_only_executable() {
        Ok(program) => program,
        Err(_) => super::fd::sealed_memfd(c"barge", &std::fs::read("/proc/self/exe")?)?,
    };
    let strings = |words: &[OsString]| words.iter().map(c_string).collect::<io::Result<Vec<_>>>().map(Strings::new);
    let (arguments, environment) = (strings(arguments)?, strings(environment)?);
    // It stays open: closing it takes the mount apart, for which the kernel waits.
    let kept: OwnedFd = super::fd::take_inherited(fcntl(&program, FcntlArg::F_DUPFD_CLOEXEC(FAR))?)?;
    super::fd::set_close_on_exec(&kept, false)?;
    let error = execute_fd(kept.as_fd(), &arguments, &environment);
    let _ = kept.into_raw_fd();
    Err(error)
}

/// Whether our program's file is on a read-only mount, or in a sealed memory file.
fn is_sealed() -> io::Result<bool> {
    use nix::sys::statvfs::{FsFlags, statvfs};
    let memory = std::fs::read_link("/proc/self/exe")?;
    Ok(memory.to_string_lossy().starts_with("/memfd:")
        || statvfs("/proc/self/exe")?.flags().contains(FsFlags::ST_RDONLY))
}
