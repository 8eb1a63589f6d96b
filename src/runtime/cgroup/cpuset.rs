//! The words for sets of CPUs and memory nodes that the machine does not have.

use super::settings::Setting;
use crate::fault::Fault;
use std::fs;
use std::io;
use std::path::Path;

/// Why the kernel refused a set of CPUs or memory nodes for the cgroup in `dir`, in podman's words; `None`: it was
/// something else.
pub fn refused(setting: &Setting, dir: &Path, error: &io::Error) -> Option<Fault> {
    if !matches!(error.raw_os_error(), Some(libc::ERANGE | libc::EINVAL | libc::EACCES)) {
        return None;
    }
    let (what, short) = match setting.file.as_str() {
        "cpuset.cpus" => ("CPUs", "cpus"),
        "cpuset.mems" => ("memory nodes", "mems"),
        _ => return None,
    };
    let asked = &setting.value;
    if !asked.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ',')) {
        return Some(Fault::invalid(format!("invalid value {asked} for cpuset {short}")));
    }
    // v1 has no such file: there the cgroup still has what its parent has.
    let available = fs::read_to_string(dir.join(format!("{}.effective", setting.file)))
        .or_else(|_| fs::read_to_string(dir.join(&setting.file)))
        .ok()?;
    let available = available.trim();
    if available.is_empty() {
        return None;
    }
    Some(Fault::invalid(format!("requested {what} are not available - requested {asked}, available: {available}")))
}

/// The set of CPUs or memory nodes that this machine has not, in podman's words: what can be refused before there is a
/// cgroup.
pub fn check(cpus: &str, mems: &str) -> Result<(), Fault> {
    for (asked, file, what, short) in [
        (cpus, "/sys/devices/system/cpu/online", "CPUs", "cpus"),
        (mems, "/sys/devices/system/node/online", "memory nodes", "mems"),
    ] {
        if asked.is_empty() {
            continue;
        }
        let Some(wanted) = ranges(asked) else {
            return Err(Fault::invalid(format!("invalid value {asked} for cpuset {short}")));
        };
        let Ok(text) = fs::read_to_string(file) else { continue };
        let there = ranges(text.trim()).unwrap_or_default();
        let is_there = |number: u32| there.iter().any(|(first, last)| (*first..=*last).contains(&number));
        if wanted.iter().any(|(first, last)| !is_there(*first) || !is_there(*last)) {
            let available = text.trim();
            return Err(Fault::invalid(format!(
                "requested {what} are not available - requested {asked}, available: {available}"
            )));
        }
    }
    Ok(())
}

/// `0-2,5` as first and last numbers; `None`: that is no such list.
fn ranges(text: &str) -> Option<Vec<(u32, u32)>> {
    let one = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some((first, last))
    };
    text.split(',').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        assert_eq!(ranges("0-2,5"), Some(vec![(0, 2), (5, 5)]));
        for text in ["", "x", "2-1", "0-", "1,,2"] {
            assert_eq!(ranges(text), None, "{text:?}");
        }
        assert!(check("0", "").is_ok());
        assert!(check("0,100000", "").is_err_and(|fault| fault.what.starts_with("requested CPUs are not available")));
    }

    #[test]
    fn refused_sets_have_podmans_words() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("cpuset.cpus"), "0-1\n").unwrap();
        fs::write(dir.path().join("cpuset.mems"), "0\n").unwrap();
        for (file, value, errno, words) in [
            (
                "cpuset.cpus",
                "99",
                libc::ERANGE,
                Some("requested CPUs are not available - requested 99, available: 0-1"),
            ),
            (
                "cpuset.mems",
                "9",
                libc::EINVAL,
                Some("requested memory nodes are not available - requested 9, available: 0"),
            ),
            ("cpuset.cpus", "x", libc::EINVAL, Some("invalid value x for cpuset cpus")),
            ("cpuset.cpus", "1", libc::EIO, None),
            ("pids.max", "1", libc::EINVAL, None),
        ] {
            let error = io::Error::from_raw_os_error(errno);
            let fault = refused(
                &Setting { controller: "cpuset", file: file.into(), value: value.into(), name: "it" },
                dir.path(),
                &error,
            );
            assert_eq!(fault.map(|fault| fault.what).as_deref(), words);
        }
    }
}
