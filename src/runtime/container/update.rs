//! Other limits for a container that lives.

use super::{CONFIG, Container, Status, improper, replace};
use anyhow::{Context, Result};
use oci_spec::runtime::LinuxResources;
use serde_json::Value;

impl Container {
    /// The limits that it has.
    pub fn resources(&self) -> Result<Value> {
        let spec = serde_json::to_value(self.spec()?).context("reading the container's config")?;
        Ok(spec.pointer("/linux/resources").cloned().unwrap_or_else(|| serde_json::json!({})))
    }

    /// Sets what `changes` (resources of the spec, in JSON) say, and leaves the rest as it was.
    pub fn update(&self, changes: &Value) -> Result<()> {
        let _lock = self.lock()?;
        if self.status()? == Status::Stopped {
            return Err(improper("container not running"));
        }
        let mut wanted = changes.clone();
        let mut kept = self.resources()?;
        if let (Some(new), Some(old)) = (wanted.pointer("/memory"), kept.pointer("/memory"))
            && new.get("swap").is_some()
            && new.get("limit").is_none()
            && let Some(limit) = old.get("limit").cloned()
        {
            // The one counts the other in.
            wanted["memory"]["limit"] = limit;
        }
        let resources: LinuxResources = serde_json::from_value(wanted.clone()).context("reading the new limits")?;
        self.needed_cgroup()?.update(&resources)?;
        merge(&mut kept, wanted);
        let mut spec = serde_json::to_value(self.spec()?).context("writing the container's config")?;
        if let Some(linux) = spec.get_mut("linux") {
            linux["resources"] = kept;
        }
        replace(&self.dir.join(CONFIG), &serde_json::to_vec(&spec).context("writing the container's config")?)
    }
}

/// Objects are merged, anything else is replaced.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_said_stays() {
        let mut kept = json!({"memory": {"limit": 1, "swap": 2}, "pids": {"limit": 3}});
        merge(&mut kept, json!({"memory": {"limit": 5}, "cpu": {"shares": 7}}));
        assert_eq!(kept, json!({"memory": {"limit": 5, "swap": 2}, "pids": {"limit": 3}, "cpu": {"shares": 7}}));
    }
}
