//! What the runtime spec has and our own containers do not use.

use super::Bundle;
use crate::support::needs;
use serde_json::json;

fn shows(command: &str, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let bundle = Bundle::new(&["sh", "-c", command]).with(change);
    bundle.run(&format!("run {}", bundle.id())).ok().stdout.clone()
}

#[test]
fn clocks_are_off_by_what_the_bundle_says() {
    needs![root, busybox];
    let text = shows("cat /proc/uptime /proc/self/timens_offsets", |config| {
        config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "time"}));
        config["linux"]["timeOffsets"] = json!({"boottime": {"secs": 1_000_000_000}, "monotonic": {"secs": 5}});
    });
    assert!(text.split(' ').next().unwrap().parse::<f64>().unwrap() > 1e9, "{text}");
    let bundle =
        Bundle::new(&["true"]).with(|config| config["linux"]["timeOffsets"] = json!({"boottime": {"secs": 1}}));
    bundle.run(&format!("run {}", bundle.id())).code(1).has("time namespace").forget();
}

#[test]
fn mounts_show_the_ids_that_their_maps_say() {
    needs![root, busybox];
    let source = crate::support::Sandbox::new();
    let file = source.file("work/shared/file", "x");
    std::os::unix::fs::chown(&file, Some(1000), Some(1000)).unwrap();
    let dir = file.parent().unwrap().display().to_string();
    let text = shows("stat -c %u:%g /tmp/file; touch /tmp/new; stat -c %u /tmp/new", |config| {
        let map = json!([{"containerID": 1000, "hostID": 5, "size": 1}, {"containerID": 0, "hostID": 0, "size": 1}]);
        config["mounts"].as_array_mut().unwrap().push(json!({
            "destination": "/tmp", "type": "bind", "source": dir, "options": ["bind"],
            "uidMappings": map, "gidMappings": map,
        }));
    });
    assert_eq!(text, "5:5\n0\n");
}

#[test]
fn attributes_hold_for_all_mounts_below() {
    needs![root, busybox];
    let text = shows("grep ' /tmp' /proc/self/mountinfo", |config| {
        let mounts = config["mounts"].as_array_mut().unwrap();
        mounts.push(json!({"destination": "/tmp", "type": "bind", "source": "/dev", "options": ["rbind", "rro", "rnosuid", "rnoexec"]}));
    });
    assert!(text.lines().count() > 1, "{text}");
    for line in text.lines() {
        let options = line.split(' ').nth(5).unwrap();
        assert!(["ro", "nosuid", "noexec"].iter().all(|word| options.split(',').any(|one| one == *word)), "{line}");
    }
}

#[test]
fn processes_are_run_as_the_bundle_says() {
    needs![root, busybox];
    let text = shows("cat /proc/self/stat | cut -d' ' -f19,41; uname -m", |config| {
        config["process"]["scheduler"] = json!({"policy": "SCHED_BATCH", "nice": 7});
        config["process"]["ioPriority"] = json!({"class": "IOPRIO_CLASS_IDLE", "priority": 0});
        config["linux"]["personality"] = json!({"domain": "LINUX32"});
        config["linux"]["memoryPolicy"] = json!({"mode": "MPOL_PREFERRED", "nodes": "0"});
        config["process"]["args"] =
            json!(["/bin/busybox", "sh", "-c", "busybox cut -d' ' -f19,41 /proc/self/stat; busybox uname -m"]);
    });
    assert_eq!(text, "7 3\ni686\n");
    for (key, value) in [
        ("scheduler", json!({"policy": "SCHED_OTHER", "priority": 3})),
        ("ioPriority", json!({"class": "IOPRIO_CLASS_BE", "priority": 9})),
    ] {
        let bundle = Bundle::new(&["true"]).with(|config| config["process"][key] = value);
        bundle.run(&format!("run {}", bundle.id())).code(1).forget();
    }
}

