//! What a description becomes, field by field.

use super::*;
use crate::engine::user::Account;
use crate::model::container::*;
use crate::model::image::ImageConfig;
use serde_json::{Value, json};

fn facts() -> Facts {
    Facts {
        id: "ab".repeat(32).parse().unwrap(),
        program: Program::Barge,
        rootless: false,
        user: Account { home: "/root".into(), name: Some("root".into()), ..Account::default() },
        host_name: "host".into(),
        files: vec![("/run/x/hosts".into(), "/etc/hosts".into(), false)],
        volumes: "/store/volumes".into(),
        devices: Vec::new(),
        block_devices: BTreeMap::from([("/dev/sda".to_string(), (8, 0))]),
        joined: Joined::default(),
        ids: None,
        owned: false,
        hard_limits: BTreeMap::from([("nofile".to_string(), 4096), ("nproc".to_string(), 100)]),
        cgroup: "/barge/x".into(),
        has_cgroups: true,
        capabilities: u64::MAX,
        apparmor: None,
        default_capabilities: None,
        thermal_cpus: vec![0],
        time_zone: None,
        maps_tty: true,
        has_mqueue: true,
    }
}

fn image() -> ImageConfig {
    serde_json::from_value(json!({
        "config": {
            "Env": ["PATH=/bin", "A=1", "TOKEN", "T*", "=x"],
            "Cmd": ["sh"],
            "Entrypoint": ["/init"],
            "WorkingDir": "/srv/../app",
            "Volumes": {"/data": {}, "/cache/": {}},
            "Labels": {"a": "image", "b": "image"},
            "StopSignal": "SIGQUIT",
        }
    }))
    .unwrap()
}

/// The config as JSON, after `change`.
fn made(change: impl FnOnce(&mut ContainerSpec, &mut Facts)) -> Result<Value> {
    let (mut spec, mut facts) = (ContainerSpec::default(), facts());
    change(&mut spec, &mut facts);
    let resolved = resolve(&spec, Some(&image()), facts.program)?;
    Ok(serde_json::to_value(config(&spec, &resolved, &facts)?)?)
}

fn mount_at<'a>(config: &'a Value, target: &str) -> Option<&'a Value> {
    config["mounts"].as_array()?.iter().find(|mount| mount["destination"] == target)
}

fn sorted(value: &Value) -> Vec<String> {
    let mut words: Vec<String> = serde_json::from_value(value.clone()).unwrap();
    words.sort();
    words
}

#[test]
fn a_plain_container_is_as_podman_makes_it() {
    let config = made(|_, _| {}).unwrap();
    assert_eq!(config["process"]["args"], json!(["/init", "sh"]));
    assert_eq!(
        config["process"]["env"],
        json!(["PATH=/bin", "container=barge", "A=1", "HOSTNAME=abababababab", "HOME=/root"])
    );
    assert_eq!(config["process"]["cwd"], "/app");
    assert_eq!(config["process"]["user"], json!({"uid": 0, "gid": 0, "umask": 0o022, "additionalGids": []}));
    assert_eq!(config["process"]["noNewPrivileges"], false);
    assert_eq!(config["hostname"], "abababababab");
    assert_eq!(config["root"]["readonly"], false);
    let eleven = [
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_NET_BIND_SERVICE",
        "CAP_SETFCAP",
        "CAP_SETGID",
        "CAP_SETPCAP",
        "CAP_SETUID",
        "CAP_SYS_CHROOT",
    ];
    for set in ["bounding", "permitted", "effective"] {
        assert_eq!(sorted(&config["process"]["capabilities"][set]), eleven, "{set}");
    }
    for set in ["inheritable", "ambient"] {
        assert_eq!(config["process"]["capabilities"][set], json!([]), "{set}");
    }
    let kinds: Vec<_> =
        config["linux"]["namespaces"].as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
    assert_eq!(kinds, ["mount", "pid", "ipc", "uts", "cgroup", "network"]);
    let targets: Vec<_> = config["mounts"].as_array().unwrap().iter().map(|one| one["destination"].clone()).collect();
    assert_eq!(
        targets,
        [
            "/proc",
            "/dev",
            "/dev/pts",
            "/dev/shm",
            "/dev/mqueue",
            "/sys",
            "/sys/fs/cgroup",
            "/etc/hosts",
            "/cache",
            "/data"
        ]
    );
    assert_eq!(config["linux"]["resources"]["pids"]["limit"], 2048);
    assert_eq!(config["linux"]["resources"]["devices"][0], json!({"allow": false, "access": "rwm"}));
    let masked = sorted(&config["linux"]["maskedPaths"]);
    for path in [
        "/proc/acpi",
        "/proc/asound",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/sys/devices/virtual/powercap",
        "/sys/firmware",
        "/sys/devices/system/cpu/cpu0/thermal_throttle",
    ] {
        assert!(masked.contains(&path.to_string()), "{path} is not masked");
    }
}

