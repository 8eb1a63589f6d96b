//! `HostConfig`: what was asked for, in docker's and podman's names.

use super::super::{cgroup_path, start};
use crate::engine::Engine;
use crate::model::container::*;
use crate::store::Container;
use serde_json::{Map, Value, json};

pub(super) fn host_config(engine: &Engine, container: &Container) -> Value {
    let spec = &container.spec;
    let limits = &spec.resources;
    let security = &spec.security;
    let modes = &spec.namespaces;
    let rates = |list: &[DeviceRate]| -> Value {
        list.iter().map(|device| json!({"Path": device.path, "Rate": device.rate})).collect::<Vec<_>>().into()
    };
    let weights: Vec<Value> =
        limits.blkio_weight_device.iter().map(|device| json!({"Path": device.path, "Weight": device.weight})).collect();
    let ulimits: Vec<Value> = limits
        .ulimits
        .iter()
        .map(|(name, limit)| json!({"Name": name, "Soft": limit.soft, "Hard": limit.hard}))
        .collect();
    let devices: Vec<Value> = spec
        .devices
        .iter()
        .map(|device| {
            json!({"PathOnHost": device.source, "PathInContainer": device.target, "CgroupPermissions": device.permissions})
        })
        .collect();
    let tmpfs: Map<String, Value> = spec
        .mounts
        .iter()
        .filter(|mount| mount.kind == MountKind::Tmpfs)
        .map(|mount| (mount.target.clone(), json!(mount.options.join(","))))
        .collect();
    let path = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let mut value = json!({
        "Binds": binds(spec),
        "ContainerIDFile": "",
        "LogConfig": {
            "Type": log_word(start::log_driver(engine, spec)),
            "Config": spec.log.options,
            "Path": start::log_path(engine, container).to_string_lossy(),
            "Tag": spec.log.options.get("tag").cloned().unwrap_or_default(),
            "Size": spec.log.options.get("max-size").cloned().unwrap_or_else(|| "10m".into()),
        },
        "NetworkMode": network_word(spec),
        "PortBindings": super::network::bindings(spec),
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "AutoRemove": spec.remove,
        "Annotations": spec.annotations,
        "VolumeDriver": "",
        "VolumesFrom": null,
        "CapAdd": security.cap_add,
        "CapDrop": security.cap_drop,
        "Cgroup": "",
        "Cgroups": if limits.no_cgroup { "disabled" } else { "default" },
        "CgroupMode": namespace_word(&modes.cgroup),
        "CgroupnsMode": namespace_word(&modes.cgroup),
        "CgroupManager": engine.config.cgroup_manager.to_string(),
        "CgroupParent": limits.cgroup_parent.clone().unwrap_or_default(),
        "CgroupConf": limits.unified,
        "CgroupPath": super::super::resolved(container).cgroup.map_or_else(
            || cgroup_path(container).to_string_lossy().into_owned(),
            |place| place.path,
        ),
    });
    let modes = json!({
        "Dns": spec.network.dns, "DnsOptions": spec.network.dns_options, "DnsSearch": spec.network.dns_search,
        "ExtraHosts": spec.extra_hosts,
        "GroupAdd": spec.process.groups,
        "IpcMode": match namespace_word(&modes.ipc) { word if word == "private" => "shareable".to_string(), word => word },
        "PidMode": namespace_word(&modes.pid),
        "UTSMode": namespace_word(&modes.uts),
        "UsernsMode": user_word(&modes.user),
        "IDMappings": id_mappings(container),
        "Links": links(spec),
        "OomScoreAdj": limits.oom_score_adj.unwrap_or(0),
        "Privileged": security.privileged,
        "PublishAllPorts": spec.network.publish_all,
        "ReadonlyRootfs": security.read_only,
        "SecurityOpt": security_options(security),
        "StorageOpt": null,
        "Tmpfs": tmpfs,
        "ShmSize": spec.shm_size.unwrap_or(64 << 20),
        "Sysctls": spec.sysctls,
        "Runtime": "oci",
        "ConsoleSize": [0, 0],
        "Isolation": "",
    });
    let limited = json!({
        "CpuShares": limits.cpu_shares.unwrap_or(0),
        "Memory": limits.memory.unwrap_or(0),
        "NanoCpus": limits.nano_cpus.unwrap_or(0),
        "BlkioWeight": limits.blkio_weight.unwrap_or(0),
        "BlkioWeightDevice": weights,
        "BlkioDeviceReadBps": rates(&limits.device_read_bps),
        "BlkioDeviceWriteBps": rates(&limits.device_write_bps),
        "BlkioDeviceReadIOps": rates(&limits.device_read_iops),
        "BlkioDeviceWriteIOps": rates(&limits.device_write_iops),
        "CpuPeriod": limits.cpu_period.unwrap_or(0),
        "CpuQuota": limits.cpu_quota.unwrap_or(0),
        "CpuRealtimePeriod": limits.cpu_rt_period.unwrap_or(0),
        "CpuRealtimeRuntime": limits.cpu_rt_runtime.unwrap_or(0),
        "CpusetCpus": limits.cpuset_cpus.clone().unwrap_or_default(),
        "CpusetMems": limits.cpuset_mems.clone().unwrap_or_default(),
        "Devices": devices,
        "DeviceCgroupRules": spec.device_rules,
        "DeviceRequests": null,
        "DiskQuota": 0,
        "KernelMemory": limits.kernel_memory.unwrap_or(0),
        "MemoryReservation": limits.memory_reservation.unwrap_or(0),
        "MemorySwap": limits.memory_swap.unwrap_or_else(|| limits.memory.unwrap_or(0).saturating_mul(2)),
        "MemorySwappiness": limits.memory_swappiness.map_or(-1, |swappiness| swappiness as i64),
        "OomKillDisable": limits.oom_kill_disable,
        "PidsLimit": limits.pids_limit.unwrap_or(2048),
        "Ulimits": ulimits,
        "CpuCount": 0, "CpuPercent": 0, "IOMaximumIOps": 0, "IOMaximumBandwidth": 0,
        "Init": spec.process.init,
        "MaskedPaths": security.mask,
    });
    for more in [modes, limited] {
        if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
            value.extend(more);
        }
    }
    value["PidFile"] = json!(path(&spec.pid_file));
    value
}

