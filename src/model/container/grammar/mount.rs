//! `-v`, `--mount`, `--tmpfs`.

use super::super::{Mount, MountKind};
use super::{fields, refuse};
use crate::fault::Fault;

const PROPAGATION: [&str; 8] =
    ["shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable"];

/// Options of which at most one may be given.
const EXCLUSIVE: [&[&str]; 7] = [
    &["rw", "ro"],
    &PROPAGATION,
    &["z", "Z"],
    &["exec", "noexec"],
    &["dev", "nodev"],
    &["suid", "nosuid"],
    &["bind", "rbind"],
];

/// `[SOURCE:]TARGET[:OPTIONS]`. `absolute` makes a path that begins with `.` absolute (`-v ./x:/y`).
pub fn parse_volume(text: &str, absolute: impl Fn(&str) -> Result<String, Fault>) -> Result<Mount, Fault> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, options] => (Some(source), target, options),
        _ => {
            return Err(Fault::invalid(format!(
                "{text}: incorrect volume format, should be [host-dir:]ctr-dir[:option]"
            )));
        }
    };
    let target = container_path(target)?;
    let Some(source) = source else {
        return Ok(Mount {
            kind: MountKind::Anonymous,
            source: String::new(),
            target,
            read_only: false,
            options: Vec::new(),
            create_source: false,
        });
    };
    if source.is_empty() {
        return Err(Fault::invalid("host directory cannot be empty"));
    }
    let source = if source.starts_with('/') {
        source.to_string()
    } else if source == "." || source == ".." || source.starts_with("./") || source.starts_with("../") {
        absolute(source)?
    } else {
        return Err(refuse(&format!("-v {text}"), "named volumes are not built")
            .hint(format!("a directory is written with a slash: -v ./{source}:{target}")));
    };
    let options: Vec<String> = options.split(',').filter(|option| !option.is_empty()).map(str::to_string).collect();
    let (read_only, options) = volume_options(options)?;
    Ok(Mount { kind: MountKind::Bind, source, target, read_only, options, create_source: true })
}

fn volume_options(options: Vec<String>) -> Result<(bool, Vec<String>), Fault> {
    let mut read_only = false;
    let mut kept = Vec::new();
    for option in &options {
        match option.as_str() {
            "ro" => read_only = true,
            "rw" => {}
            "O" | "U" | "idmap" | "copy" | "nocopy" | "noatime" => {
                return Err(refuse(&format!("volume option {option}"), "not built"));
            }
            option if EXCLUSIVE.iter().any(|group| group.contains(&option)) => kept.push(option.to_string()),
            option if ["upperdir=", "workdir=", "idmap="].iter().any(|start| option.starts_with(start)) => {
                return Err(refuse(&format!("volume option {option}"), "not built"));
            }
            option => return Err(Fault::invalid(format!("invalid option type {option:?}"))),
        }
    }
    only_one_of_each(&options)?;
    Ok((read_only, kept))
}

fn only_one_of_each(options: &[String]) -> Result<(), Fault> {
    for group in EXCLUSIVE {
        let given: Vec<&str> = options.iter().map(String::as_str).filter(|option| group.contains(option)).collect();
        if given.len() > 1 {
            let names: Vec<String> = group.iter().map(|name| format!("'{name}'")).collect();
            let names = match &names[..] {
                [first, second] => format!("{first} or {second}"),
                names => names.join(", "),
            };
            return Err(Fault::invalid(format!(
                "invalid options {:?}, can only specify 1 {names} option",
                given.join(", ")
            )));
        }
    }
    Ok(())
}

