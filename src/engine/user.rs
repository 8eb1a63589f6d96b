//! Users and groups of a container's root: who `-u web:www` is.
//!
//! Pure: the files are read elsewhere ([`super::container`]), whole and with limits. A number is always that number,
//! never the name of somebody else; nobody becomes root without asking for it.

use crate::fault::Fault;
use anyhow::Result;

/// The whole of `/etc/passwd` or `/etc/group` may be this long.
pub const MOST_BYTES: u64 = 4 << 20;
/// Longer lines are skipped.
const MOST_LINE: usize = 64 << 10;

/// Who a process is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// The other groups, without the primary one.
    pub groups: Vec<u32>,
    /// From passwd, else `/`.
    pub home: String,
    /// From passwd; `None`: the uid is not in it.
    pub name: Option<String>,
    /// The gid is in the group file.
    pub group_known: bool,
}

/// The two files of a root, as far as they exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// `/etc/passwd`
    pub passwd: Vec<u8>,
    /// `/etc/group`
    pub group: Vec<u8>,
}

/// One line of passwd.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Passwd<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

/// Who `user` (`name`, `uid`, `name:group`, `uid:gid`, empty: root) is, with `--group-add`'s groups.
pub fn look_up(user: &str, extra_groups: &[String], files: &Files) -> Result<Account> {
    let (who, group) = match user.split_once(':') {
        Some(("", _)) => return Err(Fault::invalid(format!("user {user:?}: a group without a user")).into()),
        Some((who, group)) => (who, Some(group).filter(|group| !group.is_empty())),
        None => (if user.is_empty() { "0" } else { user }, None),
    };
    let entry =
        match id(who) {
            Some(uid) => passwd(&files.passwd).find(|entry| entry.uid == uid),
            None => Some(passwd(&files.passwd).find(|entry| entry.name == who).ok_or_else(|| {
                Fault::invalid(format!("unable to find user {who}: no matching entries in passwd file"))
            })?),
        };
    let uid = entry.as_ref().map(|entry| entry.uid).or(id(who)).unwrap_or(u32::MAX);
    let mut account = Account {
        uid,
        gid: entry.as_ref().map_or(0, |entry| entry.gid),
        groups: Vec::new(),
        home: entry.as_ref().map(|entry| entry.home).filter(|home| home.starts_with('/')).unwrap_or("/").to_string(),
        name: entry.as_ref().map(|entry| entry.name.to_string()),
        group_known: false,
    };
    match group {
        Some(group) => account.gid = group_id(group, &files.group)?,
        None => {
            if let Some(entry) = &entry {
                let of_name =
                    groups(&files.group).filter(|(_, _, members)| members.split(',').any(|name| name == entry.name));
                account.groups = of_name.map(|(_, gid, _)| gid).collect();
            }
        }
    }
    for group in extra_groups {
        account.groups.push(group_id(group, &files.group)?);
    }
    let gid = account.gid;
    let mut seen = std::collections::BTreeSet::from([gid]);
    account.groups.retain(|group| seen.insert(*group));
    account.group_known = groups(&files.group).any(|(_, known, _)| known == gid);
    Ok(account)
}

/// The highest id below nobody's that the files name: how many ids `--userns=auto` needs.
pub fn highest_id(files: &Files) -> u32 {
    let users = passwd(&files.passwd).flat_map(|entry| [entry.uid, entry.gid]);
    let groups = groups(&files.group).map(|(_, gid, _)| gid);
    users.chain(groups).filter(|id| *id < 65534).max().unwrap_or(0)
}

/// The name of a uid.
pub fn user_name(files: &Files, uid: u32) -> Option<String> {
    passwd(&files.passwd).find(|entry| entry.uid == uid).map(|entry| entry.name.to_string())
}

/// The name of a gid.
pub fn group_name(files: &Files, gid: u32) -> Option<String> {
    groups(&files.group).find(|(_, known, _)| *known == gid).map(|(name, ..)| name.to_string())
}

fn group_id(group: &str, file: &[u8]) -> Result<u32> {
    id(group).or_else(|| groups(file).find(|(name, ..)| *name == group).map(|(_, gid, _)| gid)).ok_or_else(|| {
        Fault::invalid(format!("unable to find group {group}: no matching entries in group file")).into()
    })
}

