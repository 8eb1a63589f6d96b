//! What of this process and host decides how a plan looks.

use crate::sys::capability::{self, Set};
use anyhow::{Context, Result};

/// Looked at once for a plan.
#[derive(Debug, Clone)]
pub struct Facts {
    /// This is the host's own user namespace: root is root.
    pub initial_user_namespace: bool,
    /// The supplementary groups may be changed here.
    pub may_set_groups: bool,
    /// What we may do.
    pub capabilities: Set,
    /// The groups that exist in our user namespace: (first, count).
    pub groups: Vec<(u32, u32)>,
}

impl Facts {
    /// Looks.
    pub fn read() -> Result<Facts> {
        let read = |path: &str| std::fs::read_to_string(path).with_context(|| format!("reading {path}"));
        let map = read("/proc/self/gid_map")?;
        let initial = map.split_whitespace().eq(["0", "0", "4294967295"]);
        let groups = map.lines().filter_map(|line| {
            let mut words = line.split_whitespace().map(str::parse);
            Some((words.next()?.ok()?, words.nth(1)?.ok()?))
        });
        let may_set_groups = initial || read("/proc/self/setgroups")?.trim() == "allow";
        Ok(Facts {
            initial_user_namespace: initial,
            may_set_groups,
            capabilities: capability::current().context("reading our capabilities")?.1,
            groups: groups.collect(),
        })
    }

    /// Whether hard limits may be raised.
    pub fn may_raise_limits(&self) -> bool {
        self.initial_user_namespace && Set::named("CAP_SYS_RESOURCE").is_some_and(|set| self.capabilities.has(set))
    }
}

/// Whether a list of (first, count) ranges has this id.
pub fn has(ranges: &[(u32, u32)], id: u32) -> bool {
    ranges.iter().any(|(first, count)| id >= *first && id - first < *count)
}
