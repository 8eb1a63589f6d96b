//! Limits: memory, CPU, block devices, processes.

use super::Host;
use super::host::split;
use crate::cli::command::refuse;
use crate::fault::Fault;
use crate::model::container::grammar::{
    key_value, parse_cpus, parse_device_rate, parse_device_weight, parse_memory, parse_sysctl, parse_ulimit,
};
use crate::model::container::{ContainerSpec, DeviceRate};
use anyhow::Result;

/// The flags.
#[derive(Debug, Default, clap::Args)]
pub struct ResourceFlags {
    /// Weight of block IO: 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<String>,
    /// Weight of block IO of a device: PATH:WEIGHT
    #[arg(long, value_name = "PATH:WEIGHT")]
    blkio_weight_device: Vec<String>,
    /// Write a file of the cgroup: KEY=VALUE (cgroup v2)
    #[arg(long, value_name = "KEY=VALUE")]
    cgroup_conf: Vec<String>,
    /// Make its cgroup beneath this one
    #[arg(long, value_name = "CGROUP")]
    cgroup_parent: Option<String>,
    /// Cgroups: enabled or disabled
    #[arg(long, value_name = "MODE")]
    cgroups: Option<String>,
    /// Period of the CPU quota, microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<u64>,
    /// CPU quota, microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_quota: Option<i64>,
    /// Period of real-time CPU, microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_period: Option<u64>,
    /// Real-time CPU, microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_runtime: Option<i64>,
    /// CPU shares (relative weight)
    #[arg(short, long, value_name = "SHARES")]
    cpu_shares: Option<u64>,
    /// Number of CPUs: 1.5
    #[arg(long, value_name = "NUMBER")]
    cpus: Option<String>,
    /// CPUs to run on: 0-3, 0,1
    #[arg(long, value_name = "CPUS")]
    cpuset_cpus: Option<String>,
    /// Memory nodes: 0-3, 0,1
    #[arg(long, value_name = "NODES")]
    cpuset_mems: Option<String>,
    /// Bytes a second read from a device: PATH:RATE
    #[arg(long, value_name = "PATH:RATE")]
    device_read_bps: Vec<String>,
    /// Operations a second read from a device: PATH:RATE
    #[arg(long, value_name = "PATH:RATE")]
    device_read_iops: Vec<String>,
    /// Bytes a second written to a device: PATH:RATE
    #[arg(long, value_name = "PATH:RATE")]
    device_write_bps: Vec<String>,
    /// Operations a second written to a device: PATH:RATE
    #[arg(long, value_name = "PATH:RATE")]
    device_write_iops: Vec<String>,
    /// Kernel memory
    #[arg(long, value_name = "SIZE", hide = true)]
    kernel_memory: Option<String>,
    /// Memory
    #[arg(short, long, value_name = "SIZE")]
    memory: Option<String>,
    /// Memory, soft limit
    #[arg(long, value_name = "SIZE")]
    memory_reservation: Option<String>,
    /// Memory and swap together; -1: unlimited
    #[arg(long, value_name = "SIZE")]
    memory_swap: Option<String>,
    /// Swappiness: 0 to 100; -1: the host's
    #[arg(long, value_name = "PERCENT")]
    memory_swappiness: Option<i64>,
    /// Don't kill its processes when memory runs out
    #[arg(long)]
    oom_kill_disable: bool,
    /// Which to kill first when memory runs out: -1000 to 1000
    #[arg(long, value_name = "SCORE")]
    oom_score_adj: Option<i32>,
    /// Number of processes; -1: unlimited
    #[arg(long, value_name = "NUMBER")]
    pids_limit: Option<i64>,
    /// Kernel parameter of its namespaces: KEY=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    sysctl: Vec<String>,
    /// Limit of a process: NAME=SOFT[:HARD]
    #[arg(long, value_name = "LIMIT")]
    ulimit: Vec<String>,
}

