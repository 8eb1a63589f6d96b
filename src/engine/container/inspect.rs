//! `inspect`: everything about one container, in docker's and podman's field names.

mod host_config;
mod network;

use super::{exited, list, resolved, start};
use crate::config::Program;
use crate::engine::Engine;
use crate::engine::bundle::Resolved;
use crate::model::container::{ImageSource, MountKind};
use crate::model::id::ContainerId;
use crate::model::lifecycle::Phase;
use crate::store::{Container, Driver, RootMount};
use anyhow::Result;
use serde_json::{Map, Value, json};

/// What docker and podman say of a time that has not come yet.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// One container's JSON; `size` adds `SizeRw` and `SizeRootFs`.
pub fn inspect(engine: &Engine, id: &ContainerId, size: bool) -> Result<Value> {
    let container = exited::settled(engine, id)?;
    let own = resolved(&container);
    let docker = engine.config.program == Program::Docker;
    let sessions = if exited::runs(&container) { super::exec::sessions(&container) } else { Vec::new() };
    let args = own.args();
    let dirs = container.dirs();
    let run = |name: &str| dirs.run.join(name).to_string_lossy().into_owned();
    let image = container.image.as_ref();
    let name = container.name.to_string();
    let capabilities = capabilities(engine, &container);
    let mut value = json!({
        "Id": container.id,
        "Created": container.created,
        "Path": args.first().cloned().unwrap_or_default(),
        "Args": args.get(1..).unwrap_or_default(),
        "State": state(engine, &container),
        "Image": image.map_or(String::new(), |image| if docker { image.id.to_string() } else { image.id.hex().to_string() }),
        "ImageName": image.map_or("", |image| &image.name),
        "ImageDigest": image.and_then(|image| image.digest.as_ref()).map_or(String::new(), ToString::to_string),
        "Rootfs": match &container.spec.image {
            ImageSource::Rootfs { path, .. } => path.to_string_lossy().into_owned(),
            ImageSource::Image(_) => String::new(),
        },
        "Pod": "",
        "ResolvConfPath": run("resolv.conf"),
        "HostnamePath": run("hostname"),
        "HostsPath": run("hosts"),
        "StaticDir": dirs.disk.to_string_lossy(),
        "OCIRuntime": "barge",
        "OCIConfigPath": "",
        "ConmonPidFile": container.spec.monitor_pid_file.as_ref().map(|path| path.to_string_lossy()).unwrap_or_default(),
        "PidFile": container.spec.pid_file.as_ref().map(|path| path.to_string_lossy()).unwrap_or_default(),
        "LogPath": start::log_path(engine, &container).to_string_lossy(),
        "Name": if docker { format!("/{name}") } else { name },
        "RestartCount": container.restart_count,
        "Driver": driver(engine),
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": super::apparmor::shown(&container.spec.security, engine.config.rootless),
        "EffectiveCaps": capabilities,
        "BoundingCaps": capabilities,
        "ExecIDs": if docker && sessions.is_empty() { Value::Null } else { json!(sessions) },
        "GraphDriver": graph_driver(engine, &container),
        "Mounts": mounts(&container, &own),
        "Dependencies": [],
        "NetworkSettings": network::settings(&container, docker),
        "Namespace": "",
        "IsInfra": false,
        "IsService": false,
        "Config": config(engine, &container, &own),
        "HostConfig": host_config::host_config(engine, &container),
    });
    if size {
        let (own, whole) = list::size(engine, &container)?;
        value["SizeRw"] = json!(own);
        value["SizeRootFs"] = json!(whole);
    }
    Ok(value)
}

fn driver(engine: &Engine) -> &'static str {
    match engine.store.driver() {
        Driver::Overlay if engine.config.program == Program::Docker => "overlay2",
        Driver::Overlay => "overlay",
        Driver::Vfs => "vfs",
    }
}

fn state(engine: &Engine, container: &Container) -> Value {
    let running = exited::runs(container);
    let code = match container.phase {
        Phase::Exited { code: Some(code) } => i32::from(code),
        Phase::Exited { code: None } => -1,
        // docker and podman: as if its command had ended so.
        Phase::Created => resolved(container).failed_start.map_or(0, i32::from),
        _ => 0,
    };
    let pid = |identity: &Option<crate::store::ProcessIdentity>| {
        identity.as_ref().filter(|_| running).map_or(0, |identity| identity.pid)
    };
    let own = resolved(container);
    let mut state = json!({
        "OciVersion": "1.2.0",
        "Status": container.phase.name(),
        // docker and podman: a paused one runs, too.
        "Running": container.phase == Phase::Running || (running && engine.config.program == Program::Docker),
        "Paused": container.phase == Phase::Paused,
        "Restarting": false,
        "OOMKilled": container.exit.oom_killed,
        "Dead": false,
        "Pid": pid(&container.process),
        "ConmonPid": pid(&container.monitor),
        "ExitCode": code,
        "Error": container.exit.error,
        "StartedAt": container.started.as_deref().unwrap_or(NEVER),
        "FinishedAt": container.finished.as_deref().unwrap_or(NEVER),
        "CgroupPath": own.cgroup.as_ref().filter(|_| running).map_or("", |cgroup| &cgroup.path),
        "CheckpointedAt": NEVER,
        "RestoredAt": NEVER,
        "Checkpointed": false,
        "StoppedByUser": container.stopped_by_user,
    });
    // podman always has the field; in docker's it is there only with a check, and scripts ask whether it is.
    if engine.config.program == Program::Podman {
        state["Health"] = json!({"Status": "", "FailingStreak": 0, "Log": null});
    }
    state
}

