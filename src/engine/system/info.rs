//! `info`: what the host is and how this store stands on it. Field names are podman's.

use super::version::{Component, version};
use crate::config::defaults::CAPABILITIES;
use crate::config::{CgroupManager, Config};
use crate::engine::Engine;
use crate::model::container::LogDriver;
use crate::model::lifecycle::Phase;
use crate::model::platform::Platform;
use crate::store::Driver;
use crate::sys::idmap;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The whole answer.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct Info {
    pub host: Host,
    pub store: Store,
    pub registries: BTreeMap<String, serde_json::Value>,
    pub plugins: Plugins,
    pub version: Component,
}

/// The machine.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Host {
    pub arch: String,
    pub cgroup_manager: String,
    /// `v1`, `v2`
    pub cgroup_version: String,
    pub cgroup_controllers: Vec<String>,
    pub conmon: Tool,
    pub cpus: usize,
    pub database_backend: String,
    pub distribution: Distribution,
    pub event_logger: String,
    pub hostname: String,
    pub id_mappings: IdMappings,
    pub kernel: String,
    pub log_driver: String,
    pub mem_free: u64,
    pub mem_total: u64,
    pub network_backend: String,
    pub oci_runtime: Tool,
    pub os: String,
    pub remote_socket: RemoteSocket,
    pub security: Security,
    pub service_is_remote: bool,
    pub slirp4netns: Tool,
    pub swap_free: u64,
    pub swap_total: u64,
    pub uptime: String,
    pub linkmode: String,
    /// What is missing for full service, one line each, with what to type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A part that other engines have as a program of its own; ours are roles of one binary.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub struct Tool {
    pub name: String,
    pub package: String,
    pub path: String,
    pub version: String,
}

/// From /etc/os-release.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Distribution {
    pub distribution: String,
    pub version: String,
    pub codename: String,
}

/// The user's namespace; empty as root.
#[derive(Debug, Clone, Default, Serialize)]
#[allow(missing_docs)]
pub struct IdMappings {
    pub uidmap: Vec<IdMapping>,
    pub gidmap: Vec<IdMapping>,
}

/// One line of an id map.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct IdMapping {
    pub container_id: u32,
    pub host_id: u32,
    pub size: u32,
}

/// There is no service.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct RemoteSocket {
    pub exists: bool,
    pub path: String,
}

/// What confines containers.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Security {
    pub apparmor_enabled: bool,
    pub capabilities: String,
    pub rootless: bool,
    pub seccomp_enabled: bool,
    pub seccomp_profile_path: String,
    pub selinux_enabled: bool,
}

/// The store.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Store {
    pub config_file: String,
    pub container_store: ContainerStore,
    pub graph_driver_name: String,
    pub graph_options: BTreeMap<String, String>,
    pub graph_root: String,
    pub graph_root_allocated: u64,
    pub graph_root_used: u64,
    pub graph_status: BTreeMap<String, String>,
    pub image_copy_tmp_dir: String,
    pub image_store: ImageStore,
    pub run_root: String,
    pub volume_path: String,
}

/// How many containers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct ContainerStore {
    pub number: usize,
    pub paused: usize,
    pub running: usize,
    pub stopped: usize,
}

/// How many images.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct ImageStore {
    pub number: usize,
}

/// What is built in.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct Plugins {
    pub volume: Vec<String>,
    pub network: Vec<String>,
    pub log: Vec<String>,
    pub authorization: Option<Vec<String>>,
}

