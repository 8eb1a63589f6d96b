//! Resources of a spec → files and what is written into them. Pure.

use crate::fault::Fault;
use anyhow::Result;
use oci_spec::runtime::LinuxResources;

/// One file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// v1's hierarchy, or v2's controller.
    pub controller: &'static str,
    /// In the cgroup's directory.
    pub file: String,
    /// What is written.
    pub value: String,
    /// What the user calls it.
    pub name: &'static str,
}

fn setting(controller: &'static str, file: impl Into<String>, value: impl ToString, name: &'static str) -> Setting {
    Setting { controller, file: file.into(), value: value.to_string(), name }
}

/// The limits that are asked for, in a user's words: those that make running without a cgroup impossible. The default
/// pids limit (2048) and device rules are not asked for by anybody.
pub fn limits(resources: &LinuxResources) -> Vec<&'static str> {
    let settings = v1(resources);
    let mut names: Vec<_> = settings.iter().flatten().map(|setting| setting.name).collect();
    if resources.pids().is_some_and(|pids| pids.limit() == DEFAULT_PIDS) {
        names.retain(|name| *name != "the pids limit");
    }
    if resources.unified().as_ref().is_some_and(|unified| !unified.is_empty()) {
        names.push("a cgroup setting (unified)");
    }
    names.dedup();
    names
}

/// The engine's default, which goes without saying.
const DEFAULT_PIDS: i64 = 2048;

/// v1's files, in the order in which they must be written.
pub fn v1(resources: &LinuxResources) -> Result<Vec<Setting>> {
    let mut list = Vec::new();
    if let Some(memory) = resources.memory() {
        let limit = memory.limit().filter(|&limit| limit != 0);
        if let Some(limit) = limit {
            list.push(setting("memory", "memory.limit_in_bytes", limit, "the memory limit"));
        }
        if let Some(swap) = memory.swap().filter(|&swap| swap != 0) {
            list.push(setting("memory", "memory.memsw.limit_in_bytes", swap, "the swap limit"));
        }
        if let Some(soft) = memory.reservation().filter(|&soft| soft != 0) {
            list.push(setting("memory", "memory.soft_limit_in_bytes", soft, "the memory reservation"));
        }
        if let Some(kernel) = memory.kernel().filter(|&kernel| kernel != 0) {
            list.push(setting("memory", "memory.kmem.limit_in_bytes", kernel, "the kernel memory limit"));
        }
        if let Some(tcp) = memory.kernel_tcp().filter(|&tcp| tcp != 0) {
            list.push(setting("memory", "memory.kmem.tcp.limit_in_bytes", tcp, "the TCP memory limit"));
        }
        if let Some(swappiness) = memory.swappiness() {
            list.push(setting("memory", "memory.swappiness", swappiness, "the memory swappiness"));
        }
        if memory.disable_oom_killer() == Some(true) {
            list.push(setting("memory", "memory.oom_control", 1, "switching the OOM killer off"));
        }
    }
    if let Some(cpu) = resources.cpu() {
        if let Some(shares) = cpu.shares().filter(|&shares| shares != 0) {
            list.push(setting("cpu", "cpu.shares", shares, "the CPU shares"));
        }
        if let Some(period) = cpu.period().filter(|&period| period != 0) {
            list.push(setting("cpu", "cpu.cfs_period_us", period, "the CPU limit"));
        }
        if let Some(quota) = cpu.quota().filter(|&quota| quota != 0) {
            list.push(setting("cpu", "cpu.cfs_quota_us", quota, "the CPU limit"));
        }
        if let Some(burst) = cpu.burst() {
            list.push(setting("cpu", "cpu.cfs_burst_us", burst, "the CPU burst"));
        }
        if let Some(period) = cpu.realtime_period().filter(|&period| period != 0) {
            list.push(setting("cpu", "cpu.rt_period_us", period, "the real-time period"));
        }
        if let Some(runtime) = cpu.realtime_runtime().filter(|&runtime| runtime != 0) {
            list.push(setting("cpu", "cpu.rt_runtime_us", runtime, "the real-time limit"));
        }
        if let Some(idle) = cpu.idle() {
            list.push(setting("cpu", "cpu.idle", idle, "CPU idle"));
        }
        if let Some(cpus) = cpu.cpus().as_ref().filter(|cpus| !cpus.is_empty()) {
            list.push(setting("cpuset", "cpuset.cpus", cpus, "the set of CPUs"));
        }
        if let Some(mems) = cpu.mems().as_ref().filter(|mems| !mems.is_empty()) {
            list.push(setting("cpuset", "cpuset.mems", mems, "the set of memory nodes"));
        }
    }
    if let Some(pids) = resources.pids().map(|pids| pids.limit()).filter(|&limit| limit != 0) {
        let value = if pids < 0 { "max".into() } else { pids.to_string() };
        if pids > 0 {
            list.push(setting("pids", "pids.max", value, "the pids limit"));
        }
    }
    if let Some(block) = resources.block_io() {
        if let Some(weight) = block.weight().filter(|&weight| weight != 0) {
            list.push(setting("blkio", "blkio.bfq.weight", weight, "the block I/O weight"));
        }
        if block.leaf_weight().is_some_and(|weight| weight != 0) {
            return Err(Fault::unsupported("a leaf weight for block I/O: this kernel has none").into());
        }
        for device in block.weight_device().iter().flatten() {
            let value = format!("{}:{} {}", device.major(), device.minor(), device.weight().unwrap_or(0));
            list.push(setting("blkio", "blkio.bfq.weight_device", value, "a device's block I/O weight"));
        }
        let rates = [
            (block.throttle_read_bps_device(), "read_bps_device", "a device's read rate"),
            (block.throttle_write_bps_device(), "write_bps_device", "a device's write rate"),
            (block.throttle_read_iops_device(), "read_iops_device", "a device's read operations"),
            (block.throttle_write_iops_device(), "write_iops_device", "a device's write operations"),
        ];
        for (devices, file, name) in rates {
            for device in devices.iter().flatten() {
                let value = format!("{}:{} {}", device.major(), device.minor(), device.rate());
                list.push(setting("blkio", format!("blkio.throttle.{file}"), value, name));
            }
        }
    }
    for page in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.limit_in_bytes", page.page_size());
        list.push(setting("hugetlb", file, page.limit(), "the huge page limit"));
    }
    if let Some(network) = resources.network() {
        if let Some(class) = network.class_id().filter(|&class| class != 0) {
            list.push(setting("net_cls", "net_cls.classid", class, "the network class"));
        }
        for priority in network.priorities().iter().flatten() {
            let value = format!("{} {}", priority.name(), priority.priority());
            list.push(setting("net_prio", "net_prio.ifpriomap", value, "the network priority"));
        }
    }
    if resources.rdma().as_ref().is_some_and(|rdma| !rdma.is_empty()) {
        return Err(Fault::unsupported("RDMA limits are not built").into());
    }
    Ok(list)
}

