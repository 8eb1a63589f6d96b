//! Capabilities, hidden and read-only paths, sysctls, seccomp, AppArmor.

use super::Facts;
use crate::fault::{Fault, Kind};
use crate::model::container::{ContainerSpec, NamespaceMode, NetworkMode};
use crate::model::selftest::HIDDEN;
use anyhow::Result;
use oci_spec::runtime::Capability;
use std::collections::HashMap;

/// podman's eleven: a part of docker's fourteen (without AUDIT_WRITE, MKNOD and NET_RAW).
pub const DEFAULT_CAPABILITIES: &[Capability] = &[
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::NetBindService,
    Capability::Setfcap,
    Capability::Setgid,
    Capability::Setpcap,
    Capability::Setuid,
    Capability::SysChroot,
];

/// All, in the kernel's numbering.
const ALL: &[Capability] = &[
    Capability::Chown,
    Capability::DacOverride,
    Capability::DacReadSearch,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setpcap,
    Capability::LinuxImmutable,
    Capability::NetBindService,
    Capability::NetBroadcast,
    Capability::NetAdmin,
    Capability::NetRaw,
    Capability::IpcLock,
    Capability::IpcOwner,
    Capability::SysModule,
    Capability::SysRawio,
    Capability::SysChroot,
    Capability::SysPtrace,
    Capability::SysPacct,
    Capability::SysAdmin,
    Capability::SysBoot,
    Capability::SysNice,
    Capability::SysResource,
    Capability::SysTime,
    Capability::SysTtyConfig,
    Capability::Mknod,
    Capability::Lease,
    Capability::AuditWrite,
    Capability::AuditControl,
    Capability::Setfcap,
    Capability::MacOverride,
    Capability::MacAdmin,
    Capability::Syslog,
    Capability::WakeAlarm,
    Capability::BlockSuspend,
    Capability::AuditRead,
    Capability::Perfmon,
    Capability::Bpf,
    Capability::CheckpointRestore,
];

/// What the container may have: the default ones, less `--cap-drop`, plus `--cap-add`; never more than we have.
pub(super) fn capabilities(spec: &ContainerSpec, facts: &Facts) -> Result<Vec<Capability>> {
    let ours = |capability: &Capability| {
        ALL.iter().position(|known| known == capability).is_some_and(|number| facts.capabilities >> number & 1 == 1)
    };
    let set = wanted(spec, facts.default_capabilities.as_deref())?;
    for name in &spec.security.cap_add {
        if let Some(capability) = parse_capability(name)?.filter(|capability| !ours(capability)) {
            let what = format!("adding capability CAP_{capability}: this process does not have it");
            return Err(Fault::new(Kind::Denied, what).into());
        }
    }
    Ok(set.into_iter().filter(ours).collect())
}

/// `None`: all.
fn parse_capability(name: &str) -> Result<Option<Capability>> {
    if name.eq_ignore_ascii_case("ALL") {
        return Ok(None);
    }
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
    Ok(Some(bare.parse().map_err(|_| Fault::invalid(format!("unknown capability \"CAP_{bare}\"")))?))
}

fn wanted(spec: &ContainerSpec, defaults: Option<&[String]>) -> Result<Vec<Capability>> {
    let security = &spec.security;
    if security.privileged {
        return Ok(ALL.to_vec());
    }
    let parse = |names: &[String]| names.iter().map(|name| parse_capability(name)).collect::<Result<Vec<_>>>();
    let (add, drop) = (parse(&security.cap_add)?, parse(&security.cap_drop)?);
    let mut set: Vec<Capability> = match (add.contains(&None), drop.contains(&None)) {
        (true, _) => ALL.to_vec(),
        (false, true) => Vec::new(),
        (false, false) => match defaults {
            Some(names) => parse(names)?.into_iter().flatten().collect(),
            None => DEFAULT_CAPABILITIES.to_vec(),
        },
    };
    set.retain(|capability| !drop.contains(&Some(*capability)));
    for capability in add.into_iter().flatten() {
        if !set.contains(&capability) {
            set.push(capability);
        }
    }
    Ok(set)
}

/// The names of what a container may have on a host that can give all, with `CAP_`.
pub fn capability_names(spec: &ContainerSpec, defaults: Option<&[String]>) -> Vec<String> {
    let set = wanted(spec, defaults).unwrap_or_default();
    set.iter().map(|capability| format!("CAP_{capability}")).collect()
}

