//! What is mounted where, in order.

use super::resolve::{clean, is_kernels};
use super::{Facts, Resolved};
use crate::config::Program;
use crate::fault::Fault;
use crate::model::container::{ContainerSpec, MountKind, NamespaceMode, NetworkMode};
use anyhow::Result;
use oci_spec::runtime::Mount;
use std::collections::BTreeSet;

pub(super) fn mounts(spec: &ContainerSpec, resolved: &Resolved, facts: &Facts) -> Result<Vec<Mount>> {
    check_targets(spec)?;
    let mut list = kernel_mounts(spec, facts);
    // A mount of the user's own takes the place of a default one.
    let own: BTreeSet<String> = spec.mounts.iter().map(|mount| clean(&mount.target)).collect();
    list.retain(|mount| !own.contains(mount.destination().to_string_lossy().as_ref()));
    if spec.security.read_only && spec.security.read_only_tmpfs.unwrap_or(facts.program != Program::Docker) {
        for target in ["/run", "/tmp", "/var/tmp"].iter().filter(|target| !own.contains(**target)) {
            list.push(mount(target, "tmpfs", "tmpfs", &["nosuid", "nodev", "tmpcopyup"]));
        }
    }
    for (source, target, read_only) in facts.files.iter().filter(|(_, target, _)| !own.contains(target.as_str())) {
        let access = if *read_only { "ro" } else { "rw" };
        list.push(mount(target, "bind", &source.to_string_lossy(), &["bind", "rprivate", access]));
    }
    if let Some(zone) = facts.time_zone.as_ref().filter(|_| !own.contains("/etc/localtime")) {
        list.push(mount("/etc/localtime", "bind", &zone.to_string_lossy(), &["bind", "rprivate", "ro"]));
    }
    let mut users = Vec::new();
    for volume in &resolved.volumes {
        let source = facts.volumes.join(&volume.directory);
        let access = if volume.read_only { "ro" } else { "rw" };
        // Kept with the engine's owners, shown with the container's.
        let owners = if facts.ids.is_some() && !facts.owned { "idmap" } else { "rw" };
        users.push(mount(
            &volume.target,
            "bind",
            &source.to_string_lossy(),
            &["bind", "rprivate", "nosuid", "nodev", owners, access],
        ));
    }
    for wanted in &spec.mounts {
        match wanted.kind {
            MountKind::Bind => users.push(bind(wanted)),
            MountKind::Tmpfs => users.push(tmpfs(wanted, facts.program != Program::Docker)),
            MountKind::Anonymous => {}
        }
    }
    // A mount beneath another one must come after it.
    users.sort_by_key(|mount| mount.destination().components().count());
    // The engine's own files stay on top of a user's directory, such as `-v x:/etc`? No: docker and podman let the
    // files win, because they are mounted at deeper paths.
    let (dirs, files): (Vec<_>, Vec<_>) = users.into_iter().partition(|user| {
        list.iter().any(|known| {
            known.destination() != user.destination() && known.destination().starts_with(user.destination())
        })
    });
    let first_file = list.iter().position(|mount| mount.typ().as_deref() == Some("bind")).unwrap_or(list.len());
    list.splice(first_file..first_file, dirs);
    list.extend(files);
    Ok(list)
}

fn check_targets(spec: &ContainerSpec) -> Result<()> {
    let mut seen = BTreeSet::new();
    for mount in &spec.mounts {
        let target = clean(&mount.target);
        if !mount.target.starts_with('/') {
            return Err(
                Fault::invalid(format!("invalid container path {:?}, must be an absolute path", mount.target)).into()
            );
        }
        if target == "/" {
            return Err(Fault::invalid("invalid container path \"/\": must not be the root directory").into());
        }
        if !seen.insert(target.clone()) {
            return Err(Fault::invalid(format!("{target}: duplicate mount destination")).into());
        }
        // A mount there could make security labels and sysctls go to a fake file.
        if is_kernels(&target) && !allowed_beneath_kernel(&target) && !spec.security.privileged {
            return Err(Fault::invalid(format!("mounting on {target}: not allowed below /proc and /sys")).into());
        }
    }
    Ok(())
}

/// runc's list: files that programs such as lxcfs stand in for.
fn allowed_beneath_kernel(target: &str) -> bool {
    matches!(
        target,
        "/proc/cpuinfo"
            | "/proc/diskstats"
            | "/proc/meminfo"
            | "/proc/stat"
            | "/proc/swaps"
            | "/proc/uptime"
            | "/proc/loadavg"
            | "/proc/slabinfo"
            | "/proc/sys/kernel/ns_last_pid"
            | "/proc/sys/crypto/fips_enabled"
            | "/sys/fs/cgroup"
    ) || target.starts_with("/sys/fs/cgroup/")
}