impl ResourceFlags {
    pub(super) fn apply(&self, spec: &mut ContainerSpec, _host: &Host<'_>) -> Result<()> {
        let resources = &mut spec.resources;
        let size = |name: &str, text: &Option<String>, unlimited| {
            text.as_deref().filter(|text| !text.is_empty()).map(|text| parse_memory(name, text, unlimited)).transpose()
        };
        resources.memory = size("memory", &self.memory, false)?.filter(|memory| *memory != 0);
        resources.memory_reservation = size("memory-reservation", &self.memory_reservation, false)?;
        resources.memory_swap = size("memory-swap", &self.memory_swap, true)?;
        resources.kernel_memory = size("kernel-memory", &self.kernel_memory, true)?;
        match (resources.memory, resources.memory_swap) {
            (None, Some(swap)) if swap > 0 => {
                return Err(Fault::invalid(
                    "you should always set a memory limit when using a memoryswap limit, see usage",
                )
                .into());
            }
            (Some(memory), Some(swap)) if swap > 0 && swap < memory => {
                return Err(
                    Fault::invalid("minimum memoryswap limit should be larger than memory limit, see usage").into()
                );
            }
            _ => {}
        }
        resources.memory_swappiness = match self.memory_swappiness {
            None | Some(-1) => None,
            Some(percent @ 0..=100) => Some(percent as u64),
            Some(other) => {
                return Err(
                    Fault::invalid(format!("invalid value: {other}, valid memory swappiness range is 0-100")).into()
                );
            }
        };
        resources.nano_cpus = self.cpus.as_deref().map(parse_cpus).transpose()?.filter(|cpus| *cpus != 0);
        for (other, given) in [("cpu-period", self.cpu_period.is_some()), ("cpu-quota", self.cpu_quota.is_some())] {
            if given && resources.nano_cpus.is_some() {
                return Err(Fault::invalid(format!("--{other} and --cpus cannot be set together")).into());
            }
        }
        resources.cpu_shares = self.cpu_shares.filter(|shares| *shares != 0);
        resources.cpu_period = self.cpu_period.filter(|period| *period != 0);
        resources.cpu_quota = self.cpu_quota.filter(|quota| *quota != 0);
        resources.cpu_rt_period = self.cpu_rt_period;
        resources.cpu_rt_runtime = self.cpu_rt_runtime;
        resources.cpuset_cpus.clone_from(&self.cpuset_cpus);
        resources.cpuset_mems.clone_from(&self.cpuset_mems);
        resources.pids_limit = self.pids_limit.map(|limit| if limit == 0 { -1 } else { limit });
        resources.blkio_weight = match self.blkio_weight.as_deref() {
            None | Some("" | "0") => None,
            Some(text) => match text.parse() {
                Ok(weight) if (10..=1000).contains(&weight) => Some(weight),
                _ => {
                    return Err(Fault::invalid(format!(
                        "invalid value for blkio-weight: {text:?}: range is from 10 to 1000"
                    ))
                    .into());
                }
            },
        };
        for text in split(&self.blkio_weight_device)? {
            resources.blkio_weight_device.push(parse_device_weight(&text)?);
        }
        let rates = |texts: &[String], bytes| -> Result<Vec<DeviceRate>> {
            split(texts)?.iter().map(|text| Ok(parse_device_rate(text, bytes)?)).collect()
        };
        resources.device_read_bps = rates(&self.device_read_bps, true)?;
        resources.device_write_bps = rates(&self.device_write_bps, true)?;
        resources.device_read_iops = rates(&self.device_read_iops, false)?;
        resources.device_write_iops = rates(&self.device_write_iops, false)?;
        resources.oom_kill_disable = self.oom_kill_disable;
        resources.oom_score_adj = match self.oom_score_adj {
            Some(score) if !(-1000..=1000).contains(&score) => {
                return Err(
                    Fault::invalid(format!("invalid value {score}, range for oom score adj is [-1000, 1000]")).into()
                );
            }
            score => score,
        };
        for text in split(&self.ulimit)? {
            if text == "host" {
                return Err(refuse("--ulimit host", "name each limit").into());
            }
            let (name, limit) = parse_ulimit(&text)?;
            resources.ulimits.insert(name, limit);
        }
        resources.cgroup_parent.clone_from(&self.cgroup_parent);
        for text in split(&self.cgroup_conf)? {
            let (key, value) = key_value(&text)
                .ok_or_else(|| Fault::invalid(format!("invalid cgroup-conf {text:?}: must be KEY=VALUE")))?;
            resources.unified.insert(key.into(), value.into());
        }
        resources.no_cgroup = match self.cgroups.as_deref() {
            None | Some("enabled") => false,
            Some("disabled") => true,
            Some(mode @ ("no-conmon" | "split")) => {
                return Err(refuse(&format!("--cgroups={mode}"), "only enabled and disabled are built").into());
            }
            Some(mode) => {
                return Err(Fault::invalid(format!(
                    "running container create option: invalid cgroup mode {mode:?}: invalid argument"
                ))
                .into());
            }
        };
        for text in split(&self.sysctl)? {
            let (key, value) = parse_sysctl(&text)?;
            spec.sysctls.insert(key, value);
        }
        Ok(())
    }
}
