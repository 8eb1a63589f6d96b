//! Limits. Zero or `None` means "not asked for"; what was asked for is applied or refused, never ignored.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `-m`, `--cpus`, `--pids-limit`, `--blkio-*`, `--ulimit`, `--cgroup-parent`, `--oom-*`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// `--memory`, bytes.
    #[serde(skip_serializing_if = "super::is_default")]
    pub memory: Option<i64>,
    /// `--memory-reservation`, bytes.
    #[serde(skip_serializing_if = "super::is_default")]
    pub memory_reservation: Option<i64>,
    /// `--memory-swap`, bytes of memory and swap together; -1: no limit.
    #[serde(skip_serializing_if = "super::is_default")]
    pub memory_swap: Option<i64>,
    /// `--memory-swappiness`, 0..=100.
    #[serde(skip_serializing_if = "super::is_default")]
    pub memory_swappiness: Option<u64>,
    /// `--kernel-memory`, bytes (v1 only).
    #[serde(skip_serializing_if = "super::is_default")]
    pub kernel_memory: Option<i64>,
    /// `--cpus`, billionths of a CPU (docker's NanoCpus).
    #[serde(skip_serializing_if = "super::is_default")]
    pub nano_cpus: Option<i64>,
    /// `--cpu-shares`
    #[serde(skip_serializing_if = "super::is_default")]
    pub cpu_shares: Option<u64>,
    /// `--cpu-period`, microseconds.
    #[serde(skip_serializing_if = "super::is_default")]
    pub cpu_period: Option<u64>,
    /// `--cpu-quota`, microseconds.
    #[serde(skip_serializing_if = "super::is_default")]
    pub cpu_quota: Option<i64>,
    /// `--cpu-rt-period`, microseconds.
    #[serde(skip_serializing_if = "super::is_default")]
    pub cpu_rt_period: Option<u64>,
    /// `--cpu-rt-runtime`, microseconds.
    #[serde(skip_serializing_if = "super::is_default")]
    pub cpu_rt_runtime: Option<i64>,
    /// `--cpuset-cpus`
    #[serde(skip_serializing_if = "super::is_default")]
    pub cpuset_cpus: Option<String>,
    /// `--cpuset-mems`
    #[serde(skip_serializing_if = "super::is_default")]
    pub cpuset_mems: Option<String>,
    /// `--pids-limit`; -1: none; `None`: the engine's default (2048).
    #[serde(skip_serializing_if = "super::is_default")]
    pub pids_limit: Option<i64>,
    /// `--blkio-weight`
    #[serde(skip_serializing_if = "super::is_default")]
    pub blkio_weight: Option<u16>,
    /// `--blkio-weight-device`
    #[serde(skip_serializing_if = "super::is_default")]
    pub blkio_weight_device: Vec<DeviceWeight>,
    /// `--device-read-bps`
    #[serde(skip_serializing_if = "super::is_default")]
    pub device_read_bps: Vec<DeviceRate>,
    /// `--device-write-bps`
    #[serde(skip_serializing_if = "super::is_default")]
    pub device_write_bps: Vec<DeviceRate>,
    /// `--device-read-iops`
    #[serde(skip_serializing_if = "super::is_default")]
    pub device_read_iops: Vec<DeviceRate>,
    /// `--device-write-iops`
    #[serde(skip_serializing_if = "super::is_default")]
    pub device_write_iops: Vec<DeviceRate>,
    /// `--oom-kill-disable`
    #[serde(skip_serializing_if = "super::is_default")]
    pub oom_kill_disable: bool,
    /// `--oom-score-adj`
    #[serde(skip_serializing_if = "super::is_default")]
    pub oom_score_adj: Option<i32>,
    /// `--ulimit`, by name without `RLIMIT_`, lower case: `nofile`.
    #[serde(skip_serializing_if = "super::is_default")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// `--cgroup-parent`
    #[serde(skip_serializing_if = "super::is_default")]
    pub cgroup_parent: Option<String>,
    /// `--cgroup-conf`, v2 file → value.
    #[serde(skip_serializing_if = "super::is_default")]
    pub unified: BTreeMap<String, String>,
    /// `--cgroups=disabled`: no cgroup at all.
    #[serde(skip_serializing_if = "super::is_default")]
    pub no_cgroup: bool,
}

/// Soft and hard limit; -1: unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Ulimit {
    pub soft: i64,
    pub hard: i64,
}

/// A rate for one block device, by path on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRate {
    /// `/dev/sda`
    pub path: String,
    /// Bytes or operations a second.
    pub rate: u64,
}

/// A weight for one block device, by path on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceWeight {
    /// `/dev/sda`
    pub path: String,
    /// 10..=1000
    pub weight: u16,
}