fn kernel_mounts(spec: &ContainerSpec, facts: &Facts) -> Vec<Mount> {
    let privileged = spec.security.privileged;
    let modes = &spec.namespaces;
    let access = if privileged { "rw" } else { "ro" };
    // A user namespace may mount a fresh proc or sysfs only for namespaces that it owns.
    let nested = facts.rootless || facts.ids.is_some();
    let mut proc_options = vec!["nosuid", "noexec", "nodev"];
    proc_options.extend(spec.security.proc_options.iter().map(String::as_str));
    let mut list = vec![if nested && modes.pid == NamespaceMode::Host {
        mount("/proc", "bind", "/proc", &["rbind", "nosuid", "noexec", "nodev"])
    } else {
        mount("/proc", "proc", "proc", &proc_options)
    }];
    list.push(mount("/dev", "tmpfs", "tmpfs", &["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"]));
    let maps_tty = match &facts.ids {
        Some(ids) => ids.gids.iter().any(|range| (range.inside..range.inside.saturating_add(range.count)).contains(&5)),
        None => facts.maps_tty,
    };
    let mut devpts = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    if maps_tty {
        devpts.push("gid=5");
    }
    list.push(mount("/dev/pts", "devpts", "devpts", &devpts));
    if modes.ipc == NamespaceMode::Host {
        list.push(mount("/dev/shm", "bind", "/dev/shm", &["rbind", "nosuid", "noexec", "nodev"]));
        if facts.has_mqueue {
            list.push(mount("/dev/mqueue", "bind", "/dev/mqueue", &["rbind", "nosuid", "noexec", "nodev"]));
        }
    } else {
        let size = format!("size={}", spec.shm_size.unwrap_or(64 << 20));
        list.push(mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", &size]));
        list.push(mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]));
    }
    let own_network = matches!(modes.network, NetworkMode::Default | NetworkMode::None | NetworkMode::Networks);
    list.push(if nested && !own_network {
        mount("/sys", "bind", "/sys", &["rbind", "nosuid", "noexec", "nodev", "ro"])
    } else {
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", access])
    });
    if !spec.resources.no_cgroup {
        list.push(mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", access]));
    }
    list
}

/// A word such as `rslave`.
pub fn is_propagation(option: &str) -> bool {
    matches!(option, "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared" | "unbindable" | "runbindable")
}

fn bind(wanted: &crate::model::container::Mount) -> Mount {
    let mut options: Vec<&str> = Vec::new();
    let given: Vec<&str> = wanted.options.iter().map(String::as_str).collect();
    options.push(if given.contains(&"bind") { "bind" } else { "rbind" });
    if !given.iter().any(|option| is_propagation(option)) {
        options.push("rprivate");
    }
    options.push(if wanted.read_only { "ro" } else { "rw" });
    // Relabelling, chowning and docker's Mac words are not the kernel's.
    let not_mounts = |option: &&str| {
        matches!(
            *option,
            "z" | "Z" | "U" | "bind" | "rbind" | "cached" | "delegated" | "consistent" | "nocopy" | "copy"
        )
    };
    options.extend(given.iter().filter(|option| !not_mounts(option)));
    mount(&clean(&wanted.target), "bind", &wanted.source, &options)
}

/// `copy_up`: as podman, it begins with what the image has there.
fn tmpfs(wanted: &crate::model::container::Mount, copy_up: bool) -> Mount {
    let given: Vec<&str> = wanted.options.iter().map(String::as_str).collect();
    let mut options: Vec<&str> = vec![if wanted.read_only { "ro" } else { "rw" }];
    for (option, opposite) in [("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec")] {
        if !given.contains(&option) && !given.contains(&opposite) {
            options.push(option);
        }
    }
    let sets_mode = given.iter().any(|option| option.starts_with("mode="));
    if copy_up && !sets_mode && !given.contains(&"notmpcopyup") && !given.contains(&"tmpcopyup") {
        options.push("tmpcopyup");
    }
    options.extend(given.iter().filter(|option| !matches!(**option, "notmpcopyup" | "rw" | "ro")));
    mount(&clean(&wanted.target), "tmpfs", "tmpfs", &options)
}

fn mount(target: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_destination(target.into())
        .set_typ(Some(kind.into()))
        .set_source(Some(source.into()))
        .set_options(Some(options.iter().map(|option| option.to_string()).collect()));
    mount
}