/// A strict id: ASCII digits only, within 32 bits, not the one that means "no change" to the kernel.
pub fn id(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| digits && *id != u32::MAX)
}

/// Lines that are text, not too long, not a comment.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &str> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| line.len() <= MOST_LINE)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn passwd(bytes: &[u8]) -> impl Iterator<Item = Passwd<'_>> {
    lines(bytes).filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let (uid, gid) = (id(fields.nth(1)?)?, id(fields.next()?)?);
        Some(Passwd { name, uid, gid, home: fields.nth(1).unwrap_or_default() })
    })
}

/// Name, gid, members with commas.
fn groups(bytes: &[u8]) -> impl Iterator<Item = (&str, u32, &str)> {
    lines(bytes).filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        Some((name, id(fields.nth(1)?)?, fields.next().unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        Files {
            passwd: b"root:x:0:0:root:/root:/bin/sh\n1:x:0:0:trap:/trap:/bin/sh\nweb:x:33:33:www:/var/www:/bin/sh\n\
                big:x:3000000000:3000000000::/big:\nbad:x:-1:0::/:\nrelative:x:40:40::home:\nlong:x:41"
                .to_vec(),
            group: b"root:x:0:\nwww:x:33:\nlog:x:4:web,root\ntty:x:5:nobody\nadm:x:6:web\n".to_vec(),
        }
    }

    #[test]
    fn users_are_who_they_say() {
        for (text, uid, gid, groups, home) in [
            ("", 0, 0, &[4][..], "/root"),
            ("root", 0, 0, &[4], "/root"),
            ("0", 0, 0, &[4], "/root"),
            ("1", 1, 0, &[], "/"),
            ("1:", 1, 0, &[], "/"),
            ("web", 33, 33, &[4, 6], "/var/www"),
            ("33", 33, 33, &[4, 6], "/var/www"),
            ("web:log", 33, 4, &[], "/var/www"),
            ("33:77", 33, 77, &[], "/var/www"),
            ("000033", 33, 33, &[4, 6], "/var/www"),
            ("1000:1000", 1000, 1000, &[], "/"),
            ("2147483648", 2147483648, 0, &[], "/"),
            ("4294967294", 4294967294, 0, &[], "/"),
            ("big", 3000000000, 3000000000, &[], "/big"),
            ("relative", 40, 40, &[], "/"),
        ] {
            let account = look_up(text, &[], &files()).unwrap();
            assert_eq!(
                (account.uid, account.gid, &account.groups[..], account.home.as_str()),
                (uid, gid, groups, home),
                "{text}"
            );
        }
    }

    #[test]
    fn nobody_becomes_root_by_a_slip() {
        for text in [
            "-1",
            "4294967295",
            "4294967296",
            "18446744073709551616",
            "0x0",
            "١",
            "1 ",
            " 1",
            "root\n",
            "\n",
            ":",
            ":1",
            ":0",
            "+1",
            "+0",
            "1_0",
            "1.0",
            "1e3",
            "bad",
            "long",
            "nobody",
            "ROOT",
            "root:nobody",
            "root:-1",
            "33:4294967295",
            "root:root:root",
            "0 ",
            "\u{0}",
            "0\u{0}",
            "web:log:4",
            "#",
            "x:x",
        ] {
            assert!(look_up(text, &[], &files()).is_err(), "{text:?} was taken for somebody");
        }
    }

    #[test]
    fn groups_are_added_once() {
        let extra = ["log".to_string(), "4".to_string(), "33".to_string(), "9".to_string()];
        assert_eq!(look_up("web", &extra, &files()).unwrap().groups, [4, 6, 9]);
        assert!(look_up("web", &["nothing".to_string()], &files()).is_err());
    }

    #[test]
    fn strange_files_do_no_harm() {
        let mut passwd = vec![b'x'; 200_000];
        passwd.extend_from_slice(b"\n\xff\xfe:x:7:7::/:\n:x:8:8::/:\nok:x:9:9::/ok:\n");
        let files = Files { passwd, group: b"\0\n:::\n".to_vec() };
        assert_eq!(look_up("ok", &[], &files).unwrap().home, "/ok");
        assert_eq!(highest_id(&files), 9);
    }
}