/// v2's files, in the order in which they must be written; runc's translation of v1's numbers.
pub fn v2(resources: &LinuxResources) -> Result<Vec<Setting>> {
    let mut list = Vec::new();
    let most = |value: i64| if value < 0 { "max".to_string() } else { value.to_string() };
    if let Some(memory) = resources.memory() {
        let limit = memory.limit().filter(|&limit| limit != 0);
        if let Some(limit) = limit {
            list.push(setting("memory", "memory.max", most(limit), "the memory limit"));
        }
        if let Some(swap) = memory.swap().filter(|&swap| swap != 0) {
            // v1 counts memory and swap together, v2 swap alone.
            let alone = match limit {
                _ if swap < 0 => -1,
                Some(limit) if limit >= 0 && swap >= limit => swap - limit,
                Some(limit) if limit >= 0 => {
                    return Err(
                        Fault::invalid("the swap limit is lower than the memory limit, which it includes").into()
                    );
                }
                _ => return Err(Fault::invalid("a swap limit needs a memory limit, which it includes").into()),
            };
            list.push(setting("memory", "memory.swap.max", most(alone), "the swap limit"));
        }
        if let Some(soft) = memory.reservation().filter(|&soft| soft != 0) {
            list.push(setting("memory", "memory.low", most(soft), "the memory reservation"));
        }
        let gone = [
            (memory.kernel().is_some_and(|value| value != 0), "the kernel memory limit"),
            (memory.kernel_tcp().is_some_and(|value| value != 0), "the TCP memory limit"),
            (memory.swappiness().is_some(), "the memory swappiness"),
            (memory.disable_oom_killer() == Some(true), "switching the OOM killer off"),
        ];
        if let Some((_, name)) = gone.iter().find(|(asked, _)| *asked) {
            return Err(Fault::unsupported(format!("{name}: cgroups of version 2 have no such setting")).into());
        }
    }
    if let Some(cpu) = resources.cpu() {
        if let Some(shares) = cpu.shares().filter(|&shares| shares != 0) {
            list.push(setting("cpu", "cpu.weight", weight_of_shares(shares), "the CPU shares"));
        }
        let (quota, period) = (cpu.quota().filter(|&quota| quota != 0), cpu.period().filter(|&period| period != 0));
        if quota.is_some() || period.is_some() {
            let quota = quota.map_or("max".into(), most);
            let value = format!("{quota} {}", period.unwrap_or(100_000));
            list.push(setting("cpu", "cpu.max", value, "the CPU limit"));
        }
        if let Some(burst) = cpu.burst() {
            list.push(setting("cpu", "cpu.max.burst", burst, "the CPU burst"));
        }
        if let Some(idle) = cpu.idle() {
            list.push(setting("cpu", "cpu.idle", idle, "CPU idle"));
        }
        if cpu.realtime_period().is_some_and(|value| value != 0)
            || cpu.realtime_runtime().is_some_and(|value| value != 0)
        {
            return Err(Fault::unsupported("real-time limits: cgroups of version 2 have no such setting").into());
        }
        if let Some(cpus) = cpu.cpus().as_ref().filter(|cpus| !cpus.is_empty()) {
            list.push(setting("cpuset", "cpuset.cpus", cpus, "the set of CPUs"));
        }
        if let Some(mems) = cpu.mems().as_ref().filter(|mems| !mems.is_empty()) {
            list.push(setting("cpuset", "cpuset.mems", mems, "the set of memory nodes"));
        }
    }
    if let Some(pids) = resources.pids().map(|pids| pids.limit()).filter(|&limit| limit > 0) {
        list.push(setting("pids", "pids.max", pids, "the pids limit"));
    }
    if let Some(block) = resources.block_io() {
        if let Some(weight) = block.weight().filter(|&weight| weight != 0) {
            list.push(setting("io", "io.bfq.weight", weight, "the block I/O weight"));
        }
        for device in block.weight_device().iter().flatten() {
            let value = format!("{}:{} {}", device.major(), device.minor(), device.weight().unwrap_or(0));
            list.push(setting("io", "io.bfq.weight", value, "a device's block I/O weight"));
        }
        let rates = [
            (block.throttle_read_bps_device(), "rbps", "a device's read rate"),
            (block.throttle_write_bps_device(), "wbps", "a device's write rate"),
            (block.throttle_read_iops_device(), "riops", "a device's read operations"),
            (block.throttle_write_iops_device(), "wiops", "a device's write operations"),
        ];
        for (devices, key, name) in rates {
            for device in devices.iter().flatten() {
                let value = format!("{}:{} {key}={}", device.major(), device.minor(), device.rate());
                list.push(setting("io", "io.max", value, name));
            }
        }
    }
    for page in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.max", page.page_size());
        list.push(setting("hugetlb", file, page.limit(), "the huge page limit"));
    }
    if resources.network().is_some() {
        return Err(Fault::unsupported("network classes: cgroups of version 2 have no such setting").into());
    }
    if resources.rdma().as_ref().is_some_and(|rdma| !rdma.is_empty()) {
        return Err(Fault::unsupported("RDMA limits are not built").into());
    }
    let mut unified: Vec<_> = resources.unified().iter().flatten().collect();
    unified.sort();
    for (file, value) in unified {
        let controller = match file.split('.').next() {
            Some("memory") => "memory",
            Some("cpu") => "cpu",
            Some("cpuset") => "cpuset",
            Some("pids") => "pids",
            Some("io") => "io",
            Some("hugetlb") => "hugetlb",
            _ => return Err(Fault::invalid(format!("cgroup setting {file}: there is no such file")).into()),
        };
        if file.contains('/') {
            return Err(Fault::invalid(format!("cgroup setting {file}: not a file's name")).into());
        }
        list.push(setting(controller, file.clone(), value, "a cgroup setting (unified)"));
    }
    Ok(list)
}