#[test]
fn commands_are_put_together_as_docker_does() {
    let words = |list: &[&str]| list.iter().map(|word| word.to_string()).collect::<Vec<_>>();
    for (entrypoint, command, wanted) in [
        (None, &[][..], Some(&["/init", "sh"][..])),
        (None, &["ls", "-l"], Some(&["/init", "ls", "-l"])),
        (Some(&["/bin/x"][..]), &[], Some(&["/bin/x"])),
        (Some(&["/bin/x", "-a"]), &["b"], Some(&["/bin/x", "-a", "b"])),
        (Some(&[""]), &["b"], Some(&["b"])),
        (Some(&[]), &["b"], Some(&["b"])),
        (Some(&[""]), &[], None),
    ] {
        let config = made(|spec, _| {
            spec.process.entrypoint = entrypoint.map(words);
            spec.process.command = words(command);
        });
        match wanted {
            Some(wanted) => assert_eq!(config.unwrap()["process"]["args"], json!(wanted)),
            None => assert!(config.is_err(), "{entrypoint:?} {command:?}"),
        }
    }
}

#[test]
fn variables_come_in_order_and_never_from_the_host() {
    let config = made(|spec, _| {
        spec.process.terminal = true;
        spec.process.env = ["A=2", "B=", "HOME=/h", "BARE"].map(String::from).to_vec();
        spec.process.unset_env = vec!["container".into()];
    })
    .unwrap();
    assert_eq!(
        config["process"]["env"],
        json!(["PATH=/bin", "TERM=xterm", "A=2", "B=", "HOME=/h", "HOSTNAME=abababababab"])
    );
    let config = made(|spec, _| spec.process.unset_env_all = true).unwrap();
    assert_eq!(config["process"]["env"][0], format!("PATH={}", process::DEFAULT_PATH));
    let config = made(|_, facts| facts.program = Program::Podman).unwrap();
    assert_eq!(config["process"]["env"][1], "container=podman");
}

#[test]
fn an_ordinary_user_has_no_capabilities() {
    let config = made(|spec, facts| {
        facts.user = Account { uid: 1000, gid: 1000, groups: vec![4], home: "/".into(), ..Account::default() };
        spec.security.cap_add = vec!["CAP_NET_ADMIN".into()];
    })
    .unwrap();
    let capabilities = &config["process"]["capabilities"];
    assert_eq!((&capabilities["permitted"], &capabilities["effective"]), (&json!([]), &json!([])));
    assert!(sorted(&capabilities["bounding"]).contains(&"CAP_NET_ADMIN".to_string()));
    assert_eq!(config["process"]["user"]["additionalGids"], json!([4]));
}

