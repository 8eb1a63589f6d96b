//! Why the kernel refuses a user namespace, from the settings that distributions ship.

use std::io;
use std::path::Path;

/// The settings that decide. Absent files are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// kernel.unprivileged_userns_clone (Debian's patch)
    pub(super) clone: Option<i64>,
    /// user.max_user_namespaces
    pub(super) most: Option<i64>,
    /// kernel.apparmor_restrict_unprivileged_userns (Ubuntu 23.10 and later)
    pub(super) apparmor: Option<i64>,
    /// Our own AppArmor profile is installed.
    pub(super) profile: bool,
    /// We run in a container of some engine.
    pub(super) container: bool,
}

impl Facts {
    /// Reads them.
    pub(super) fn read() -> Facts {
        let number = |path: &str| std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
        Facts {
            clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            most: number("/proc/sys/user/max_user_namespaces"),
            apparmor: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            profile: Path::new("/etc/apparmor.d/barge").exists(),
            container: Path::new("/run/.containerenv").exists() || Path::new("/.dockerenv").exists(),
        }
    }
}

/// The error in the kernel's words, without `(os error N)`.
pub(super) fn words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_lowercase(),
        None => error.to_string(),
    }
}

/// What to type.
pub(super) fn hint(error: &io::Error, facts: &Facts) -> Option<String> {
    let number = error.raw_os_error();
    if facts.most == Some(0) {
        return Some("user namespaces are switched off: sudo sysctl user.max_user_namespaces=15000".into());
    }
    if number == Some(libc::ENOSPC) || number == Some(libc::EUSERS) {
        return Some(
            "this user has too many namespaces: sudo sysctl user.max_user_namespaces=15000 allows more".into(),
        );
    }
    if facts.clone == Some(0) {
        return Some("ordinary users may not make them: sudo sysctl kernel.unprivileged_userns_clone=1".into());
    }
    if facts.apparmor.is_some_and(|value| value != 0) {
        return Some(if facts.profile {
            "AppArmor refuses: /etc/apparmor.d/barge names another path than this binary's; \
             correct it, then: sudo apparmor_parser -r /etc/apparmor.d/barge"
                .into()
        } else {
            "AppArmor refuses: `sudo make install` brings a profile that allows it, or: \
             sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
                .into()
        });
    }
    if facts.container {
        return Some("the outer container forbids it: start that one with --security-opt seccomp=unconfined".into());
    }
    (number == Some(libc::EPERM)).then(|| {
        "a seccomp filter, a security module or a changed root directory (chroot) forbids user namespaces here".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_that_forbids_is_named() {
        let error = |number| io::Error::from_raw_os_error(number);
        let none = Facts::default();
        for (number, facts, part) in [
            (libc::ENOSPC, Facts { most: Some(0), ..none.clone() }, "user.max_user_namespaces"),
            (libc::ENOSPC, none.clone(), "too many"),
            (libc::EPERM, Facts { clone: Some(0), ..none.clone() }, "unprivileged_userns_clone=1"),
            (libc::EPERM, Facts { apparmor: Some(1), ..none.clone() }, "make install"),
            (libc::EACCES, Facts { apparmor: Some(1), profile: true, ..none.clone() }, "names another path"),
            (libc::EPERM, Facts { container: true, ..none.clone() }, "outer container"),
            (libc::EPERM, none.clone(), "seccomp"),
        ] {
            let hint = hint(&error(number), &facts);
            assert!(hint.as_deref().is_some_and(|hint| hint.contains(part)), "{facts:?}: {hint:?}");
        }
        assert_eq!(hint(&error(libc::EIO), &none), None);
        assert_eq!(words(&error(libc::EPERM)), "operation not permitted");
    }
}