/// v1's 2..=262144 (1024 is usual) → v2's 1..=10000 (100 is usual), linearly, as the spec wants it.
pub fn weight_of_shares(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resources(value: serde_json::Value) -> LinuxResources {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn limits_become_files() {
        let all = resources(json!({
            "memory": {"limit": 1000, "swap": 3000, "reservation": 500},
            "cpu": {"shares": 1024, "quota": 5000, "period": 10000, "cpus": "0-1"},
            "pids": {"limit": 10},
            "blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 99}]},
        }));
        let text = |settings: Vec<Setting>| {
            settings.iter().map(|one| format!("{}={}", one.file, one.value)).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(
            text(v1(&all).unwrap()),
            "memory.limit_in_bytes=1000\nmemory.memsw.limit_in_bytes=3000\nmemory.soft_limit_in_bytes=500\n\
             cpu.shares=1024\ncpu.cfs_period_us=10000\ncpu.cfs_quota_us=5000\ncpuset.cpus=0-1\npids.max=10\n\
             blkio.throttle.read_bps_device=8:0 99"
        );
        assert_eq!(
            text(v2(&all).unwrap()),
            "memory.max=1000\nmemory.swap.max=2000\nmemory.low=500\ncpu.weight=39\ncpu.max=5000 10000\n\
             cpuset.cpus=0-1\npids.max=10\nio.max=8:0 rbps=99"
        );
    }

    #[test]
    fn what_v2_lacks_is_refused_by_name() {
        for (value, word) in [
            (json!({"memory": {"swappiness": 10}}), "swappiness"),
            (json!({"memory": {"disableOOMKiller": true}}), "OOM killer"),
            (json!({"memory": {"kernel": 10}}), "kernel memory"),
            (json!({"memory": {"limit": 100, "swap": 50}}), "swap limit"),
            (json!({"cpu": {"realtimeRuntime": 10}}), "real-time"),
            (json!({"unified": {"nonsense": "1"}}), "nonsense"),
        ] {
            let error = v2(&resources(value)).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn only_limits_that_were_asked_for_need_a_cgroup() {
        assert!(limits(&resources(json!({"pids": {"limit": 2048}, "devices": [{"allow": false}]}))).is_empty());
        assert_eq!(limits(&resources(json!({"pids": {"limit": 100}}))), ["the pids limit"]);
        assert_eq!(
            limits(&resources(json!({"memory": {"limit": 1}, "cpu": {"quota": 1}}))),
            ["the memory limit", "the CPU limit"]
        );
    }
}