#[test]
fn capabilities_are_added_and_dropped() {
    let count = |add: &[&str], drop: &[&str]| {
        let list = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        made(|spec, _| {
            spec.security.cap_add = list(add);
            spec.security.cap_drop = list(drop);
        })
        .map(|config| config["process"]["capabilities"]["bounding"].as_array().unwrap().len())
    };
    for (add, drop, wanted) in [
        (&[][..], &["ALL"][..], 0),
        (&["ALL"], &[], 41),
        (&["ALL"], &["CAP_CHOWN"], 40),
        (&["CAP_CHOWN"], &["ALL"], 1),
        (&["CAP_NET_RAW"], &["CAP_CHOWN"], 11),
        (&["net_raw"], &[], 12),
    ] {
        assert_eq!(count(add, drop).unwrap(), wanted, "{add:?} {drop:?}");
    }
    assert!(count(&["CAP_NOTHING"], &[]).is_err());
    let lacking = made(|spec, facts| {
        spec.security.cap_add = vec!["CAP_SYS_ADMIN".into()];
        facts.capabilities = 1;
    });
    assert!(lacking.is_err());
}

#[test]
fn privileged_hides_nothing() {
    let config = made(|spec, _| spec.security.privileged = true).unwrap();
    assert_eq!(config["linux"]["maskedPaths"], json!([]));
    assert_eq!(config["linux"]["readonlyPaths"], json!([]));
    assert_eq!(config["process"]["capabilities"]["bounding"].as_array().unwrap().len(), 41);
    assert_eq!(config["linux"]["resources"]["devices"], json!([{"allow": true, "access": "rwm"}]));
    for target in ["/sys", "/sys/fs/cgroup"] {
        assert!(mount_at(&config, target).unwrap()["options"].as_array().unwrap().contains(&json!("rw")), "{target}");
    }
    let config = made(|spec, _| spec.security.unmask = vec!["/proc/acpi".into(), "/sys/*".into()]).unwrap();
    let masked = sorted(&config["linux"]["maskedPaths"]);
    assert!(!masked.iter().any(|path| path == "/proc/acpi" || path.starts_with("/sys")));
    assert!(masked.contains(&"/proc/kcore".to_string()));
}

fn bind(source: &str, target: &str, options: &[&str]) -> Mount {
    Mount {
        kind: MountKind::Bind,
        source: source.into(),
        target: target.into(),
        read_only: false,
        options: options.iter().map(|option| option.to_string()).collect(),
        create_source: false,
    }
}

#[test]
fn mounts_take_their_places() {
    let config = made(|spec, _| {
        spec.mounts = vec![
            bind("/src/deep", "/data/deep", &["rslave", "z"]),
            bind("/src", "/data/", &[]),
            bind("/my/hosts", "/etc/hosts", &[]),
        ];
    })
    .unwrap();
    let mounts = config["mounts"].as_array().unwrap();
    let at = |target: &str| mounts.iter().position(|mount| mount["destination"] == target).unwrap();
    assert!(at("/data") < at("/data/deep"));
    assert_eq!(mounts[at("/data/deep")]["options"], json!(["rbind", "rw", "rslave"]));
    assert_eq!(mounts[at("/data")]["options"], json!(["rbind", "rprivate", "rw"]));
    assert_eq!(mounts[at("/etc/hosts")]["source"], "/my/hosts");
    assert_eq!(mounts.iter().filter(|mount| mount["destination"] == "/etc/hosts").count(), 1);
    // A whole /etc of the user's: the engine's files are seen in it.
    let config = made(|spec, _| spec.mounts = vec![bind("/etc", "/etc", &[])]).unwrap();
    let mounts = config["mounts"].as_array().unwrap();
    let at = |target: &str| mounts.iter().position(|mount| mount["destination"] == target).unwrap();
    assert!(at("/etc") < at("/etc/hosts"));
    // The image's VOLUME gives way.
    assert_eq!(mount_at(&config, "/cache").unwrap()["source"], "/store/volumes/0");
}

#[test]
fn places_that_make_no_sense_are_refused() {
    for targets in
        [&["/a", "/a/"][..], &["/"], &["relative"], &["/proc"], &["/proc/self"], &["/sys/kernel"], &["/a/../proc/x"]]
    {
        let config = made(|spec, _| spec.mounts = targets.iter().map(|target| bind("/src", target, &[])).collect());
        assert!(config.is_err(), "{targets:?}");
    }
    assert!(made(|spec, _| spec.mounts = vec![bind("/src", "/proc/cpuinfo", &[])]).is_ok());
    let mut image = image();
    for volume in ["/", "/proc", "/../sys/x", ""] {
        image.config.volumes = BTreeMap::from([(volume.to_string(), Value::Null)]);
        assert!(resolve(&ContainerSpec::default(), Some(&image), Program::Barge).is_err(), "VOLUME {volume:?}");
    }
    image.config.volumes = BTreeMap::from([("/../../etc".to_string(), Value::Null)]);
    assert_eq!(resolve(&ContainerSpec::default(), Some(&image), Program::Barge).unwrap().volumes[0].target, "/etc");
}

