//! A snapshot of the environment, and who called us.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The environment as it was at the start. Values that are not UTF-8 are kept, but [`Environment::get`] skips them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// What the process has now.
    pub fn snapshot() -> Self {
        Environment(std::env::vars_os().collect())
    }

    /// The value of `name`, when it is set and UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(OsStr::new(name)).and_then(|value| value.to_str())
    }

    /// The value of `name`, unless it is unset or empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// A path, when the variable is set and absolute (the XDG rule: relative ones are ignored).
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(OsStr::new(name)).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// Every pair as `NAME=value`.
    pub fn strings(&self) -> Vec<OsString> {
        let pair = |(name, value): (&OsString, &OsString)| {
            let mut pair = name.clone();
            pair.push("=");
            pair.push(value);
            pair
        };
        self.0.iter().map(pair).collect()
    }

    /// Every pair that is UTF-8, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Environment(pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect())
    }
}

/// Who runs us, as the kernel and /etc/passwd say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// Effective uid.
    pub uid: u32,
    /// Effective gid.
    pub gid: u32,
    /// Some ids of the machine are missing here: we live in a user namespace.
    pub in_user_namespace: bool,
    /// Root here may write to /var/lib (false in `unshare -r`).
    pub owns_system: bool,
    /// From /etc/passwd.
    pub name: Option<String>,
    /// HOME, else from /etc/passwd.
    pub home: Option<PathBuf>,
    /// XDG_RUNTIME_DIR, or else /run/user/UID, whichever is there and the caller's own: the same store under cron, `su`
    /// and `env -i`.
    pub runtime_dir: Option<PathBuf>,
    /// systemd runs the machine, and all cgroups are of version 2.
    pub systemd: bool,
    /// The bus on which systemd, or the user's own, answers.
    pub bus: Option<PathBuf>,
}

impl Caller {
    /// Asks the kernel; reads /etc/passwd only for an ordinary user or when HOME is not set.
    pub fn read(environment: &Environment) -> Self {
        let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        let in_user_namespace = std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !is_whole(&map));
        let own_dir = |path: &PathBuf| {
            use std::os::unix::fs::MetadataExt;
            std::fs::metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == uid)
        };
        let mut home = environment.path("HOME");
        let mut name = None;
        if uid != 0 || home.is_none() {
            if let Some(entry) = crate::sys::user::passwd_by_uid(uid) {
                // After `su` and `sudo -E`, HOME is somebody else's.
                if home.is_none() || !home.as_ref().is_some_and(own_dir) && own_dir(&entry.home) {
                    home = Some(entry.home);
                }
                name = Some(entry.name);
            }
        } else {
            name = Some("root".to_string());
        }
        let owns_system =
            uid == 0 && (!in_user_namespace || nix::unistd::access("/var/lib", nix::unistd::AccessFlags::W_OK).is_ok());
        let runtime_dir = if owns_system {
            None
        } else {
            let usual = PathBuf::from(format!("/run/user/{uid}"));
            environment.path("XDG_RUNTIME_DIR").filter(own_dir).or(Some(usual).filter(own_dir))
        };
        let systemd = Path::new("/run/systemd/system").exists()
            && Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
            && is_systemd(&std::fs::read_to_string("/proc/1/comm").unwrap_or_default());
        let bus = systemd.then(|| bus(environment, owns_system, runtime_dir.as_deref())).flatten();
        Caller { runtime_dir, uid, gid, in_user_namespace, owns_system, name, home, systemd, bus }
    }
}

/// By the name of process 1: in a container that sees the host's /run it is another one, and systemd knows us by other
/// numbers than we do.
fn is_systemd(name: &str) -> bool {
    matches!(name.trim_end(), "systemd" | "init")
}

/// The socket of the system's bus for the machine's root, of the session's for anybody else.
fn bus(environment: &Environment, owns_system: bool, runtime_dir: Option<&Path>) -> Option<PathBuf> {
    let path = if owns_system {
        PathBuf::from("/run/dbus/system_bus_socket")
    } else {
        let addresses = environment.filled("DBUS_SESSION_BUS_ADDRESS").unwrap_or_default();
        let named = addresses.split(';').find_map(|address| address.strip_prefix("unix:path="));
        match named {
            Some(path) => PathBuf::from(path.split(',').next().unwrap_or_default()),
            None => runtime_dir?.join("bus"),
        }
    };
    path.exists().then_some(path)
}

/// `0 0 4294967295`: the map of the first namespace.
fn is_whole(map: &str) -> bool {
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_and_empty_paths_do_not_count() {
        let environment = Environment::from([("A", "/x"), ("B", "x"), ("C", "")]);
        assert_eq!(environment.path("A"), Some(PathBuf::from("/x")));
        assert_eq!(environment.path("B"), None);
        assert_eq!(environment.path("C"), None);
        assert_eq!(environment.filled("C"), None);
        assert_eq!(environment.get("C"), Some(""));
    }

    #[test]
    fn the_first_namespace_is_known_by_its_map() {
        for (map, whole) in [
            ("         0          0 4294967295\n", true),
            ("         0       1000          1\n", false),
            ("0 1000 1\n1 100000 65536\n", false),
            ("", false),
        ] {
            assert_eq!(is_whole(map), whole, "{map:?}");
        }
    }
}