/// The names of a set in the kernel's numbering, without `CAP_`.
pub fn names_of_capabilities(set: u64) -> Vec<String> {
    ALL.iter().enumerate().filter(|(number, _)| set >> number & 1 == 1).map(|(_, name)| name.to_string()).collect()
}

/// Docker's, and what lets root of the container switch the kernel's debug messages.
const READ_ONLY: &[&str] =
    &["/proc/bus", "/proc/dynamic_debug", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

pub(super) fn masked_paths(spec: &ContainerSpec, facts: &Facts) -> Vec<String> {
    if spec.security.privileged {
        return spec.security.mask.clone();
    }
    let mut paths = unless_unmasked(spec, HIDDEN);
    for cpu in &facts.thermal_cpus {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/thermal_throttle");
        paths.extend(unless_unmasked(spec, &[path.as_str()]));
    }
    paths.extend(spec.security.mask.iter().cloned());
    paths
}

pub(super) fn readonly_paths(spec: &ContainerSpec) -> Vec<String> {
    if spec.security.privileged { Vec::new() } else { unless_unmasked(spec, READ_ONLY) }
}

fn unless_unmasked(spec: &ContainerSpec, paths: &[&str]) -> Vec<String> {
    let unmask = &spec.security.unmask;
    let open = |path: &str| {
        unmask.iter().any(|pattern| {
            pattern.eq_ignore_ascii_case("all")
                || pattern == path
                || pattern.strip_suffix("/*").is_some_and(|dir| path.starts_with(dir))
        })
    };
    paths.iter().filter(|path| !open(path)).map(|path| path.to_string()).collect()
}

/// The kernel's namespaced keys and the values that can be written to them.
pub(super) fn sysctls(spec: &ContainerSpec) -> Result<HashMap<String, String>> {
    check_sysctls(spec)?;
    let mut sysctls: HashMap<_, _> = spec.sysctls.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    // Lets root of the container ping without CAP_NET_RAW. Useless where there is only loopback.
    if matches!(spec.namespaces.network, NetworkMode::Default | NetworkMode::Networks) && !spec.security.privileged {
        sysctls.entry("net.ipv4.ping_group_range".into()).or_insert_with(|| "0 0".into());
    }
    Ok(sysctls)
}

/// Refuses sysctls that are not the container's own, or that smuggle (CVE-2022-0811).
pub fn check_sysctls(spec: &ContainerSpec) -> Result<()> {
    for (key, value) in &spec.sysctls {
        let refuse = |why: &str| Err(Fault::invalid(format!("sysctl '{key}': {why}")).into());
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:".contains(&byte);
        if key.is_empty() || !key.bytes().all(good) || key.split(['.', '/']).any(|part| part.is_empty()) {
            return refuse("is not a valid name");
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t') {
            return refuse("has a value with control characters");
        }
        let dotted = key.replace('/', ".");
        let ipc = dotted.starts_with("fs.mqueue.")
            || matches!(
                dotted.as_str(),
                "kernel.msgmax"
                    | "kernel.msgmnb"
                    | "kernel.msgmni"
                    | "kernel.sem"
                    | "kernel.shmall"
                    | "kernel.shmmax"
                    | "kernel.shmmni"
                    | "kernel.shm_rmid_forced"
            );
        let (own, flag) = if ipc {
            (spec.namespaces.ipc != NamespaceMode::Host, "--ipc=host")
        } else if dotted.starts_with("net.") {
            (spec.namespaces.network != NetworkMode::Host, "--network=host")
        } else if matches!(dotted.as_str(), "kernel.domainname" | "kernel.hostname") {
            (spec.namespaces.uts != NamespaceMode::Host, "--uts=host")
        } else {
            return refuse("is not allowed: it is not the container's own");
        };
        if !own {
            return refuse(&format!("is not allowed with {flag}"));
        }
    }
    Ok(())
}

/// What was asked for, privileged or not; else the default one.
pub(super) fn apparmor(spec: &ContainerSpec, facts: &Facts) -> Option<String> {
    let profile = spec.security.apparmor.clone().or_else(|| facts.apparmor.clone());
    profile.filter(|profile| !profile.is_empty() && profile != "unconfined")
}