/// Looks around. What can't be read is empty or 0: `info` is asked when things are broken.
pub fn info(engine: &Engine) -> Result<Info> {
    let config = &engine.config;
    let own = version(config.program).client;
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let meminfo = text("/proc/meminfo");
    let memory = parse_meminfo(&meminfo);
    let platform = Platform::own();
    let cgroup = cgroups(&controllers(config), &text("/proc/cgroups"));
    let tool = |name: &str| Tool {
        name: name.to_string(),
        package: String::new(),
        path: std::fs::read_link("/proc/self/exe").map(|path| path.display().to_string()).unwrap_or_default(),
        version: format!("barge version {}", own.version),
    };
    let driver = match engine.store.driver() {
        Driver::Overlay => "overlay",
        Driver::Vfs => "vfs",
    };
    let mut notes = Vec::new();
    notes.extend(crate::rootless::shortage(config).map(|shortage| shortage.line(config)));
    if driver == "vfs" && config.driver.is_none() {
        let root = config.root.display();
        notes.push(format!("the file system of {root} can't carry an overlay: layers are copied (driver vfs)"));
    }
    let host = Host {
        arch: platform.architecture,
        cgroup_manager: config.cgroup_manager.to_string(),
        cgroup_version: cgroup.0,
        cgroup_controllers: cgroup.1,
        conmon: tool("barge"),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        database_backend: "none".into(),
        distribution: parse_os_release(&text("/etc/os-release")),
        event_logger: "none".into(),
        hostname: text("/proc/sys/kernel/hostname").trim().to_string(),
        id_mappings: if config.rootless {
            mappings(&text("/proc/self/uid_map"), &text("/proc/self/gid_map"))
        } else {
            IdMappings::default()
        },
        kernel: text("/proc/sys/kernel/osrelease").trim().to_string(),
        log_driver: log_driver(config).to_string(),
        mem_free: memory("MemFree"),
        mem_total: memory("MemTotal"),
        network_backend: "none".into(),
        oci_runtime: tool("barge"),
        os: platform.os,
        remote_socket: RemoteSocket { exists: false, path: String::new() },
        security: Security {
            apparmor_enabled: text("/sys/module/apparmor/parameters/enabled").starts_with('Y'),
            capabilities: default_capabilities(config),
            rootless: config.rootless,
            seccomp_enabled: text("/proc/self/status").contains("\nSeccomp:"),
            seccomp_profile_path: String::new(),
            selinux_enabled: Path::new("/sys/fs/selinux/enforce").exists(),
        },
        service_is_remote: false,
        slirp4netns: Tool::default(),
        swap_free: memory("SwapFree"),
        swap_total: memory("SwapTotal"),
        uptime: uptime(&text("/proc/uptime")),
        linkmode: "static".into(),
        notes,
    };
    Ok(Info {
        host,
        store: store(engine, driver)?,
        registries: BTreeMap::new(),
        plugins: Plugins {
            volume: Vec::new(),
            network: Vec::new(),
            log: ["json-file", "k8s-file", "none", "passthrough"].map(String::from).to_vec(),
            authorization: None,
        },
        version: own,
    })
}

fn store(engine: &Engine, driver: &str) -> Result<Store> {
    let config = &engine.config;
    let mut counts = ContainerStore::default();
    for container in engine.store.containers()? {
        counts.count(container.phase);
    }
    let space = nix::sys::statvfs::statvfs(&config.root).ok();
    let blocks = |blocks: u64| space.as_ref().map_or(0, |space| blocks * space.fragment_size());
    let (all, free) = space.as_ref().map_or((0, 0), |space| (space.blocks(), space.blocks_free()));
    Ok(Store {
        config_file: config
            .files
            .iter()
            .find(|file| file.ends_with("storage.conf"))
            .map(|file| file.display().to_string())
            .unwrap_or_default(),
        container_store: counts,
        graph_driver_name: driver.to_string(),
        graph_options: BTreeMap::new(),
        graph_root: config.root.display().to_string(),
        graph_root_allocated: blocks(all),
        graph_root_used: blocks(all.saturating_sub(free)),
        graph_status: BTreeMap::from([("Backing Filesystem".into(), file_system(&config.root))]),
        image_copy_tmp_dir: config.tmp.display().to_string(),
        image_store: ImageStore { number: engine.store.images()?.iter().count() },
        run_root: config.run.display().to_string(),
        volume_path: config.root.join("volumes").display().to_string(),
    })
}

impl ContainerStore {
    fn count(&mut self, phase: Phase) {
        self.number += 1;
        match phase {
            Phase::Running => self.running += 1,
            Phase::Paused => self.paused += 1,
            Phase::Creating | Phase::Created | Phase::Exited { .. } | Phase::Removing => self.stopped += 1,
        }
    }
}

/// The default log driver's name.
fn log_driver(config: &crate::config::Config) -> &'static str {
    match config.log_driver() {
        LogDriver::JsonFile => "json-file",
        LogDriver::K8sFile => "k8s-file",
        LogDriver::None => "none",
        LogDriver::Passthrough => "passthrough",
    }
}