/// `type=bind,source=…,target=…,…`
pub fn parse_mount(text: &str, absolute: impl Fn(&str) -> Result<String, Fault>) -> Result<Mount, Fault> {
    let format = || {
        Fault::invalid(
            "incorrect mount format: should be --mount type=<bind|tmpfs|volume>,[src=<host-dir|volume-name>,]target=<ctr-dir>[,options]",
        )
    };
    let mut kind = String::from("volume");
    let (mut source, mut target) = (None, None);
    let mut rest = Vec::new();
    for field in fields(text)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.trim().to_string(), Some(value.to_string())),
            None => (field.trim().to_string(), None),
        };
        match (&*key, value) {
            ("type", Some(value)) => kind = value,
            ("src" | "source", Some(value)) => source = Some(value),
            ("dst" | "target" | "destination", Some(value)) => target = Some(value),
            (_, value) => rest.push((key, value)),
        }
    }
    match &*kind {
        "bind" | "tmpfs" | "volume" => {}
        "image" | "ramfs" | "devpts" | "glob" | "npipe" | "cluster" | "artifact" => {
            return Err(refuse(
                &format!("--mount type={kind}"),
                "only bind, tmpfs and volume without a source are built",
            ));
        }
        other => return Err(Fault::invalid(format!("invalid filesystem type {other:?}"))),
    }
    let target = container_path(&target.ok_or_else(format)?)?;
    let mut mount = Mount {
        kind: MountKind::Bind,
        source: String::new(),
        target,
        read_only: false,
        options: Vec::new(),
        create_source: false,
    };
    for (key, value) in rest {
        let truth = || match value.as_deref() {
            None => Ok(true),
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(_) => Err(format()),
        };
        match (&*kind, &*key) {
            (_, "ro" | "readonly") => mount.read_only = truth()?,
            (_, "rw") => mount.read_only = !truth()?,
            ("bind", "bind-propagation") => match value.as_deref() {
                Some(value) if PROPAGATION.contains(&value) => mount.options.push(value.into()),
                value => {
                    return Err(Fault::invalid(format!("invalid bind-propagation {:?}", value.unwrap_or_default())));
                }
            },
            ("bind", "bind-nonrecursive") if truth()? => mount.options.push("bind".into()),
            ("bind", "bind-nonrecursive") => {}
            ("bind", "bind-recursive") if matches!(value.as_deref(), Some("enabled" | "writable")) => {}
            ("bind", "bind-recursive") if value.as_deref() == Some("disabled") => mount.options.push("bind".into()),
            ("bind", "relabel") => match value.as_deref() {
                Some("shared") => mount.options.push("z".into()),
                Some("private") => mount.options.push("Z".into()),
                _ => return Err(Fault::invalid("bind options relabel must be shared or private")),
            },
            // docker's --mount refuses a missing source; podman's `bind-create-src` asks for -v's way.
            ("bind", "bind-create-src") => mount.create_source = truth()?,
            ("tmpfs", "tmpfs-size") => match value {
                Some(value) => mount.options.push(format!("size={value}")),
                None => return Err(format()),
            },
            ("tmpfs", "tmpfs-mode") => match value {
                Some(value) => mount.options.push(format!("mode={value}")),
                None => return Err(format()),
            },
            ("tmpfs", "tmpcopyup" | "notmpcopyup") => mount.options.push(key),
            (_, "consistency") => {}
            (
                _,
                "U" | "chown" | "idmap" | "O" | "volume-driver" | "volume-label" | "volume-opt" | "volume-nocopy"
                | "volume-subpath" | "subpath" | "no-dereference" | "bind-recursive",
            ) => {
                return Err(refuse(&format!("--mount option {key}"), "not built"));
            }
            (_, key) if value.is_none() && EXCLUSIVE.iter().any(|group| group.contains(&key)) => {
                mount.options.push(key.into());
            }
            (_, key) => return Err(Fault::invalid(format!("{key}: invalid mount option"))),
        }
    }
    only_one_of_each(&mount.options)?;
    match (&*kind, source) {
        ("tmpfs", None) => mount.kind = MountKind::Tmpfs,
        ("tmpfs", Some(_)) => {
            return Err(Fault::invalid(
                "\"source\" option not supported for \"tmpfs\" mount types: invalid mount option",
            ));
        }
        ("volume", None) => mount.kind = MountKind::Anonymous,
        ("volume", Some(source)) => {
            return Err(refuse(&format!("--mount type=volume,source={source}"), "named volumes are not built"));
        }
        // As podman: without a source, the path is the same on both sides.
        (_, None) => mount.source = mount.target.clone(),
        (_, Some(source)) if source.starts_with('/') => mount.source = source,
        (_, Some(source)) if source.is_empty() => return Err(Fault::invalid("host directory cannot be empty")),
        (_, Some(source)) => mount.source = absolute(&source)?,
    }
    Ok(mount)
}

/// `TARGET[:OPTIONS]`
pub fn parse_tmpfs(text: &str) -> Result<Mount, Fault> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    let target = container_path(target)?;
    let mut mount = Mount {
        kind: MountKind::Tmpfs,
        source: String::new(),
        target,
        read_only: false,
        options: Vec::new(),
        create_source: false,
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            None if option == "ro" => mount.read_only = true,
            None if option == "rw" => mount.read_only = false,
            None if EXCLUSIVE.iter().any(|group| group.contains(&option))
                || [
                    "tmpcopyup",
                    "notmpcopyup",
                    "noatime",
                    "relatime",
                    "strictatime",
                    "nodiratime",
                    "sync",
                    "async",
                ]
                .contains(&option) =>
            {
                mount.options.push(option.into());
            }
            Some(("size" | "mode" | "uid" | "gid" | "nr_inodes" | "nr_blocks" | "mpol" | "huge", _)) => {
                mount.options.push(option.into());
            }
            _ => return Err(Fault::invalid(format!("unknown mount option {option:?}: invalid mount option"))),
        }
    }
    Ok(mount)
}

/// No two mounts on one place, and none on the root itself.
pub fn check_targets(mounts: &[Mount]) -> Result<(), Fault> {
    for (index, mount) in mounts.iter().enumerate() {
        if mount.target == "/" {
            return Err(Fault::invalid("invalid container path \"/\": the destination can't be the root directory"));
        }
        if mounts[..index].iter().any(|other| other.target == mount.target) {
            return Err(Fault::invalid(format!("{}: duplicate mount destination", mount.target)));
        }
    }
    Ok(())
}

