//! The words for what a child said in numbers.

use super::step::Step;
use crate::fault::{Fault, Kind};
use nix::errno::Errno;

/// The kernel's error, as a person would say it.
pub fn because(errno: i32) -> &'static str {
    Errno::from_raw(errno).desc()
}

/// What went wrong at this step. `found`: the program's file exists.
pub fn explain(steps: &[Step], step: usize, errno: i32, found: bool) -> Fault {
    match steps.get(step) {
        Some(Step::Exec(exec)) => command(&exec.name, errno, found),
        Some(step @ Step::Hook(_)) if errno < 0 => {
            Fault::new(Kind::Internal, format!("error {}: exit status {}", step.describe(), -errno))
        }
        Some(step @ Step::Hook(_)) if errno == libc::ETIMEDOUT => {
            Fault::new(Kind::Unavailable, format!("error {}: hook ran past its timeout", step.describe()))
        }
        Some(Step::FindProgram { name, .. }) => command(name, errno, false),
        // An exec does not make it; what runc says, and podman adds.
        Some(Step::WorkingDirectory { path, make: false }) if errno == libc::ENOENT => Fault::new(
            Kind::CommandNotFound,
            format!(
                "chdir to cwd ({:?}) set in config.json failed: no such file or directory: OCI runtime attempted to invoke a command that was not found",
                path.to_string_lossy()
            ),
        ),
        Some(step @ (Step::WorkingDirectory { .. } | Step::WorkingDirectoryAgain(_))) => {
            let why = if errno == libc::ELOOP { "it is outside of the container" } else { because(errno) };
            Fault::new(Kind::NotExecutable, format!("{}: {why}", step.describe()))
        }
        Some(Step::LabelExec { text, .. }) if errno == libc::ENOENT => {
            let text = String::from_utf8_lossy(text);
            let profile = text.strip_prefix("exec ").unwrap_or(&text);
            Fault::invalid(format!("AppArmor profile {profile:?} specified but not loaded"))
        }
        Some(step) => at(&step.describe(), errno),
        None => Fault::new(Kind::Internal, "the plan has no program at its end"),
    }
}

/// What went wrong while doing this.
pub fn at(does: &str, errno: i32) -> Fault {
    if errno < 0 {
        return Fault::new(Kind::Internal, format!("error {does}: exit status {}", -errno));
    }
    let kind = match errno {
        libc::EPERM | libc::EACCES => Kind::Denied,
        libc::ENOENT | libc::ENOTDIR | libc::EINVAL | libc::ELOOP | libc::EISDIR => Kind::Invalid,
        libc::ENOSPC | libc::ENOMEM | libc::EMFILE | libc::ENFILE | libc::EDQUOT => Kind::Unavailable,
        libc::ENODEV | libc::ENOSYS | libc::EOPNOTSUPP => Kind::Unsupported,
        _ => Kind::Internal,
    };
    Fault::new(kind, format!("{does}: {}", because(errno)))
}

/// The command that can't be run, in the words of podman with crun, which scripts match.
pub fn command(name: &str, errno: i32, found: bool) -> Fault {
    match errno {
        libc::ENOENT if found => Fault::new(
            Kind::CommandNotFound,
            format!(
                "crun: exec `{name}`: No such file or directory: OCI runtime attempted to invoke a command that was not found"
            ),
        )
        .hint("the file is there, but its interpreter (`#!` line or dynamic loader) is not in the image"),
        libc::ENOENT | libc::ENOTDIR => Fault::new(
            Kind::CommandNotFound,
            format!(
                "crun: executable file `{name}` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found"
            ),
        ),
        libc::EACCES | libc::EPERM => Fault::new(
            Kind::NotExecutable,
            format!("crun: open executable `{name}`: Permission denied: OCI permission denied"),
        ),
        libc::ENOEXEC => Fault::new(Kind::NotExecutable, format!("crun: exec `{name}`: Exec format error: OCI runtime error"))
            .hint("the program is for another kind of machine, or a script without a `#!` line"),
        errno => Fault::new(Kind::NotExecutable, format!("crun: exec `{name}`: {}: OCI runtime error", because(errno))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_do_not_run_have_podmans_words() {
        let missing = command("nope", libc::ENOENT, false);
        assert_eq!(missing.kind, Kind::CommandNotFound);
        assert!(missing.what.contains("executable file `nope` not found in $PATH: No such file or directory"));
        let denied = command("/etc", libc::EACCES, true);
        assert_eq!(denied.kind, Kind::NotExecutable);
        assert!(denied.what.ends_with("Permission denied: OCI permission denied"));
    }
}