fn capabilities(engine: &Engine, container: &Container) -> Vec<String> {
    let spec = &container.spec;
    let mut names = crate::engine::bundle::capability_names(spec, engine.config.defaults.capabilities.as_deref());
    names.sort();
    names
}

fn graph_driver(engine: &Engine, container: &Container) -> Value {
    let mut data = Map::new();
    if engine.store.driver() == Driver::Overlay && container.image.is_some() {
        let mount = engine.store.root_mount(&container.layers, container.dirs(), false, container.owners.as_ref());
        if let Ok(RootMount::Overlay { lower, upper, work, .. }) = mount {
            let lower: Vec<_> = lower.iter().map(|path| path.to_string_lossy()).collect();
            data.insert("LowerDir".into(), json!(lower.join(":")));
            data.insert("UpperDir".into(), json!(upper.to_string_lossy()));
            data.insert("WorkDir".into(), json!(work.to_string_lossy()));
            if let Some(process) = container.process.as_ref().filter(|_| exited::runs(container)) {
                data.insert("MergedDir".into(), json!(format!("/proc/{}/root", process.pid)));
            }
        }
    }
    json!({"Name": driver(engine), "Data": data})
}

fn mounts(container: &Container, own: &Resolved) -> Vec<Value> {
    let mut list = Vec::new();
    for mount in container.spec.mounts.iter().filter(|mount| mount.kind == MountKind::Bind) {
        let propagation = mount
            .options
            .iter()
            .find(|option| crate::engine::bundle::is_propagation(option))
            .map_or("rprivate", String::as_str);
        let options: Vec<_> =
            mount.options.iter().filter(|option| !crate::engine::bundle::is_propagation(option)).collect();
        list.push(json!({
            "Type": "bind",
            "Source": mount.source,
            "Destination": mount.target,
            "Driver": "",
            "Mode": options.iter().map(|option| option.as_str()).collect::<Vec<_>>().join(","),
            "Options": if options.is_empty() { json!(["rbind"]) } else { json!(options) },
            "RW": !mount.read_only,
            "Propagation": propagation,
        }));
    }
    for volume in &own.volumes {
        let source = container.dirs().disk.join("volumes").join(&volume.directory);
        list.push(json!({
            "Type": "volume",
            "Name": format!("{}-{}", container.id.short(), volume.directory),
            "Source": source.to_string_lossy(),
            "Destination": volume.target,
            "Driver": "local",
            "Mode": "",
            "Options": ["nosuid", "nodev", "rbind"],
            "RW": !volume.read_only,
            "Propagation": "rprivate",
        }));
    }
    list
}

fn config(engine: &Engine, container: &Container, own: &Resolved) -> Value {
    let spec = &container.spec;
    let process = &spec.process;
    let ports = own.exposed_ports.iter().chain(&spec.network.expose).cloned();
    let ports = ports.chain(network::asked_ports(spec).into_iter().map(|(port, _)| port));
    let ports: Map<String, Value> = ports.map(|port| (port, json!({}))).collect();
    let volumes: Map<String, Value> = own.volumes.iter().map(|volume| (volume.target.clone(), json!({}))).collect();
    let hostname = match &spec.hostname {
        Some(name) => name.clone(),
        None => container.id.short().to_string(),
    };
    let image = match &spec.image {
        ImageSource::Image(name) if engine.config.program == Program::Docker => name.clone(),
        _ => container.image.as_ref().map(|image| image.name.clone()).unwrap_or_default(),
    };
    let null_if_empty = |list: &[String]| if list.is_empty() { Value::Null } else { json!(list) };
    let mut config = json!({
        "Hostname": hostname,
        "Domainname": spec.domainname.clone().unwrap_or_default(),
        "User": own.user,
        "AttachStdin": false,
        "AttachStdout": false,
        "AttachStderr": false,
        "ExposedPorts": if ports.is_empty() { Value::Null } else { Value::Object(ports) },
        "Tty": process.terminal,
        "OpenStdin": process.interactive,
        "StdinOnce": false,
        "Env": own.env,
        "Cmd": null_if_empty(&own.command),
        "Image": image,
        "Volumes": if volumes.is_empty() { Value::Null } else { Value::Object(volumes) },
        "WorkingDir": own.working_dir,
        "Entrypoint": null_if_empty(&own.entrypoint),
        "OnBuild": null,
        "Labels": own.labels,
        "Annotations": spec.annotations,
        "StopSignal": super::kill::signal_name(own.stop_signal),
        "StopTimeout": own.stop_timeout,
        "Umask": format!("{:04o}", process.umask.unwrap_or(0o022)),
        "CreateCommand": spec.create_command,
        "Timezone": process.timezone.clone().unwrap_or_default(),
        "Timeout": process.timeout,
        "SystemdMode": false,
        "SdNotifyMode": "container",
        "Passwd": true,
    });
    if !own.healthcheck.is_null() {
        config["Healthcheck"] = own.healthcheck.clone();
    }
    config
}
