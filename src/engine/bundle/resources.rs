//! Limits.

use super::{Facts, devices};
use crate::fault::Fault;
use crate::model::container::{ContainerSpec, DeviceRate};
use anyhow::Result;
use oci_spec::runtime::*;

/// podman's default.
const PIDS: i64 = 2048;

pub(super) fn resources(spec: &ContainerSpec, facts: &Facts) -> Result<LinuxResources> {
    let wanted = &spec.resources;
    let mut resources = LinuxResources::default();
    resources.set_devices(Some(devices::rules(spec, &facts.devices)?));
    if let Some(memory) = memory(wanted)? {
        resources.set_memory(Some(memory));
    }
    if let Some(cpu) = cpu(wanted)? {
        resources.set_cpu(Some(cpu));
    }
    let default_pids = (facts.has_cgroups && !wanted.no_cgroup).then_some(PIDS);
    if let Some(limit) = wanted.pids_limit.or(default_pids).filter(|limit| *limit != 0) {
        let mut pids = LinuxPids::default();
        pids.set_limit(limit);
        resources.set_pids(Some(pids));
    }
    if let Some(block_io) = block_io(wanted, facts)? {
        resources.set_block_io(Some(block_io));
    }
    if !wanted.unified.is_empty() {
        resources.set_unified(Some(wanted.unified.clone().into_iter().collect()));
    }
    Ok(resources)
}

type Wanted = crate::model::container::Resources;

fn memory(wanted: &Wanted) -> Result<Option<LinuxMemory>> {
    let asked = wanted.memory.is_some()
        || wanted.memory_reservation.is_some()
        || wanted.memory_swap.is_some()
        || wanted.memory_swappiness.is_some()
        || wanted.kernel_memory.is_some()
        || wanted.oom_kill_disable;
    if !asked {
        return Ok(None);
    }
    let limit = wanted.memory.filter(|limit| *limit > 0);
    if let Some(limit) = limit.filter(|limit| *limit < 6 << 20) {
        return Err(Fault::invalid(format!("memory limit {limit}: Minimum memory limit allowed is 6MB")).into());
    }
    let swap = match (limit, wanted.memory_swap) {
        (None, Some(swap)) if swap > 0 => {
            return Err(Fault::invalid(
                "You should always set the Memory limit when using Memoryswap limit, see usage",
            )
            .into());
        }
        (Some(limit), Some(swap)) if swap > 0 && swap < limit => {
            return Err(Fault::invalid("Minimum memoryswap limit should be larger than memory limit, see usage").into());
        }
        // As docker and podman: as much swap again as memory.
        (Some(limit), None | Some(0)) => Some(limit.saturating_mul(2)),
        (_, swap) => swap.filter(|swap| *swap != 0),
    };
    if let (Some(limit), Some(reservation)) = (limit, wanted.memory_reservation)
        && reservation > limit
    {
        return Err(
            Fault::invalid("Minimum memory limit can not be less than memory reservation limit, see usage").into()
        );
    }
    let mut memory = LinuxMemoryBuilder::default();
    if let Some(limit) = limit {
        memory = memory.limit(limit);
    }
    if let Some(swap) = swap {
        memory = memory.swap(swap);
    }
    if let Some(reservation) = wanted.memory_reservation.filter(|bytes| *bytes > 0) {
        memory = memory.reservation(reservation);
    }
    if let Some(swappiness) = wanted.memory_swappiness {
        memory = memory.swappiness(swappiness);
    }
    if let Some(kernel) = wanted.kernel_memory.filter(|bytes| *bytes > 0) {
        memory = memory.kernel(kernel);
    }
    if wanted.oom_kill_disable {
        memory = memory.disable_oom_killer(true);
    }
    Ok(Some(memory.build()?))
}

fn cpu(wanted: &Wanted) -> Result<Option<LinuxCpu>> {
    let mut cpu = LinuxCpu::default();
    if let Some(nano) = wanted.nano_cpus.filter(|nano| *nano != 0) {
        if wanted.cpu_period.is_some() || wanted.cpu_quota.is_some() {
            return Err(Fault::invalid("--cpus and --cpu-period or --cpu-quota: can't be used together").into());
        }
        if nano < 0 {
            return Err(Fault::invalid("--cpus: must not be negative").into());
        }
        cpu.set_period(Some(100_000));
        // A quota below 1000 µs is refused by the kernel.
        cpu.set_quota(Some((nano / 10_000).max(1000)));
    } else {
        cpu.set_period(wanted.cpu_period.filter(|period| *period != 0));
        cpu.set_quota(wanted.cpu_quota.filter(|quota| *quota != 0));
    }
    cpu.set_shares(wanted.cpu_shares.filter(|shares| *shares != 0));
    cpu.set_realtime_period(wanted.cpu_rt_period.filter(|period| *period != 0));
    cpu.set_realtime_runtime(wanted.cpu_rt_runtime.filter(|runtime| *runtime != 0));
    cpu.set_cpus(wanted.cpuset_cpus.clone().filter(|list| !list.is_empty()));
    cpu.set_mems(wanted.cpuset_mems.clone().filter(|list| !list.is_empty()));
    Ok((cpu != LinuxCpu::default()).then_some(cpu))
}

fn block_io(wanted: &Wanted, facts: &Facts) -> Result<Option<LinuxBlockIo>> {
    let number = |path: &String| {
        facts.block_devices.get(path).copied().ok_or_else(|| Fault::invalid(format!("{path}: not a block device")))
    };
    let rates = |list: &[DeviceRate]| -> Result<Option<Vec<LinuxThrottleDevice>>> {
        let rates = list.iter().map(|device| {
            let (major, minor) = number(&device.path)?;
            Ok(LinuxThrottleDeviceBuilder::default().major(major).minor(minor).rate(device.rate).build()?)
        });
        Ok(Some(rates.collect::<Result<Vec<_>>>()?).filter(|rates| !rates.is_empty()))
    };
    let mut weights = Vec::new();
    for device in &wanted.blkio_weight_device {
        let (major, minor) = number(&device.path)?;
        weights.push(LinuxWeightDeviceBuilder::default().major(major).minor(minor).weight(device.weight).build()?);
    }
    let mut block_io = LinuxBlockIo::default();
    block_io
        .set_weight(wanted.blkio_weight.filter(|weight| *weight != 0))
        .set_weight_device(Some(weights).filter(|weights| !weights.is_empty()))
        .set_throttle_read_bps_device(rates(&wanted.device_read_bps)?)
        .set_throttle_write_bps_device(rates(&wanted.device_write_bps)?)
        .set_throttle_read_iops_device(rates(&wanted.device_read_iops)?)
        .set_throttle_write_iops_device(rates(&wanted.device_write_iops)?);
    Ok((block_io != LinuxBlockIo::default()).then_some(block_io))
}