#[test]
fn read_only_leaves_room_for_temporary_files() {
    let config = made(|spec, _| spec.security.read_only = true).unwrap();
    assert_eq!(config["root"]["readonly"], true);
    for target in ["/run", "/tmp", "/var/tmp"] {
        assert_eq!(mount_at(&config, target).unwrap()["type"], "tmpfs", "{target}");
    }
    let config = made(|spec, _| {
        spec.security.read_only = true;
        spec.security.read_only_tmpfs = Some(false);
    })
    .unwrap();
    assert!(mount_at(&config, "/tmp").is_none());
}

#[test]
fn message_queues_of_the_host_are_shown_where_there_are_some() {
    for has_mqueue in [true, false] {
        let config = made(|spec, facts| {
            spec.namespaces.ipc = NamespaceMode::Host;
            facts.has_mqueue = has_mqueue;
        })
        .unwrap();
        assert_eq!(mount_at(&config, "/dev/mqueue").is_some(), has_mqueue);
    }
}

#[test]
fn host_namespaces_are_not_listed() {
    let config = made(|spec, _| {
        spec.namespaces.pid = NamespaceMode::Host;
        spec.namespaces.uts = NamespaceMode::Host;
        spec.namespaces.network = NetworkMode::Host;
    })
    .unwrap();
    let kinds: Vec<_> =
        config["linux"]["namespaces"].as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
    assert_eq!(kinds, ["mount", "ipc", "cgroup"]);
    assert!(config.get("hostname").is_none());
    let env = sorted(&config["process"]["env"]);
    assert!(env.contains(&"HOSTNAME=host".to_string()));
    let config = made(|_, facts| {
        let range = IdRange { inside: 0, outside: 100000, count: 65536 };
        facts.ids = Some(IdMap { uids: vec![range], gids: vec![range] });
        facts.joined.network = Some("/proc/7/ns/net".into());
    })
    .unwrap();
    assert_eq!(config["linux"]["uidMappings"], json!([{"hostID": 100000, "containerID": 0, "size": 65536}]));
    let namespaces = config["linux"]["namespaces"].as_array().unwrap();
    assert!(namespaces.contains(&json!({"type": "user"})));
    assert!(namespaces.contains(&json!({"type": "network", "path": "/proc/7/ns/net"})));
}

#[test]
fn limits_are_checked_and_filled_in() {
    let resources = |change: fn(&mut Resources)| {
        made(|spec, _| change(&mut spec.resources)).map(|config| config["linux"]["resources"].clone())
    };
    let memory = resources(|limits| limits.memory = Some(64 << 20)).unwrap();
    assert_eq!(memory["memory"], json!({"limit": 67108864, "swap": 134217728}));
    let cpu = resources(|limits| limits.nano_cpus = Some(1_500_000_000)).unwrap();
    assert_eq!(cpu["cpu"], json!({"quota": 150000, "period": 100000}));
    let pids = resources(|limits| limits.pids_limit = Some(-1)).unwrap();
    assert_eq!(pids["pids"]["limit"], -1);
    let rate =
        resources(|limits| limits.device_read_bps = vec![DeviceRate { path: "/dev/sda".into(), rate: 5 }]).unwrap();
    assert_eq!(rate["blockIO"]["throttleReadBpsDevice"], json!([{"major": 8, "minor": 0, "rate": 5}]));
    for refused in [
        (|limits: &mut Resources| limits.memory = Some(1 << 20)) as fn(&mut Resources),
        |limits| limits.memory_swap = Some(1 << 30),
        |limits| (limits.memory, limits.memory_swap) = (Some(1 << 30), Some(1 << 20)),
        |limits| (limits.nano_cpus, limits.cpu_quota) = (Some(1), Some(1)),
        |limits| limits.device_read_bps = vec![DeviceRate { path: "/dev/null".into(), rate: 5 }],
    ] {
        assert!(resources(refused).is_err());
    }
}

