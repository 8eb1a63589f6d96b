//! `--security-opt`, `--cap-add`.

use super::refuse;
use crate::fault::Fault;

/// One `--security-opt`, understood. A seccomp profile is still a path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Option {
    NoNewPrivileges(bool),
    DenySocketcall(bool),
    SeccompDefault,
    SeccompUnconfined,
    SeccompFile(String),
    AppArmor(String),
    LabelDisable,
    LabelUser(String),
    LabelRole(String),
    LabelType(String),
    LabelLevel(String),
    Mask(Vec<String>),
    Unmask(Vec<String>),
    ProcOptions(Vec<String>),
}

/// `number` is the option's place on the line, for the message.
pub fn parse_security_option(text: &str, number: usize) -> Result<Option, Fault> {
    let bad = || Fault::invalid(format!("invalid --security-opt {number}: {text:?}"));
    if text == "no-new-privileges" {
        return Ok(Option::NoNewPrivileges(true));
    }
    // docker's old spelling has a colon: `seccomp:unconfined`.
    let at = text.find(['=', ':']).ok_or_else(bad)?;
    let (key, value) = (&text[..at], &text[at + 1..]);
    let list = || value.split(':').map(str::to_string).collect::<Vec<_>>();
    Ok(match (key, value) {
        (_, "") => return Err(bad()),
        ("no-new-privileges", "true") => Option::NoNewPrivileges(true),
        ("no-new-privileges", "false") => Option::NoNewPrivileges(false),
        ("socketcall", "deny") => Option::DenySocketcall(true),
        ("socketcall", "allow") => Option::DenySocketcall(false),
        ("seccomp", "unconfined") => Option::SeccompUnconfined,
        ("seccomp", "builtin" | "default") => Option::SeccompDefault,
        ("seccomp", path) => Option::SeccompFile(path.into()),
        ("apparmor", profile) => Option::AppArmor(profile.into()),
        ("label", "disable") => Option::LabelDisable,
        ("label", "nested") => return Err(refuse("--security-opt label=nested", "not built")),
        ("label", value) => {
            let (kind, value) = value.split_once([':', '=']).filter(|(_, value)| !value.is_empty()).ok_or_else(bad)?;
            match kind {
                "user" => Option::LabelUser(value.into()),
                "role" => Option::LabelRole(value.into()),
                "type" => Option::LabelType(value.into()),
                "level" => Option::LabelLevel(value.into()),
                "filetype" => return Err(refuse("--security-opt label=filetype", "not built")),
                _ => return Err(bad()),
            }
        }
        ("mask", _) => Option::Mask(list()),
        ("unmask", _) => Option::Unmask(list()),
        ("systempaths", "unconfined") => Option::Unmask(vec!["ALL".into()]),
        ("proc-opts", value) => Option::ProcOptions(value.split(',').map(str::to_string).collect()),
        ("writable-cgroups", _) => return Err(refuse("--security-opt writable-cgroups", "not built")),
        _ => return Err(bad()),
    })
}

/// Every capability of capabilities(7), without `CAP_`.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// `net_admin`, `CAP_NET_ADMIN` → `CAP_NET_ADMIN`; `all` → `ALL`.
pub fn normalize_capability(text: &str) -> Result<String, Fault> {
    let upper = text.trim().to_ascii_uppercase();
    if upper == "ALL" || upper == "CAP_ALL" {
        return Ok("ALL".to_string());
    }
    let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
    if CAPABILITIES.contains(&name) {
        Ok(format!("CAP_{name}"))
    } else {
        Err(Fault::invalid(format!("{:?}: unknown capability", format!("CAP_{name}"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        for (text, option) in [
            ("no-new-privileges", Option::NoNewPrivileges(true)),
            ("no-new-privileges:false", Option::NoNewPrivileges(false)),
            ("socketcall=deny", Option::DenySocketcall(true)),
            ("seccomp=unconfined", Option::SeccompUnconfined),
            ("seccomp:unconfined", Option::SeccompUnconfined),
            ("seccomp=/a/b.json", Option::SeccompFile("/a/b.json".into())),
            ("apparmor=unconfined", Option::AppArmor("unconfined".into())),
            ("label=disable", Option::LabelDisable),
            ("label=type:svirt_t", Option::LabelType("svirt_t".into())),
            ("label:level:s0:c1,c2", Option::LabelLevel("s0:c1,c2".into())),
            ("mask=/a:/b", Option::Mask(vec!["/a".into(), "/b".into()])),
            ("unmask=ALL", Option::Unmask(vec!["ALL".into()])),
            ("systempaths=unconfined", Option::Unmask(vec!["ALL".into()])),
            ("proc-opts=hidepid=2", Option::ProcOptions(vec!["hidepid=2".into()])),
        ] {
            assert_eq!(parse_security_option(text, 1).unwrap(), option, "{text}");
        }
        for text in
            ["", "foo", "foo=bar", "seccomp=", "label=foo", "label=type:", "no-new-privileges=x", "socketcall=x"]
        {
            assert!(parse_security_option(text, 1).is_err(), "{text:?}");
        }
    }

    #[test]
    fn capabilities() {
        for (text, name) in [("net_admin", "CAP_NET_ADMIN"), ("CAP_CHOWN", "CAP_CHOWN"), ("all", "ALL")] {
            assert_eq!(normalize_capability(text).unwrap(), name);
        }
        assert_eq!(normalize_capability("foo").unwrap_err().to_string(), "\"CAP_FOO\": unknown capability");
    }
}
