//! podman's JSON says `host.cgroupVersion` where its templates say `.Host.CgroupsVersion`.

use serde_json::{Map, Value};

/// The names that are not the JSON name with a capital letter.
const NAMES: &[(&str, &str)] = &[
    ("APIVersion", "APIVersion"),
    ("apparmorEnabled", "AppArmorEnabled"),
    ("capabilities", "DefaultCapabilities"),
    ("cgroupVersion", "CgroupsVersion"),
    ("container_id", "ContainerID"),
    ("cpus", "CPUs"),
    ("gidmap", "GIDMap"),
    ("host_id", "HostID"),
    ("idMappings", "IDMappings"),
    ("ociRuntime", "OCIRuntime"),
    ("os", "OS"),
    ("seccompEnabled", "SECCOMPEnabled"),
    ("seccompProfilePath", "SECCOMPProfilePath"),
    ("selinuxEnabled", "SELinuxEnabled"),
    ("slirp4netns", "Slirp4NetNS"),
    ("uidmap", "UIDMap"),
];

/// Maps whose keys are data.
const MAPS: &[&str] = &["graphOptions", "graphStatus", "registries"];

/// The same value under the names that templates use.
pub(super) fn as_in_go(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let renamed = fields.into_iter().map(|(name, value)| {
                let value = if MAPS.contains(&name.as_str()) { value } else { as_in_go(value) };
                (go_name(&name), value)
            });
            Value::Object(renamed.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(as_in_go).collect()),
        other => other,
    }
}

fn go_name(name: &str) -> String {
    if let Some((_, go)) = NAMES.iter().find(|(json, _)| *json == name) {
        return (*go).to_string();
    }
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_those_of_podmans_structs() {
        let json = json!({"host": {"os": "linux", "cpus": 2, "memTotal": 1, "security": {"rootless": true}},
            "store": {"graphStatus": {"Backing Filesystem": "x"}, "graphDriverName": "overlay"}});
        let go = as_in_go(json);
        assert_eq!(go["Host"]["OS"], "linux");
        assert_eq!(go["Host"]["CPUs"], 2);
        assert_eq!(go["Host"]["MemTotal"], 1);
        assert_eq!(go["Host"]["Security"]["Rootless"], true);
        assert_eq!(go["Store"]["GraphStatus"]["Backing Filesystem"], "x");
        assert_eq!(go["Store"]["GraphDriverName"], "overlay");
    }
}
