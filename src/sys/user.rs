//! Our own readers of passwd, group, subuid and subgid: no NSS, since a static glibc would load the host's modules.

use std::path::{Path, PathBuf};

/// One line of /etc/passwd.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PasswdEntry {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub gecos: String,
    pub home: PathBuf,
    pub shell: String,
}

/// One line of /etc/group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GroupEntry {
    pub name: String,
    pub gid: u32,
    pub members: Vec<String>,
}

/// A range of subordinate ids that belongs to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubordinateRange {
    /// First id.
    pub start: u32,
    /// How many.
    pub count: u32,
}

/// The entries of a passwd file; lines that make no sense are skipped, as libc does.
pub fn parse_passwd(text: &str) -> impl Iterator<Item = PasswdEntry> + '_ {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
        let _password = fields.next()?;
        Some(PasswdEntry {
            name: name.to_string(),
            uid: fields.next()?.trim().parse().ok()?,
            gid: fields.next()?.trim().parse().ok()?,
            gecos: fields.next().unwrap_or_default().to_string(),
            home: PathBuf::from(fields.next().unwrap_or_default()),
            shell: fields.next().unwrap_or_default().to_string(),
        })
    })
}

/// The entries of a group file; lines that make no sense are skipped.
pub fn parse_group(text: &str) -> impl Iterator<Item = GroupEntry> + '_ {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
        let _password = fields.next()?;
        let gid = fields.next()?.trim().parse().ok()?;
        let members = fields.next().unwrap_or_default();
        Some(GroupEntry {
            name: name.to_string(),
            gid,
            members: members.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_string).collect(),
        })
    })
}

/// The ranges that a subuid or subgid file gives to a user, by name or by uid, in the file's order.
pub fn parse_subordinate(text: &str, name: Option<&str>, uid: u32) -> Vec<SubordinateRange> {
    let number = uid.to_string();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let owner = fields.next()?;
            if owner != number && Some(owner) != name {
                return None;
            }
            let start: u32 = fields.next()?.trim().parse().ok()?;
            let count: u32 = fields.next()?.trim().parse().ok()?;
            let fits = count > 0 && start.checked_add(count).is_some();
            fits.then_some(SubordinateRange { start, count })
        })
        .collect()
}

/// The host's passwd entry of a uid.
pub fn passwd_by_uid(uid: u32) -> Option<PasswdEntry> {
    let text = read_lossy(Path::new("/etc/passwd"))?;
    parse_passwd(&text).find(|entry| entry.uid == uid)
}

/// The host's passwd entry of a name.
pub fn passwd_by_name(name: &str) -> Option<PasswdEntry> {
    let text = read_lossy(Path::new("/etc/passwd"))?;
    parse_passwd(&text).find(|entry| entry.name == name)
}

/// The ranges in `/etc/subuid` or `/etc/subgid`; none when the file can't be read.
pub fn subordinate(path: &Path, name: Option<&str>, uid: u32) -> Vec<SubordinateRange> {
    read_lossy(path).map(|text| parse_subordinate(&text, name, uid)).unwrap_or_default()
}

/// Such files may hold Latin-1 in somebody's full name; that must not hide the other lines.
fn read_lossy(path: &Path) -> Option<String> {
    std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwd_lines_that_make_no_sense_are_skipped() {
        let text = "root:x:0:0:root:/root:/bin/sh\n# a comment\n+::::::\nbroken\n\nann:x:1000:100:Ann,,,:/home/ann:\n";
        let names: Vec<_> = parse_passwd(text).map(|entry| (entry.name, entry.uid, entry.gid, entry.home)).collect();
        assert_eq!(
            names,
            [("root".to_string(), 0, 0, PathBuf::from("/root")), ("ann".to_string(), 1000, 100, "/home/ann".into())]
        );
    }

    #[test]
    fn groups_have_members() {
        let text = "wheel:x:10:ann, bob,\nempty:x:11:\nshort:x:12\n";
        let groups: Vec<_> = parse_group(text).map(|entry| (entry.name, entry.members.len())).collect();
        assert_eq!(groups, [("wheel".to_string(), 2), ("empty".to_string(), 0), ("short".to_string(), 0)]);
    }

    #[test]
    fn ranges_are_found_by_name_and_by_uid() {
        let text =
            "ann:100000:65536\n1000:200000:10\nbob:300000:65536\nann:bad:1\nann:5:0\nann:4294967295:2\n#ann:1:1\n";
        for (name, uid, starts) in [
            (Some("ann"), 1000, &[100000, 200000][..]),
            (None, 1000, &[200000]),
            (Some("bob"), 7, &[300000]),
            (Some("eve"), 8, &[]),
        ] {
            let found: Vec<_> = parse_subordinate(text, name, uid).iter().map(|range| range.start).collect();
            assert_eq!(found, starts, "{name:?} {uid}");
        }
    }
}