fn binds(spec: &ContainerSpec) -> Vec<String> {
    let binds = spec.mounts.iter().filter(|mount| mount.kind == MountKind::Bind);
    binds
        .map(|mount| {
            let mut words = vec![if mount.read_only { "ro" } else { "rw" }];
            words.extend(mount.options.iter().map(String::as_str));
            format!("{}:{}:{}", mount.source, mount.target, words.join(","))
        })
        .collect()
}

fn links(spec: &ContainerSpec) -> Value {
    let links: Vec<String> = spec.network.links.iter().map(|(name, alias)| format!("{name}:{alias}")).collect();
    if links.is_empty() { Value::Null } else { json!(links) }
}

fn log_word(driver: LogDriver) -> &'static str {
    match driver {
        LogDriver::JsonFile => "json-file",
        LogDriver::K8sFile => "k8s-file",
        LogDriver::None => "none",
        LogDriver::Passthrough => "passthrough",
    }
}

fn namespace_word(mode: &NamespaceMode) -> String {
    match mode {
        NamespaceMode::Private => "private".into(),
        NamespaceMode::Host => "host".into(),
        NamespaceMode::Container(id) => format!("container:{id}"),
        NamespaceMode::Path(path) => format!("ns:{}", path.display()),
    }
}

fn network_word(spec: &ContainerSpec) -> String {
    match &spec.namespaces.network {
        NetworkMode::Networks => spec.network.attachments.first().map_or("bridge".into(), |wish| wish.network.clone()),
        NetworkMode::Default => "default".into(),
        NetworkMode::None => "none".into(),
        NetworkMode::Host => "host".into(),
        NetworkMode::Container(id) => format!("container:{id}"),
        NetworkMode::Path(path) => format!("ns:{}", path.display()),
    }
}

fn user_word(mode: &UserMode) -> String {
    match mode {
        UserMode::Default => String::new(),
        UserMode::Host => "host".into(),
        UserMode::KeepId { uid: None, gid: None } => "keep-id".into(),
        UserMode::KeepId { uid, gid } => {
            let parts = [uid.map(|uid| format!("uid={uid}")), gid.map(|gid| format!("gid={gid}"))];
            format!("keep-id:{}", parts.into_iter().flatten().collect::<Vec<_>>().join(","))
        }
        UserMode::NoMap => "nomap".into(),
        UserMode::Auto { size: None } => "auto".into(),
        UserMode::Auto { size: Some(size) } => format!("auto:size={size}"),
        UserMode::Container(id) => format!("container:{id}"),
        UserMode::Path(path) => format!("ns:{}", path.display()),
        UserMode::Map(_) => "private".into(),
    }
}

fn id_mappings(container: &Container) -> Value {
    let lines = |ranges: &[IdRange]| -> Vec<String> {
        ranges.iter().map(|range| format!("{}:{}:{}", range.inside, range.outside, range.count)).collect()
    };
    match super::resolved(container).ids {
        Some(ids) => json!({"UidMap": lines(&ids.uids), "GidMap": lines(&ids.gids)}),
        None => Value::Null,
    }
}

fn security_options(security: &Security) -> Vec<String> {
    let mut options = Vec::new();
    if security.no_new_privileges == Some(true) {
        options.push("no-new-privileges".to_string());
    }
    if security.deny_socketcall {
        options.push("socketcall=deny".to_string());
    }
    match &security.seccomp {
        SeccompProfile::Default => {}
        SeccompProfile::Unconfined => options.push("seccomp=unconfined".into()),
        SeccompProfile::Json(text) => options.push(format!("seccomp={text}")),
    }
    if let Some(profile) = &security.apparmor {
        options.push(format!("apparmor={profile}"));
    }
    if security.label.disable {
        options.push("label=disable".into());
    }
    for (word, list) in [("mask", &security.mask), ("unmask", &security.unmask), ("proc-opts", &security.proc_options)]
    {
        if !list.is_empty() {
            options.push(format!("{word}={}", list.join(":")));
        }
    }
    options
}
