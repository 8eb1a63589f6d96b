//! What containers get when nobody says otherwise: the `[containers]` table of containers.conf.

use crate::model::container::{ContainerSpec, LogDriver, PullPolicy, Ulimit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Unset (`None`, empty) means: the engine's built-in default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Defaults {
    /// `default_ulimits`
    pub ulimits: BTreeMap<String, Ulimit>,
    /// `default_sysctls`
    pub sysctls: BTreeMap<String, String>,
    /// `default_capabilities`, with `CAP_`; `None`: docker's fourteen.
    pub capabilities: Option<Vec<String>>,
    /// `env`
    pub env: Vec<String>,
    /// `annotations`
    pub annotations: BTreeMap<String, String>,
    /// `log_driver`; `None`: json-file (called as podman: k8s-file).
    pub log_driver: Option<LogDriver>,
    /// `log_size_max`, bytes
    pub log_size_max: Option<u64>,
    /// `log_tag`
    pub log_tag: Option<String>,
    /// `pids_limit`
    pub pids_limit: Option<i64>,
    /// `shm_size`, bytes
    pub shm_size: Option<u64>,
    /// `init`
    pub init: bool,
    /// `read_only`
    pub read_only: bool,
    /// `tz`
    pub timezone: Option<String>,
    /// `umask`
    pub umask: Option<u32>,
    /// `no_hosts`
    pub no_hosts: bool,
    /// `cgroups = "disabled"`
    pub no_cgroup: bool,
    /// `[engine] pull_policy`
    pub pull: Option<PullPolicy>,
    /// `[engine] stop_timeout`, seconds; `None`: 10.
    pub stop_timeout: Option<u32>,
    /// `[engine] detach_keys`
    pub detach_keys: Option<String>,
}

impl Defaults {
    /// Fills in what `spec` leaves open. What a flag said always wins.
    pub fn apply(&self, spec: &mut ContainerSpec) {
        for (name, limit) in &self.ulimits {
            spec.resources.ulimits.entry(name.clone()).or_insert(*limit);
        }
        for (name, value) in &self.sysctls {
            spec.sysctls.entry(name.clone()).or_insert_with(|| value.clone());
        }
        for (name, value) in &self.annotations {
            spec.annotations.entry(name.clone()).or_insert_with(|| value.clone());
        }
        // Later ones win: the file's come first.
        if !self.env.is_empty() {
            let given = std::mem::take(&mut spec.process.env);
            spec.process.env = self.env.iter().cloned().chain(given).collect();
        }
        spec.log.driver = spec.log.driver.or(self.log_driver);
        if let Some(size) = self.log_size_max {
            spec.log.options.entry("max-size".into()).or_insert_with(|| size.to_string());
        }
        if let Some(tag) = &self.log_tag {
            spec.log.options.entry("tag".into()).or_insert_with(|| tag.clone());
        }
        spec.resources.pids_limit = spec.resources.pids_limit.or(self.pids_limit);
        spec.resources.no_cgroup |= self.no_cgroup;
        spec.shm_size = spec.shm_size.or(self.shm_size);
        spec.process.init |= self.init;
        spec.security.read_only |= self.read_only;
        spec.process.timezone = spec.process.timezone.take().or_else(|| self.timezone.clone());
        spec.process.umask = spec.process.umask.or(self.umask);
        spec.process.stop_timeout = spec.process.stop_timeout.or(self.stop_timeout);
        spec.no_hosts |= self.no_hosts;
        spec.detach_keys = spec.detach_keys.take().or_else(|| self.detach_keys.clone());
    }
}