/// What a container gets, joined with commas as podman does.
fn default_capabilities(config: &crate::config::Config) -> String {
    match &config.defaults.capabilities {
        Some(list) => list.join(","),
        None => CAPABILITIES.join(","),
    }
}

/// The file that lists what can be limited: an ordinary user has what was delegated to his session.
fn controllers(config: &Config) -> PathBuf {
    let root = Path::new("/sys/fs/cgroup");
    if config.rootless && config.cgroup_manager == CgroupManager::Systemd {
        let uid = config.uid;
        return root.join(format!("user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers"));
    }
    let base = crate::runtime::cgroup::host().map(|host| host.base).unwrap_or_default();
    root.join(base.trim_start_matches('/')).join("cgroup.controllers")
}

/// (`v1` or `v2`, the controllers' names)
fn cgroups(file: &Path, table: &str) -> (String, Vec<String>) {
    match std::fs::read_to_string(file) {
        Ok(list) => ("v2".into(), list.split_ascii_whitespace().map(String::from).collect()),
        Err(_) => ("v1".into(), parse_cgroups(table)),
    }
}

/// The controllers of /proc/cgroups that are switched on.
fn parse_cgroups(table: &str) -> Vec<String> {
    let rows = table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_ascii_whitespace());
    rows.filter_map(|mut fields| Some((fields.next()?, fields.nth(2)?)))
        .filter(|(_, enabled)| *enabled == "1")
        .map(|(name, _)| name.to_string())
        .collect()
}

/// A reader of /proc/meminfo, in bytes.
fn parse_meminfo(text: &str) -> impl Fn(&str) -> u64 + '_ {
    move |name| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default();
        line.split_ascii_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default() * 1024
    }
}

fn parse_os_release(text: &str) -> Distribution {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
        line.trim_matches(['"', '\'']).to_string()
    };
    Distribution { distribution: value("ID"), version: value("VERSION_ID"), codename: value("VERSION_CODENAME") }
}

fn mappings(uids: &str, gids: &str) -> IdMappings {
    let lines = |text: &str| {
        let lines = idmap::parse_map(text).into_iter();
        lines.map(|line| IdMapping { container_id: line.inside, host_id: line.outside, size: line.count }).collect()
    };
    IdMappings { uidmap: lines(uids), gidmap: lines(gids) }
}

/// `2h 5m 1.00s`
fn uptime(text: &str) -> String {
    let seconds: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
    let whole = seconds as u64;
    format!("{}h {}m {}.00s", whole / 3600, whole / 60 % 60, whole % 60)
}

/// In the words of `podman info`.
fn file_system(path: &Path) -> String {
    let Ok(stat) = nix::sys::statfs::statfs(path) else { return String::new() };
    match stat.filesystem_type().0 as u32 {
        0xef53 => "extfs".into(),
        0x0102_1994 => "tmpfs".into(),
        0x5846_5342 => "xfs".into(),
        0x9123_683e => "btrfs".into(),
        0x794c_7630 => "overlayfs".into(),
        0x6969 => "nfs".into(),
        0x2fc1_2fc1 => "zfs".into(),
        number => format!("{number:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        let memory = parse_meminfo("MemTotal:       24684112 kB\nMemFree:  1 kB\n");
        assert_eq!((memory("MemTotal"), memory("MemFree"), memory("SwapFree")), (24684112 * 1024, 1024, 0));
        let table = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t2\t1\nmisc\t0\t1\t0\n";
        assert_eq!(parse_cgroups(table), ["cpuset"]);
        assert_eq!(uptime("7501.22 1.0\n"), "2h 5m 1.00s");
        let debian = parse_os_release("PRETTY_NAME=\"x\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
        assert_eq!((debian.distribution.as_str(), debian.version.as_str()), ("debian", "12"));
    }

    #[test]
    fn containers_are_counted_by_phase() {
        let mut counts = ContainerStore::default();
        for phase in [Phase::Running, Phase::Paused, Phase::Created, Phase::Exited { code: None }] {
            counts.count(phase);
        }
        assert_eq!(counts, ContainerStore { number: 4, paused: 1, running: 1, stopped: 2 });
    }
}
