//! Seccomp profiles → BPF, made once and kept.

mod compile;
mod default;
#[cfg(test)]
mod docker_tests;
pub mod interpret;
mod profile;
mod rules;
mod table;

use super::Seccomp;
use crate::sys::capability::Set;
use crate::sys::seccomp::Instruction;
use anyhow::{Context, Result};
use oci_spec::runtime::LinuxSeccomp;
use rules::Rules;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// A compiled filter.
#[derive(Debug)]
pub struct Filter {
    /// The program.
    pub instructions: Vec<Instruction>,
    /// `SECCOMP_FILTER_FLAG_…`
    pub flags: u64,
}

/// One of the three ways in which programs can call the kernel of x86-64.
#[derive(Debug)]
pub struct Architecture {
    /// For people.
    pub name: &'static str,
    /// `AUDIT_ARCH_…`: how a filter knows it.
    pub audit: u32,
    /// Set in all of its numbers.
    pub bit: u32,
    /// Name and number of every call, sorted by name.
    pub calls: &'static [(&'static str, u32)],
}

/// All three.
pub static ARCHITECTURES: [Architecture; 3] = [
    Architecture { name: "x86-64", audit: compile::AUDIT_X86_64, bit: 0, calls: &table::X86_64 },
    Architecture { name: "i386", audit: compile::AUDIT_I386, bit: 0, calls: &table::I386 },
    Architecture { name: "x32", audit: compile::AUDIT_X86_64, bit: compile::X32_BIT, calls: &table::X32 },
];

impl Architecture {
    /// The number of a call, with the bit.
    pub fn number(&self, name: &str) -> Option<u32> {
        let found = self.calls.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        Some(self.calls[found].1 | self.bit)
    }
}

/// Whether a call is made when a filter answers so (or somebody is asked who may let it).
pub fn lets_through(action: u32) -> bool {
    (rules::TRACE..rules::KILL_PROCESS).contains(&action)
}

/// The error number that a call fails with when a filter answers so.
pub fn error_of(action: u32) -> Option<i32> {
    (action & 0xffff_0000 == rules::errno(0)).then_some((action & 0xffff) as i32)
}

/// Checks a profile's JSON text (docker's form or OCI's) without loading it.
pub fn check(json: &str) -> Result<()> {
    let rules = profile::parse(json, Set::default(), kernel())?;
    compile::compile(&rules)?;
    Ok(())
}

/// The filter for a process with these capabilities; `None`: none. What was compiled once is found in `cache_dir`.
pub fn filter(
    wanted: &Seccomp,
    spec: Option<&LinuxSeccomp>,
    capabilities: Set,
    cache_dir: &Path,
) -> Result<Option<Filter>> {
    let text = match (wanted, spec) {
        (Seccomp::Unconfined, _) | (Seccomp::Spec, None) => return Ok(None),
        (Seccomp::Default | Seccomp::DefaultWithoutSocketcall, _) => None,
        (Seccomp::Json(text), _) => Some(text.clone()),
        (Seccomp::Spec, Some(spec)) => Some(serde_json::to_string(spec).context("writing the seccomp profile")?),
    };
    let mut key = key(text.as_deref(), capabilities);
    if *wanted == Seccomp::DefaultWithoutSocketcall {
        key.push('-');
    }
    let path = cache_dir.join(key);
    if let Some(filter) = kept(cache_dir, &path).and_then(|bytes| from_bytes(&bytes)) {
        return Ok(Some(filter));
    }
    let mut rules: Rules = match &text {
        None => default::rules(capabilities),
        Some(text) => profile::parse(text, capabilities, kernel())?,
    };
    if *wanted == Seccomp::DefaultWithoutSocketcall {
        rules.rules.retain(|rule| rule.name != "socketcall");
    }
    let filter = Filter { instructions: compile::compile(&rules)?, flags: rules.flags };
    if let Err(error) = keep(&path, &filter) {
        log::debug!("keeping a seccomp filter in {}: {error}", path.display());
    }
    Ok(Some(filter))
}

fn kernel() -> (u32, u32) {
    let release = nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
    super::plan::kernel_version(&release.unwrap_or_default())
}

/// Names a filter by all that it depends on: the profile, the capabilities, and this program's own profile and tables.
/// The default profile, which nearly every container has, is named without hashing: to ask the processor whether it can
/// do that fast costs more than the rest, in a virtual machine.
fn key(text: Option<&str>, capabilities: Set) -> String {
    let tables = table::X86_64.len() + table::I386.len() + table::X32.len();
    let profile = match text {
        None => "default".to_string(),
        Some(text) => Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
    };
    let version = env!("CARGO_PKG_VERSION");
    format!("seccomp-{version}-{}-{tables}-{profile}-{:x}", default::VERSION, capabilities.0)
}

