//! Linux security modules: which there are, and how a label for the next execve is written.

use std::ffi::CStr;
use std::path::Path;

/// What can label processes here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lsm {
    /// AppArmor is on.
    AppArmor,
    /// SELinux is on.
    Selinux,
}

impl Lsm {
    /// The one that is on, if any.
    pub fn current() -> Option<Lsm> {
        let enabled = std::fs::read("/sys/module/apparmor/parameters/enabled");
        if enabled.is_ok_and(|text| text.first() == Some(&b'Y')) {
            return Some(Lsm::AppArmor);
        }
        Path::new("/sys/fs/selinux/enforce").exists().then_some(Lsm::Selinux)
    }

    /// The file below `/proc` that takes a label for our next execve.
    pub fn exec_attribute(self) -> &'static CStr {
        match self {
            Lsm::AppArmor if Path::new("/proc/self/attr/apparmor/exec").exists() => c"self/attr/apparmor/exec",
            _ => c"self/attr/exec",
        }
    }

    /// What is written into it.
    pub fn exec_text(self, label: &str) -> String {
        match self {
            Lsm::AppArmor => format!("exec {label}"),
            Lsm::Selinux => label.to_string(),
        }
    }
}
