//! `oci spec`

use super::Globals;
use crate::fault::Fault;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Write a config.json to begin with
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory of the bundle
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// For an ordinary user
    #[arg(long)]
    rootless: bool,
}

/// Runs the command.
pub fn run(args: &Args, _: &Globals) -> Result<()> {
    let path = args.bundle.join("config.json");
    if path.exists() {
        return Err(Fault::conflict("file config.json exists. Remove it first").into());
    }
    let mut config = usual();
    if args.rootless {
        for_user(&mut config);
    }
    let mut text = serde_json::to_string_pretty(&config).context("writing the config")?;
    text.push('\n');
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

/// What runc writes.
fn usual() -> Value {
    let capabilities = json!(["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    let mount = |place: &str, kind: &str, source: &str, options: &[&str]| json!({"destination": place, "type": kind, "source": source, "options": options});
    json!({
        "ociVersion": super::SPEC,
        "process": {
            "terminal": true,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": true,
        },
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "runc",
        "mounts": [
            mount("/proc", "proc", "proc", &[]),
            mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", "devpts",
                &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
            mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]),
        ],
        "linux": {
            "resources": {"devices": [{"allow": false, "access": "rwm"}]},
            "namespaces": [
                {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
                {"type": "cgroup"},
            ],
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    })
}

/// The host's network and sysfs, no limits, and a user namespace of the caller's one id.
fn for_user(config: &mut Value) {
    let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    let line = |id: u32| json!([{"containerID": 0, "hostID": id, "size": 1}]);
    let linux = &mut config["linux"];
    linux["uidMappings"] = line(uid);
    linux["gidMappings"] = line(gid);
    if let Some(linux) = linux.as_object_mut() {
        linux.remove("resources");
    }
    if let Some(namespaces) = linux["namespaces"].as_array_mut() {
        namespaces.retain(|one| one["type"] != "network");
        namespaces.push(json!({"type": "user"}));
    }
    if let Some(mounts) = config["mounts"].as_array_mut() {
        mounts.retain(|mount| mount["destination"] != "/sys/fs/cgroup");
        for mount in mounts {
            if mount["destination"] == "/sys" {
                mount["type"] = json!("none");
                mount["source"] = json!("/sys");
                mount["options"] = json!(["rbind", "nosuid", "noexec", "nodev", "ro"]);
            }
            if let Some(options) = mount["options"].as_array_mut() {
                options.retain(|option| option != "gid=5");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_understood() {
        let mut config = usual();
        serde_json::from_value::<oci_spec::runtime::Spec>(config.clone()).unwrap();
        for_user(&mut config);
        let spec: oci_spec::runtime::Spec = serde_json::from_value(config).unwrap();
        assert!(spec.linux().as_ref().unwrap().resources().is_none());
    }
}
