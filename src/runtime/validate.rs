//! Whether a bundle makes sense, and whether all that it asks for is built. Pure.

use super::Bundle;
use super::plan::{clean, sysctl_path};
use crate::fault::Fault;
use oci_spec::runtime::{LinuxNamespaceType as Kind, Spec};
use std::path::Path;

/// Checks everything that can be checked without looking at the host.
pub fn bundle(bundle: &Bundle) -> Result<(), Fault> {
    id(&bundle.id)?;
    self::spec(&bundle.spec)
}

/// The same of the description alone.
pub fn spec(spec: &Spec) -> Result<(), Fault> {
    unbuilt(spec)?;
    spec.hooks().as_ref().map_or(Ok(()), super::hook::check)?;
    process(spec)?;
    namespaces(spec)?;
    mounts(spec)?;
    sysctls(spec)
}

/// Whether a container may have this name.
pub fn id(id: &str) -> Result<(), Fault> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte);
    let first = id.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if first && id.len() <= 128 && id.bytes().all(good) {
        return Ok(());
    }
    Err(Fault::invalid(format!("container id {id:?}: not [a-zA-Z0-9_][a-zA-Z0-9_.+-]*")))
}

fn unbuilt(spec: &Spec) -> Result<(), Fault> {
    let linux = spec.linux().as_ref();
    let list = [
        (linux.is_some_and(|linux| linux.intel_rdt().is_some()), "linux.intelRdt"),
        (
            linux.is_some_and(|linux| linux.net_devices().as_ref().is_some_and(|one| !one.is_empty())),
            "linux.netDevices",
        ),
        (spec.solaris().is_some() || spec.windows().is_some() || spec.vm().is_some(), "another platform's section"),
    ];
    match list.iter().find(|(asked, _)| *asked) {
        Some((_, name)) => Err(Fault::unsupported(format!("{name} is not built"))),
        None => Ok(()),
    }
}

fn process(spec: &Spec) -> Result<(), Fault> {
    let process = spec.process().as_ref().ok_or_else(|| Fault::invalid("the bundle has no process"))?;
    if process.args().as_ref().is_none_or(Vec::is_empty) {
        return Err(Fault::invalid("no command or entrypoint provided, and no CMD or ENTRYPOINT from image"));
    }
    if !process.cwd().is_absolute() {
        let cwd = process.cwd().display();
        return Err(Fault::invalid(format!(
            "the working directory `{cwd}` is invalid, it needs to be an absolute path"
        )));
    }
    for variable in process.env().iter().flatten() {
        if variable.starts_with('=') || !variable.contains('=') {
            return Err(Fault::invalid(format!("environment variable {variable:?}: not NAME=value")));
        }
    }
    let user = process.user();
    if user.uid() == u32::MAX || user.gid() == u32::MAX {
        return Err(Fault::invalid("user or group id 4294967295 is nobody's"));
    }
    Ok(())
}

fn has(spec: &Spec, kind: Kind) -> bool {
    let linux = spec.linux().as_ref();
    let namespaces = linux.and_then(|linux| linux.namespaces().as_deref()).unwrap_or_default();
    namespaces.iter().any(|namespace| namespace.typ() == kind)
}

fn namespaces(spec: &Spec) -> Result<(), Fault> {
    let linux = spec.linux().as_ref();
    let namespaces = linux.and_then(|linux| linux.namespaces().as_deref()).unwrap_or_default();
    for (index, namespace) in namespaces.iter().enumerate() {
        if namespaces[..index].iter().any(|other| other.typ() == namespace.typ()) {
            return Err(Fault::invalid(format!("namespace {:?} is listed twice", namespace.typ())));
        }
    }
    let named = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
    if (named(spec.hostname()) || named(spec.domainname())) && !has(spec, Kind::Uts) {
        return Err(Fault::invalid("a host name can't be set without a UTS namespace of the container's own"));
    }
    for name in [spec.hostname(), spec.domainname()].into_iter().flatten() {
        if name.len() > 64 {
            return Err(Fault::invalid(format!("host name {name}: longer than 64 bytes")));
        }
    }
    Ok(())
}

/// What may be mounted below `/proc`: views of the machine that programs such as lxcfs give, and nothing that changes it.
const BELOW_PROC: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/dev",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys/crypto/fips_enabled",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/uptime",
];

fn mounts(spec: &Spec) -> Result<(), Fault> {
    for mount in spec.mounts().iter().flatten() {
        let target = clean(mount.destination());
        let shown = mount.destination().display();
        if target == Path::new("/") {
            return Err(Fault::invalid(format!("mount {shown}: a mount can't replace the root")));
        }
        let kind = mount.typ().as_deref().unwrap_or("bind");
        let bind = mount.options().iter().flatten().any(|option| option == "bind" || option == "rbind");
        if target == Path::new("/proc") && kind != "proc" && !bind && kind != "bind" {
            return Err(Fault::invalid(format!("mount {shown}: only a proc file system may be mounted there")));
        }
        if target == Path::new("/sys") && kind != "sysfs" && !bind && kind != "bind" {
            return Err(Fault::invalid(format!("mount {shown}: only a sysfs may be mounted there")));
        }
        if target.starts_with("/proc")
            && target != Path::new("/proc")
            && !BELOW_PROC.iter().any(|allowed| target == Path::new(allowed))
        {
            return Err(Fault::invalid(format!("mount {shown}: nothing may be mounted inside of /proc")));
        }
    }
    Ok(())
}