#[test]
fn an_exec_runs_on_the_cpus_that_it_asks_for() {
    needs![root, busybox];
    let bundle = Bundle::new(&["sleep", "1000"]);
    let id = bundle.id();
    bundle.run(&format!("run -d {id}")).ok().forget();
    let process = json!({
        "args": ["grep", "Cpus_allowed_list", "/proc/self/status"], "cwd": "/", "user": {"uid": 0, "gid": 0},
        "env": ["PATH=/bin"], "execCPUAffinity": {"initial": "0", "final": "0"},
    });
    let file = bundle.sandbox.file("work/process.json", process.to_string());
    bundle.run(&format!("exec -p {} {id}", file.display())).ok().stdout_is("Cpus_allowed_list:\t0\n").forget();
    bundle.run(&format!("delete -f {id}")).ok().forget();
}

#[test]
fn ambient_and_inheritable_capabilities_are_given_when_a_bundle_says_so() {
    needs![root, busybox];
    let text = shows("grep -E 'Cap(Inh|Prm|Amb)' /proc/self/status", |config| {
        config["process"]["user"] = json!({"uid": 1000, "gid": 1000});
        for set in ["bounding", "effective", "permitted", "inheritable", "ambient"] {
            config["process"]["capabilities"][set] = json!(["CAP_KILL"]);
        }
    });
    assert_eq!(text, "CapInh:\t0000000000000020\nCapPrm:\t0000000000000020\nCapAmb:\t0000000000000020\n");
}

#[test]
fn a_mount_namespace_is_new_joined_or_the_callers() {
    needs![root, busybox];
    let host = std::fs::read_link("/proc/self/ns/mnt").unwrap().display().to_string();
    for (own, change) in [(true, false), (false, true)] {
        let bundle =
            Bundle::new(&["sh", "-c", "ls -l /proc/self/ns/mnt; ls /proc/self/cmdline /bin/busybox"]).with(|config| {
                if change {
                    let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
                    namespaces.retain(|namespace| namespace["type"] != "mount");
                }
            });
        let run = bundle.run(&format!("run {}", bundle.id())).ok();
        assert_eq!(!run.stdout.contains(&host), own, "{run}");
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(&bundle.dir().display().to_string()), "{mounts}");
    }
}

#[test]
fn limits_are_updated_by_flags_and_by_file() {
    needs![root, busybox];
    let bundle = Bundle::new(&["sleep", "1000"]);
    let id = bundle.id();
    bundle.run(&format!("run -d {id}")).ok().forget();
    let value = |file: &str| {
        let found = super::cgroups(&id).into_iter().find_map(|dir| std::fs::read_to_string(dir.join(file)).ok());
        found.map(|text| text.trim().to_string())
    };
    bundle.run(&format!("update --pids-limit 77 --memory 64m {id}")).ok().forget();
    assert_eq!(value("pids.max").as_deref(), Some("77"));
    let memory = value("memory.limit_in_bytes").or_else(|| value("memory.max"));
    assert_eq!(memory.as_deref(), Some("67108864"));
    let file = bundle.sandbox.file("work/limits", r#"{"pids": {"limit": 78}}"#);
    bundle.run(&format!("update -r {} {id}", file.display())).ok().forget();
    assert_eq!(value("pids.max").as_deref(), Some("78"));
    bundle.run(&format!("events --stats {id}")).ok().has("\"limit\":78").forget();
    bundle.run(&format!("delete -f {id}")).ok().forget();
}

#[test]
fn the_spec_that_it_writes_can_be_run_and_the_features_are_told() {
    needs![root, busybox];
    let bundle = Bundle::new(&["true"]);
    std::fs::remove_file(bundle.dir().join("config.json")).unwrap();
    bundle.run("spec").ok().forget();
    bundle.run("spec").code(1).has("exists").forget();
    let mut config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bundle.dir().join("config.json")).unwrap()).unwrap();
    config["process"]["terminal"] = json!(false);
    config["process"]["args"] = json!(["echo", "written"]);
    bundle.sandbox.file("bundle/config.json", config.to_string());
    bundle.run(&format!("run {}", bundle.id())).ok().stdout_is("written\n").forget();
    let features = bundle.run("features").ok().json();
    assert_eq!(features["hooks"].as_array().unwrap().len(), 6);
    assert!(features["mountOptions"].as_array().unwrap().contains(&json!("rro")));
}
