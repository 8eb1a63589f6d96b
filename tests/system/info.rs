//! `info`

use crate::support::{Sandbox, needs};

#[test]
fn info_tells_where_things_are() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    let info = sandbox.run("info --format json").ok().json();
    assert_eq!(info["store"]["graphRoot"], sandbox.root().to_string_lossy().as_ref());
    assert_eq!(info["store"]["runRoot"], sandbox.run_root().to_string_lossy().as_ref());
    assert_eq!(info["store"]["imageStore"]["number"], 1);
    assert_eq!(info["host"]["security"]["rootless"], false);
    assert_eq!(info["host"]["os"], "linux");
    assert!(info["host"]["memTotal"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{info}");
    assert!(!info["host"]["cgroupControllers"].as_array().expect("a list").is_empty(), "{info}");
    sandbox.run("info --format '{{.Host.Security.Rootless}} {{.Host.OS}}'").ok().stdout_is("false linux\n");
    sandbox.run("info --format '{{.Store.GraphRoot}}'").ok().stdout_is(&format!("{}\n", sandbox.root().display()));
}

#[test]
fn info_counts_containers() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("one");
    sandbox.run("create --name two busybox true").ok();
    let store = sandbox.run("info --format json").ok().json()["store"]["containerStore"].clone();
    assert_eq!(store, serde_json::json!({"number": 2, "paused": 0, "running": 1, "stopped": 1}));
}

#[test]
fn info_says_what_a_user_is_missing() {
    needs![rootless, rootless_single];
    let sandbox = Sandbox::rootless();
    let info = sandbox.run("info --format json").ok().json();
    assert_eq!(info["host"]["security"]["rootless"], true);
    assert_eq!(info["host"]["idMappings"]["uidmap"].as_array().map(Vec::len), Some(2), "{info}");
    assert!(info["host"].get("notes").is_none(), "{info}");

    let sandbox = Sandbox::rootless_single();
    let info = sandbox.run("info --format json").ok().json();
    assert_eq!(info["host"]["idMappings"]["uidmap"].as_array().map(Vec::len), Some(1), "{info}");
    let note = info["host"]["notes"][0].as_str().unwrap_or_default();
    assert!(note.contains("sudo usermod --add-subuids"), "{note}");
}