/// Sysctls that belong to a namespace: exact names, and beginnings.
const IPC: &[&str] = &[
    "kernel/msgmax",
    "kernel/msgmnb",
    "kernel/msgmni",
    "kernel/sem",
    "kernel/shmall",
    "kernel/shmmax",
    "kernel/shmmni",
    "kernel/shm_rmid_forced",
];

fn sysctls(spec: &Spec) -> Result<(), Fault> {
    let sysctls = spec.linux().as_ref().and_then(|linux| linux.sysctl().as_ref());
    for (key, value) in sysctls.into_iter().flatten() {
        let path = sysctl_path(key);
        let refuse = |why: &str| Err(Fault::invalid(format!("sysctl {key:?}: {why}")));
        let good = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        if path.is_empty() || !path.chars().all(good) || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return refuse("not a sysctl's name");
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return refuse("its value holds control characters");
        }
        let needed = match path.as_str() {
            _ if path.starts_with("net/") => Kind::Network,
            _ if path.starts_with("fs/mqueue/") || IPC.contains(&path.as_str()) => Kind::Ipc,
            "kernel/domainname" => Kind::Uts,
            "kernel/hostname" => return refuse("use --hostname"),
            _ => return refuse("it belongs to no namespace, so it would change the host"),
        };
        if !has(spec, needed) {
            return refuse("it would change the host, whose namespace the container shares");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{CgroupChoice, RootSource, Seccomp};
    use serde_json::{Value, json};

    fn with(change: impl Fn(&mut Value)) -> Bundle {
        let mut spec = json!({
            "ociVersion": "1.2.0",
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/", "env": ["A=b"]},
            "linux": {"namespaces": [{"type": "mount"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}]},
        });
        change(&mut spec);
        Bundle {
            id: "web".into(),
            spec: Box::new(serde_json::from_value(spec).unwrap()),
            root: RootSource::Directory("/r".into()),
            seccomp: Seccomp::Default,
            cgroup: CgroupChoice::None,
            init: false,
            manner: Default::default(),
            cache_dir: "/c".into(),
            state_dir: "/s".into(),
        }
    }

    #[test]
    fn a_sound_bundle_passes() {
        bundle(&with(|_| ())).unwrap();
        bundle(&with(|spec| {
            spec["hostname"] = json!("web");
            spec["linux"]["sysctl"] =
                json!({"net.ipv4.ip_forward": "1", "kernel.shmmax": "5", "net/ipv4/conf/e.1/arp": "1"});
            spec["mounts"] = json!([
                {"destination": "/proc", "type": "proc"},
                {"destination": "/proc/meminfo", "type": "bind", "source": "/x"},
                {"destination": "/sys", "type": "sysfs"},
            ]);
        }))
        .unwrap();
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        type Case = (&'static str, Box<dyn Fn(&mut Value)>);
        let cases: Vec<Case> = vec![
            ("no command", Box::new(|spec| spec["process"]["args"] = json!([]))),
            ("absolute path", Box::new(|spec| spec["process"]["cwd"] = json!("tmp"))),
            ("NAME=value", Box::new(|spec| spec["process"]["env"] = json!(["NOVALUE"]))),
            ("4294967295", Box::new(|spec| spec["process"]["user"]["uid"] = json!(4294967295u32))),
            ("inside of /proc", Box::new(|spec| spec["mounts"] = json!([{"destination": "/x/../proc//sys"}]))),
            ("only a proc", Box::new(|spec| spec["mounts"] = json!([{"destination": "/proc", "type": "tmpfs"}]))),
            ("only a sysfs", Box::new(|spec| spec["mounts"] = json!([{"destination": "/sys/", "type": "tmpfs"}]))),
            ("replace the root", Box::new(|spec| spec["mounts"] = json!([{"destination": "/a/.."}]))),
            ("not absolute", Box::new(|spec| spec["hooks"] = json!({"poststop": [{"path": "x"}]}))),
            ("twice", Box::new(|spec| spec["linux"]["namespaces"] = json!([{"type": "ipc"}, {"type": "ipc"}]))),
            (
                "UTS",
                Box::new(|spec| {
                    spec["hostname"] = json!("x");
                    spec["linux"]["namespaces"] = json!([{"type": "mount"}]);
                }),
            ),
        ];
        for (word, change) in cases {
            let error = bundle(&with(change)).unwrap_err();
            assert!(error.what.contains(word), "{word}: {error}");
        }
    }

    #[test]
    fn sysctls_of_the_host_are_refused() {
        for (key, value) in [
            ("kernel.core_pattern", "|/x"),
            ("kernel.shm_rmid_forced", "1\n2"),
            ("net.ipv4/../../kernel/core_pattern", "x"),
            ("net/../kernel/core_pattern", "x"),
            ("kernel.shm_rmid_forced=1+kernel.core_pattern", "x"),
            ("vm.swappiness", "1"),
            ("", "1"),
            ("net..x", "1"),
            ("kernel.hostname", "x"),
        ] {
            let one = with(|spec| spec["linux"]["sysctl"] = json!({key: value}));
            assert!(bundle(&one).is_err(), "{key}={value:?} was taken");
        }
        let shared = with(|spec| {
            spec["linux"]["sysctl"] = json!({"net.core.somaxconn": "1"});
            spec["linux"]["namespaces"] = json!([{"type": "mount"}]);
        });
        assert!(bundle(&shared).unwrap_err().what.contains("shares"));
    }
}
