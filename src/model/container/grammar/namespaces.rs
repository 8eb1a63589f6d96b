//! `--pid`, `--ipc`, `--uts`, `--cgroupns`, `--userns`, `--uidmap`, `--subuidname`.

use super::super::{IdRange, NamespaceMode, UserMode};
use super::refuse;
use crate::fault::Fault;

/// `host`, `private`, `container:NAME`, `ns:PATH`. `extra` are words that mean private for this kind.
pub fn parse_mode(flag: &str, text: &str, extra: &[&str]) -> Result<NamespaceMode, Fault> {
    match text {
        "" | "private" => Ok(NamespaceMode::Private),
        "host" => Ok(NamespaceMode::Host),
        text if extra.contains(&text) => Ok(NamespaceMode::Private),
        text => match text.split_once(':') {
            Some(("container", name)) if !name.is_empty() => Ok(NamespaceMode::Container(name.into())),
            Some(("ns", path)) if path.starts_with('/') => Ok(NamespaceMode::Path(path.into())),
            Some(("pod", _)) => Err(refuse(&format!("{flag} {text}"), "pods are not built")),
            _ if text == "pod" => Err(refuse(&format!("{flag} {text}"), "pods are not built")),
            _ => Err(Fault::invalid(format!("unrecognized namespace mode {text} passed"))),
        },
    }
}

/// `host`, `keep-id[:uid=U,gid=G]`, `nomap`, `auto[:size=N]`, `container:NAME`, `ns:PATH`.
pub fn parse_user_mode(text: &str) -> Result<UserMode, Fault> {
    let (word, options) = text.split_once(':').unwrap_or((text, ""));
    let unknown = || Fault::invalid(format!("unrecognized namespace mode {text} passed"));
    let number = |value: &str| {
        value.parse::<u32>().map_err(|_| Fault::invalid(format!("--userns {text}: {value:?} is not a number")))
    };
    match word {
        "" | "private" if options.is_empty() => Ok(UserMode::Default),
        "host" if options.is_empty() => Ok(UserMode::Host),
        "nomap" if options.is_empty() => Ok(UserMode::NoMap),
        "keep-id" => {
            let (mut uid, mut gid) = (None, None);
            for option in options.split(',').filter(|option| !option.is_empty()) {
                match option.split_once('=') {
                    Some(("uid", value)) => uid = Some(number(value)?),
                    Some(("gid", value)) => gid = Some(number(value)?),
                    Some(("size", _)) => return Err(refuse("--userns keep-id:size", "not built")),
                    _ => return Err(Fault::invalid(format!("unknown option specified: {option:?}"))),
                }
            }
            Ok(UserMode::KeepId { uid, gid })
        }
        "auto" => {
            let mut size = None;
            for option in options.split(',').filter(|option| !option.is_empty()) {
                match option.split_once('=') {
                    Some(("size", value)) => size = Some(number(value)?),
                    Some(("uidmapping" | "gidmapping", _)) => {
                        return Err(refuse("--userns auto with mappings", "not built"));
                    }
                    _ => return Err(Fault::invalid(format!("unknown option specified: {option:?}"))),
                }
            }
            Ok(UserMode::Auto { size })
        }
        "container" if !options.is_empty() => Ok(UserMode::Container(options.into())),
        "ns" if options.starts_with('/') => Ok(UserMode::Path(options.into())),
        _ => Err(unknown()),
    }
}

/// `INSIDE:OUTSIDE[:COUNT]` (`--uidmap`, `--gidmap`).
pub fn parse_id_map(kind: &str, text: &str) -> Result<IdRange, Fault> {
    let bad = || {
        Fault::invalid(format!(
            "initializing ID mappings: {kind} setting is malformed expected [\"uint32:uint32:uint32\"]: [{text:?}]"
        ))
    };
    let numbers: Vec<u32> = text.split(':').map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?;
    let (inside, outside, count) = match numbers[..] {
        [inside, outside] => (inside, outside, 1),
        [inside, outside, count] => (inside, outside, count),
        _ => return Err(bad()),
    };
    if count == 0 || inside.checked_add(count).is_none() || outside.checked_add(count).is_none() {
        return Err(bad());
    }
    Ok(IdRange { inside, outside, count })
}

/// The ranges of `name` in the text of /etc/subuid or /etc/subgid, stacked from 0 (`--subuidname`).
pub fn parse_subordinate(text: &str, name: &str) -> Vec<IdRange> {
    let mut inside = 0;
    let mut ranges = Vec::new();
    for line in text.lines() {
        let mut parts = line.split(':');
        let (Some(owner), Some(first), Some(count)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (Ok(outside), Ok(count)) = (first.parse::<u32>(), count.trim().parse::<u32>()) else { continue };
        if owner == name && count > 0 && outside.checked_add(count).is_some() {
            ranges.push(IdRange { inside, outside, count });
            inside += count;
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        for (text, mode) in [
            ("", NamespaceMode::Private),
            ("private", NamespaceMode::Private),
            ("host", NamespaceMode::Host),
            ("container:web", NamespaceMode::Container("web".into())),
            ("ns:/run/x", NamespaceMode::Path("/run/x".into())),
            ("shareable", NamespaceMode::Private),
        ] {
            assert_eq!(parse_mode("--ipc", text, &["shareable", "none"]).unwrap(), mode, "{text}");
        }
        for text in ["foo", "container:", "ns:x", "pod", "shareable"] {
            assert!(parse_mode("--pid", text, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn user_modes() {
        for (text, mode) in [
            ("", UserMode::Default),
            ("host", UserMode::Host),
            ("keep-id", UserMode::KeepId { uid: None, gid: None }),
            ("keep-id:uid=5,gid=6", UserMode::KeepId { uid: Some(5), gid: Some(6) }),
            ("auto", UserMode::Auto { size: None }),
            ("auto:size=1024", UserMode::Auto { size: Some(1024) }),
            ("nomap", UserMode::NoMap),
            ("container:x", UserMode::Container("x".into())),
        ] {
            assert_eq!(parse_user_mode(text).unwrap(), mode, "{text}");
        }
        for text in ["foo", "keep-id:x=1", "keep-id:uid=x", "host:x", "ns:x"] {
            assert!(parse_user_mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn id_maps() {
        assert_eq!(parse_id_map("UID", "0:1000:5").unwrap(), IdRange { inside: 0, outside: 1000, count: 5 });
        for text in ["1", "a:b:c", "0:0:0", "0:4294967295:2", "0:1:2:3"] {
            assert!(parse_id_map("UID", text).is_err(), "{text}");
        }
        let text = "a:100000:65536\nb:1:1\na:200000:10\nbad\n";
        assert_eq!(
            parse_subordinate(text, "a"),
            [
                IdRange { inside: 0, outside: 100_000, count: 65536 },
                IdRange { inside: 65536, outside: 200_000, count: 10 }
            ]
        );
    }
}