#[test]
fn ulimits_stay_below_our_own() {
    let config = made(|spec, _| {
        spec.resources.ulimits = BTreeMap::from([
            ("nofile".to_string(), Ulimit { soft: 1024, hard: -1 }),
            ("core".to_string(), Ulimit { soft: 0, hard: 0 }),
        ]);
    })
    .unwrap();
    assert_eq!(
        config["process"]["rlimits"],
        json!([
            {"type": "RLIMIT_CORE", "hard": 0, "soft": 0},
            {"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 1024},
            {"type": "RLIMIT_NPROC", "hard": 100, "soft": 100},
        ])
    );
    assert!(
        made(|spec, _| spec.resources.ulimits = BTreeMap::from([("magic".into(), Ulimit { soft: 1, hard: 1 })]))
            .is_err()
    );
}

#[test]
fn only_the_containers_own_sysctls_are_set() {
    let with = |key: &str, value: &str| made(|spec, _| drop(spec.sysctls.insert(key.into(), value.into())));
    for (key, value) in [
        ("net.ipv4.ip_forward", "1"),
        ("kernel.shmmax", "1"),
        ("fs.mqueue.msg_max", "10"),
        ("net/ipv4/ip_forward", "1"),
    ] {
        assert_eq!(with(key, value).unwrap()["linux"]["sysctl"][key], value, "{key}");
    }
    for (key, value) in [
        ("kernel.core_pattern", "x"),
        ("vm.swappiness", "1"),
        ("kernel.shm_rmid_forced", "1\nkernel.core_pattern=x"),
        ("net.ipv4/../../kernel/core_pattern", "x"),
        ("net..x", "1"),
        ("", "1"),
        ("kernel.shm_rmid_forced=1+kernel.core_pattern", "x"),
    ] {
        assert!(with(key, value).is_err(), "{key:?}={value:?} was taken");
    }
    let host = made(|spec, _| {
        spec.namespaces.network = NetworkMode::Host;
        spec.sysctls.insert("net.ipv4.ip_forward".into(), "1".into());
    });
    assert!(host.is_err());
}

#[test]
fn device_rules_are_in_the_kernels_form() {
    let rules = |text: &str| {
        made(|spec, _| spec.device_rules = vec![text.into()])
            .map(|config| config["linux"]["resources"]["devices"].clone())
    };
    assert_eq!(
        rules("c 10:* rw").unwrap().as_array().unwrap().last().unwrap(),
        &json!({"allow": true, "type": "c", "major": 10, "access": "rw"})
    );
    for text in ["", "c", "c 1 rwm", "x 1:2 r", "c 1:2", "c 1:2 q", "c -1:2 r", "c 1:2 r r"] {
        assert!(rules(text).is_err(), "{text:?} was taken for a rule");
    }
}

#[test]
fn labels_and_signals_come_from_both() {
    let mut spec = ContainerSpec::default();
    spec.labels.insert("a".into(), "own".into());
    let resolved = resolve(&spec, Some(&image()), Program::Barge).unwrap();
    assert_eq!(resolved.labels["a"], "own");
    assert_eq!(resolved.labels["b"], "image");
    assert_eq!((resolved.stop_signal, resolved.stop_timeout), (libc::SIGQUIT, 10));
    spec.process.stop_signal = Some("9".into());
    spec.process.working_dir = Some("relative".into());
    assert!(resolve(&spec, Some(&image()), Program::Barge).is_err());
    spec.process.working_dir = Some("/x/./y".into());
    let resolved = resolve(&spec, Some(&image()), Program::Barge).unwrap();
    assert_eq!((resolved.stop_signal, resolved.working_dir.as_str()), (9, "/x/y"));
}