/// An absolute path, cleaned lexically as Go's `filepath.Clean` does.
fn container_path(text: &str) -> Result<String, Fault> {
    if text.is_empty() {
        return Err(Fault::invalid("container directory cannot be empty"));
    }
    if !text.starts_with('/') || text.contains('\0') {
        return Err(Fault::invalid(format!("invalid container path {text:?}, must be an absolute path")));
    }
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Ok(format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absolute(path: &str) -> Result<String, Fault> {
        Ok(format!("/here/{path}"))
    }

    /// kind source target ro options create
    fn shown(mount: &Mount) -> String {
        format!(
            "{:?} {} {}{}{} {}",
            mount.kind,
            mount.source,
            mount.target,
            if mount.read_only { " ro" } else { "" },
            if mount.create_source { " create" } else { "" },
            mount.options.join(",")
        )
        .trim_end()
        .to_string()
    }

    #[test]
    fn volumes() {
        for (text, expected) in [
            ("/a:/b", "Bind /a /b create"),
            ("/a:/b/", "Bind /a /b create"),
            ("/a:/b/../c", "Bind /a /c create"),
            ("/a:/b:ro", "Bind /a /b ro create"),
            ("/a:/b:ro,rslave,z", "Bind /a /b ro create rslave,z"),
            ("./a:/b", "Bind /here/./a /b create"),
            (".:/b", "Bind /here/. /b create"),
            ("../a:/b", "Bind /here/../a /b create"),
            ("/b", "Anonymous  /b"),
        ] {
            assert_eq!(shown(&parse_volume(text, absolute).unwrap()), expected, "{text}");
        }
        for (text, why) in [
            ("a", "invalid container path \"a\", must be an absolute path"),
            ("/a:b", "invalid container path \"b\", must be an absolute path"),
            (":/b", "host directory cannot be empty"),
            ("/a:/b:foo", "invalid option type \"foo\""),
            ("/a:/b:ro,rw", "invalid options \"ro, rw\", can only specify 1 'rw' or 'ro' option"),
            ("/a:/b:ro:x", "/a:/b:ro:x: incorrect volume format, should be [host-dir:]ctr-dir[:option]"),
            ("name:/b", "-v name:/b: not supported yet: named volumes are not built"),
            ("a/b:/c", "-v a/b:/c: not supported yet: named volumes are not built"),
            ("/a:/b:O", "volume option O: not supported yet: not built"),
            ("", "container directory cannot be empty"),
        ] {
            assert_eq!(parse_volume(text, absolute).unwrap_err().to_string(), why, "{text}");
        }
    }

    #[test]
    fn mounts() {
        for (text, expected) in [
            ("type=bind,src=/a,dst=/b", "Bind /a /b"),
            ("type=bind,source=/a,target=/b,readonly", "Bind /a /b ro"),
            ("type=bind,source=a,destination=/b,ro=false", "Bind /here/a /b"),
            ("type=bind,src=/a,dst=/b,bind-propagation=rshared", "Bind /a /b rshared"),
            ("type=bind,src=/a,dst=/b,relabel=shared,bind-nonrecursive", "Bind /a /b z,bind"),
            ("type=bind,dst=/b", "Bind /b /b"),
            ("type=tmpfs,dst=/b,tmpfs-size=64m,tmpfs-mode=1777", "Tmpfs  /b size=64m,mode=1777"),
            ("dst=/b", "Anonymous  /b"),
            ("type=bind,\"src=/a,b\",dst=/b", "Bind /a,b /b"),
        ] {
            assert_eq!(shown(&parse_mount(text, absolute).unwrap()), expected, "{text}");
        }
        for (text, why) in [
            ("type=foo,dst=/x", "invalid filesystem type \"foo\""),
            ("src=/a", "incorrect mount format: should be"),
            ("type=bind,src=/a,dst=x", "invalid container path \"x\""),
            ("type=bind,src=/a,dst=/x,foo", "foo: invalid mount option"),
            ("type=volume,src=data,dst=/x", "named volumes are not built"),
            ("type=image,src=i,dst=/x", "not supported yet"),
            ("type=bind,src=/a,dst=/x,bind-propagation=foo", "invalid bind-propagation"),
            ("type=tmpfs,src=/a,dst=/x", "\"source\" option not supported"),
        ] {
            let error = parse_mount(text, absolute).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn tmpfs_and_targets() {
        assert_eq!(
            shown(&parse_tmpfs("/t:rw,size=64m,mode=1777,noexec").unwrap()),
            "Tmpfs  /t size=64m,mode=1777,noexec"
        );
        assert_eq!(shown(&parse_tmpfs("/t").unwrap()), "Tmpfs  /t");
        for text in ["x", "/t:foo", ""] {
            assert!(parse_tmpfs(text).is_err(), "{text}");
        }
        let mounts = [parse_tmpfs("/t").unwrap(), parse_volume("/a:/t/.", absolute).unwrap()];
        assert_eq!(check_targets(&mounts).unwrap_err().to_string(), "/t: duplicate mount destination");
        assert!(check_targets(&[parse_tmpfs("/").unwrap()]).is_err());
    }
}