/// The kept form: flags, then the kernel's own form of the instructions.
fn to_bytes(filter: &Filter) -> Vec<u8> {
    let mut bytes = filter.flags.to_le_bytes().to_vec();
    for one in &filter.instructions {
        bytes.extend(one.code.to_le_bytes());
        bytes.extend([one.jt, one.jf]);
        bytes.extend(one.k.to_le_bytes());
    }
    bytes
}

fn from_bytes(bytes: &[u8]) -> Option<Filter> {
    let (flags, program) = bytes.split_first_chunk::<8>()?;
    if program.is_empty() || program.len() % 8 != 0 {
        return None;
    }
    let instructions = program.chunks_exact(8).map(|one| Instruction {
        code: u16::from_le_bytes([one[0], one[1]]),
        jt: one[2],
        jf: one[3],
        k: u32::from_le_bytes([one[4], one[5], one[6], one[7]]),
    });
    Some(Filter { instructions: instructions.collect(), flags: u64::from_le_bytes(*flags) })
}

/// What was kept, unless somebody but us could have written it: an ordinary user's run directory may be below /tmp.
fn kept(dir: &Path, path: &Path) -> Option<Vec<u8>> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    let ours = |found: &fs::Metadata| found.uid() == nix::unistd::geteuid().as_raw() && found.mode() & 0o022 == 0;
    fs::symlink_metadata(dir).ok().filter(|found| found.is_dir() && ours(found))?;
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let mut file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    file.metadata().ok().filter(|found| found.is_file() && ours(found) && found.len() < 1 << 16)?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut bytes).ok()?;
    Some(bytes)
}

/// Whole or not at all: two containers may start at once, and one may be killed.
fn keep(path: &Path, filter: &Filter) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}", std::process::id()));
    fs::write(&temporary, to_bytes(filter))?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_kept_and_found() {
        let dir = tempfile::tempdir().unwrap();
        // Nobody has made it before.
        let dir = dir.path().join("cache");
        let first = filter(&Seccomp::Default, None, Set(1), &dir).unwrap().unwrap();
        let kept: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(kept.len(), 1);
        let again = filter(&Seccomp::Default, None, Set(1), &dir).unwrap().unwrap();
        assert_eq!((first.instructions, first.flags), (again.instructions, again.flags));
        // Half a file is as good as none.
        fs::write(&kept[0], b"1234567").unwrap();
        assert!(filter(&Seccomp::Default, None, Set(1), &dir).unwrap().is_some());
        assert!(filter(&Seccomp::Unconfined, None, Set(1), &dir).unwrap().is_none());
    }

    /// What others could have put there is not taken; the control takes it, when it looks like ours.
    #[test]
    fn a_filter_from_somebody_else_is_not_taken() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let get = || filter(&Seccomp::Default, None, Set(1), dir.path()).unwrap().unwrap().instructions;
        let right = get();
        let path = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
        let allow = Filter { instructions: vec![Instruction { code: 6, jt: 0, jf: 0, k: rules::ALLOW }], flags: 0 };
        let poison = || fs::write(&path, to_bytes(&allow)).unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        poison();
        set(&path, 0o600);
        assert_eq!(get(), allow.instructions);
        for (file, directory) in [(0o620, 0o700), (0o602, 0o700), (0o600, 0o720), (0o600, 0o1777)] {
            poison();
            set(&path, file);
            set(dir.path(), directory);
            assert_eq!(get(), right, "{file:o} in {directory:o}");
            set(&path, 0o600);
            set(dir.path(), 0o700);
        }
        // Nor what a link leads to.
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        fs::write(elsewhere.path(), to_bytes(&allow)).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &path).unwrap();
        assert_eq!(get(), right);
        if nix::unistd::geteuid().is_root() {
            poison();
            std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
            assert_eq!(get(), right);
        }
    }

    /// i386's one call for all socket calls, which no filter can see through, can be taken away.
    #[test]
    fn socketcall_goes_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let call = |number| interpret::Call { number, architecture: 0x4000_0003, ..interpret::Call::default() };
        for _ in 0..2 {
            for (wanted, answer) in [
                (Seccomp::Default, rules::ALLOW),
                (Seccomp::DefaultWithoutSocketcall, rules::errno(libc::EPERM as u32)),
            ] {
                let filter = filter(&wanted, None, Set(1), dir.path()).unwrap().unwrap();
                assert_eq!(interpret::run(&filter.instructions, &call(102)), Some(answer), "{wanted:?}");
                assert_eq!(interpret::run(&filter.instructions, &call(360)), Some(rules::ALLOW), "socketpair");
            }
        }
    }

    #[test]
    fn other_capabilities_have_another_filter() {
        assert_ne!(key(None, Set(1)), key(None, Set(2)));
        assert_ne!(key(None, Set(1)), key(Some("{}"), Set(1)));
    }
}
