//! `docker info`: its fields and its text.

use crate::model::size::ByteSize;
use serde_json::{Value, json};

/// docker's fields out of podman's.
pub(super) fn fields(info: &Value) -> Value {
    let (host, store) = (&info["host"], &info["store"]);
    let counts = &store["containerStore"];
    let security = &host["security"];
    let mut options = Vec::new();
    for (name, enabled) in [
        ("name=apparmor", security["apparmorEnabled"] == true),
        ("name=seccomp,profile=builtin", security["seccompEnabled"] == true),
        ("name=selinux", security["selinuxEnabled"] == true),
        ("name=rootless", security["rootless"] == true),
        ("name=cgroupns", true),
    ] {
        if enabled {
            options.push(name);
        }
    }
    let architecture = match host["arch"].as_str() {
        Some("amd64") => "x86_64",
        Some("arm64") => "aarch64",
        other => other.unwrap_or_default(),
    };
    let distribution = &host["distribution"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let notes = host.get("notes").cloned().unwrap_or_else(|| json!([]));
    let name = &info["version"]["Name"];
    let mut fields = json!({
        "ID": "",
        "Containers": counts["number"],
        "ContainersRunning": counts["running"],
        "ContainersPaused": counts["paused"],
        "ContainersStopped": counts["stopped"],
        "Images": store["imageStore"]["number"],
        "Driver": if store["graphDriverName"] == "overlay" { json!("overlay2") } else { store["graphDriverName"].clone() },
        "DriverStatus": [["Backing Filesystem", store["graphStatus"]["Backing Filesystem"]]],
        "Plugins": { "Volume": info["plugins"]["volume"], "Network": info["plugins"]["network"], "Authorization": null, "Log": info["plugins"]["log"] },
        "MemoryLimit": true,
        "SwapLimit": true,
        "CpuCfsPeriod": true,
        "CpuCfsQuota": true,
        "CPUShares": true,
        "CPUSet": true,
        "PidsLimit": true,
        "OomKillDisable": host["cgroupVersion"] == "v1",
        "Debug": false,
        "LoggingDriver": host["logDriver"],
        "CgroupDriver": host["cgroupManager"],
        "CgroupVersion": text(&host["cgroupVersion"]).trim_start_matches('v'),
    });
    let rest = json!({
        "KernelVersion": host["kernel"],
        "OperatingSystem": format!("{} {}", text(&distribution["distribution"]), text(&distribution["version"])).trim(),
        "OSVersion": distribution["version"],
        "OSType": host["os"],
        "Architecture": architecture,
        "IndexServerAddress": "https://index.docker.io/v1/",
        "NCPU": host["cpus"],
        "MemTotal": host["memTotal"],
        "DockerRootDir": store["graphRoot"],
        "Name": host["hostname"],
        "Labels": [],
        "ExperimentalBuild": false,
        "ServerVersion": info["version"]["Version"],
        "Runtimes": { "barge": { "path": host["ociRuntime"]["path"] } },
        "DefaultRuntime": "barge",
        "Swarm": { "NodeID": "", "LocalNodeState": "inactive", "ControlAvailable": false, "RemoteManagers": null },
        "LiveRestoreEnabled": true,
        "Isolation": "",
        "InitBinary": "barge",
        "SecurityOptions": options,
        "Warnings": notes,
        "ClientInfo": { "Debug": false, "Version": info["version"]["Version"], "Context": "default", "Name": name, "Plugins": [] },
    });
    if let (Value::Object(fields), Value::Object(rest)) = (&mut fields, rest) {
        fields.extend(rest);
    }
    fields
}

/// docker's text, shorter: what scripts grep for.
pub(super) fn words(info: &Value) -> String {
    let text = |name: &str| match &info[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let memory = ByteSize(info["MemTotal"].as_u64().unwrap_or_default()).binary();
    let mut out = format!("Client: barge\n Version:    {}\n Context:    default\n\nServer:\n", text("ServerVersion"));
    let mut line = |indent: &str, name: &str, value: &str| out.push_str(&format!("{indent}{name}: {value}\n"));
    line(" ", "Containers", &text("Containers"));
    line("  ", "Running", &text("ContainersRunning"));
    line("  ", "Paused", &text("ContainersPaused"));
    line("  ", "Stopped", &text("ContainersStopped"));
    line(" ", "Images", &text("Images"));
    line(" ", "Server Version", &text("ServerVersion"));
    line(" ", "Storage Driver", &text("Driver"));
    line("  ", "Backing Filesystem", info["DriverStatus"][0][1].as_str().unwrap_or_default());
    line(" ", "Logging Driver", &text("LoggingDriver"));
    line(" ", "Cgroup Driver", &text("CgroupDriver"));
    line(" ", "Cgroup Version", &text("CgroupVersion"));
    line(" ", "Swarm", "inactive");
    line(" ", "Runtimes", "barge");
    line(" ", "Default Runtime", "barge");
    line(" ", "Init Binary", "barge");
    line(" ", "Security Options", "");
    for option in info["SecurityOptions"].as_array().into_iter().flatten() {
        let option = option.as_str().unwrap_or_default().trim_start_matches("name=");
        let (name, profile) = option.split_once(",profile=").unwrap_or((option, ""));
        line("  ", name, "");
        if !profile.is_empty() {
            line("   ", "Profile", profile);
        }
    }
    line(" ", "Kernel Version", &text("KernelVersion"));
    line(" ", "Operating System", &text("OperatingSystem"));
    line(" ", "OSType", &text("OSType"));
    line(" ", "Architecture", &text("Architecture"));
    line(" ", "CPUs", &text("NCPU"));
    line(" ", "Total Memory", &memory);
    line(" ", "Name", &text("Name"));
    line(" ", "Docker Root Dir", &text("DockerRootDir"));
    line(" ", "Debug Mode", "false");
    line(" ", "Experimental", "false");
    line(" ", "Live Restore Enabled", "true");
    // `Runtimes:` and such end in a blank otherwise.
    let mut out: String = out.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    for note in info["Warnings"].as_array().into_iter().flatten() {
        out.push_str(&format!("\nWARNING: {}\n", note.as_str().unwrap_or_default()));
    }
    out
}
