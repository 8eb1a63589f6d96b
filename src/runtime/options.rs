//! The options of a mount, as mount(8) and the OCI spec name them → what the kernel's calls take. Pure.

use crate::sys::mount::Attributes;

/// What a mount's list of options means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `bind` or `rbind` stands in it.
    pub bind: bool,
    /// `rbind`: with all mounts below.
    pub recursive: bool,
    /// Of the mount itself.
    pub attributes: Attributes,
    /// Of the mount and all below (`rro`, `rnosuid` …).
    pub below: Attributes,
    /// `MS_PRIVATE`, `MS_SLAVE` …, and whether for all mounts below too.
    pub propagation: Option<(u64, bool)>,
    /// Those of the file system: `key` or `key=value`.
    pub data: Vec<(String, Option<String>)>,
    /// `tmpcopyup`: a tmpfs begins with what its place holds.
    pub copy_up: bool,
    /// `idmap` or `ridmap`
    pub map_ids: bool,
    /// `ridmap`: with all mounts below.
    pub map_all_ids: bool,
}

const ATIME: u64 = libc::MOUNT_ATTR__ATIME;

/// (name, set, clear); a leading `r` makes it recursive.
const ATTRIBUTES: &[(&str, u64, u64)] = &[
    ("ro", libc::MOUNT_ATTR_RDONLY, 0),
    ("rw", 0, libc::MOUNT_ATTR_RDONLY),
    ("nosuid", libc::MOUNT_ATTR_NOSUID, 0),
    ("suid", 0, libc::MOUNT_ATTR_NOSUID),
    ("nodev", libc::MOUNT_ATTR_NODEV, 0),
    ("dev", 0, libc::MOUNT_ATTR_NODEV),
    ("noexec", libc::MOUNT_ATTR_NOEXEC, 0),
    ("exec", 0, libc::MOUNT_ATTR_NOEXEC),
    ("noatime", libc::MOUNT_ATTR_NOATIME, ATIME),
    ("strictatime", libc::MOUNT_ATTR_STRICTATIME, ATIME),
    ("relatime", libc::MOUNT_ATTR_RELATIME, ATIME),
    ("atime", libc::MOUNT_ATTR_RELATIME, ATIME),
    ("norelatime", libc::MOUNT_ATTR_STRICTATIME, ATIME),
    ("nodiratime", libc::MOUNT_ATTR_NODIRATIME, 0),
    ("diratime", 0, libc::MOUNT_ATTR_NODIRATIME),
    ("nosymfollow", libc::MOUNT_ATTR_NOSYMFOLLOW, 0),
    ("symfollow", 0, libc::MOUNT_ATTR_NOSYMFOLLOW),
];

const PROPAGATION: &[(&str, u64)] = &[
    ("private", libc::MS_PRIVATE),
    ("slave", libc::MS_SLAVE),
    ("shared", libc::MS_SHARED),
    ("unbindable", libc::MS_UNBINDABLE),
];

/// Options of the host's fstab and of engines that mean nothing to the kernel.
const IGNORED: &[&str] = &["defaults", "async", "rbind", "bind", "nofail", "auto", "noauto", "z", "Z"];

/// The words that have a meaning of their own here, sorted; others go to the file system.
pub fn names() -> Vec<String> {
    let recursive = |name: &str| format!("r{name}");
    let mut names: Vec<String> = ["bind", "rbind", "defaults", "idmap", "ridmap", "tmpcopyup"].map(String::from).into();
    for name in ATTRIBUTES.iter().map(|(name, ..)| *name).chain(PROPAGATION.iter().map(|(name, _)| *name)) {
        names.extend([name.to_string(), recursive(name)]);
    }
    names.sort();
    names.dedup();
    names
}

/// Reads a list of options.
pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Options {
    let mut options = Options::default();
    for word in words {
        if let Some(propagation) = propagation(word) {
            options.propagation = Some(propagation);
        } else if let Some((_, set, clear)) = ATTRIBUTES.iter().find(|(name, ..)| *name == word) {
            apply(&mut options.attributes, *set, *clear);
        } else if let Some((_, set, clear)) =
            word.strip_prefix('r').and_then(|word| ATTRIBUTES.iter().find(|(name, ..)| *name == word))
        {
            apply(&mut options.below, *set, *clear);
        } else {
            match word {
                "tmpcopyup" => options.copy_up = true,
                "notmpcopyup" => options.copy_up = false,
                "idmap" => options.map_ids = true,
                "ridmap" => (options.map_ids, options.map_all_ids) = (true, true),
                "bind" => options.bind = true,
                "rbind" => (options.bind, options.recursive) = (true, true),
                word if IGNORED.contains(&word) || word.is_empty() => {}
                word => match word.split_once('=') {
                    Some((key, value)) => options.data.push((key.into(), Some(value.into()))),
                    None => options.data.push((word.into(), None)),
                },
            }
        }
    }
    options
}

/// `private`, `rslave` …
pub fn propagation(word: &str) -> Option<(u64, bool)> {
    let find = |word| PROPAGATION.iter().find(|(name, _)| *name == word).map(|(_, flag)| *flag);
    match find(word) {
        Some(flag) => Some((flag, false)),
        None => word.strip_prefix('r').and_then(find).map(|flag| (flag, true)),
    }
}

/// A later option wins over an earlier one.
fn apply(attributes: &mut Attributes, set: u64, clear: u64) {
    attributes.set = attributes.set & !clear | set;
    attributes.clear = attributes.clear & !(set & !ATIME) | clear;
}

impl Options {
    /// The attributes as `fsmount(2)` takes them: a new mount has none to clear.
    pub fn for_new_mount(&self) -> u64 {
        self.attributes.set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_their_meaning() {
        use libc::*;
        let atime = MOUNT_ATTR__ATIME;
        for (text, set, clear) in [
            ("ro,nosuid", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0),
            ("ro,rw", 0, MOUNT_ATTR_RDONLY),
            ("rw,ro", MOUNT_ATTR_RDONLY, 0),
            ("noatime", MOUNT_ATTR_NOATIME, atime),
            ("noatime,strictatime", MOUNT_ATTR_STRICTATIME, atime),
        ] {
            let options = parse(text.split(','));
            assert_eq!((options.attributes.set, options.attributes.clear), (set, clear), "{text}");
        }
        let options = parse("rbind,rslave,rro,size=64m,mode=1777,huge".split(','));
        assert!(options.bind && options.recursive);
        assert_eq!(options.propagation, Some((MS_SLAVE, true)));
        assert_eq!(options.below.set, MOUNT_ATTR_RDONLY);
        assert_eq!(options.attributes, Attributes::default());
        let data: Vec<_> = options.data.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        assert_eq!(data, [("size", Some("64m")), ("mode", Some("1777")), ("huge", None)]);
    }
}
