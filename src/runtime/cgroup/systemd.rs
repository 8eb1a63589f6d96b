//! systemd's cgroups: a scope that it makes for us and leaves to us (`Delegate=`), with two cgroups of ours below:
//!
//! ```text
//! machine.slice/barge-ID.scope/supervisor   the monitor, which asked for the scope
//! machine.slice/barge-ID.scope/container    the container, with its limits
//! ```
//!
//! The kernel lets an ordinary user move a process only between cgroups of his own. A login session's scope is not
//! his, so that systemd must move the first process; everything after that we do ourselves, in files.

use super::bus::{Argument, Bus, Method, Refused, Value};
use super::{MOUNT, Place, settings};
use crate::fault::{Fault, Kind};
use anyhow::{Context, Result};
use oci_spec::runtime::LinuxResources;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SYSTEMD: Method<'_> = Method {
    service: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
    name: "",
};

/// Of the monitor, and of whoever enters the container on its behalf.
const SUPERVISOR: &str = "supervisor";

/// Of the container.
const CONTAINER: &str = "container";

/// A scope to be made, or one that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// `barge-ID.scope`
    pub name: String,
    /// Below which slice: `machine.slice`, `user.slice` …
    pub slice: String,
    /// The socket of the system's bus, or of the user's.
    pub bus: PathBuf,
    /// For `systemctl status`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Seconds that `systemctl stop` waits before it kills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<u32>,
}

/// Makes the scope, with this process in it, and says where the container goes.
pub fn enter(scope: &Scope, resources: &LinuxResources) -> Result<Place> {
    let own = super::v2::own_cgroup()?;
    if !own.ends_with(&format!("/{}/{SUPERVISOR}", scope.name)) {
        start(scope, resources).with_context(|| format!("making {}", scope.name))?;
        stand_aside(scope)?;
    }
    place(scope)?.context("systemd has not moved us into the scope")
}

/// Where the container of this scope is, for a process in it.
pub fn place(scope: &Scope) -> Result<Option<Place>> {
    let own = super::v2::own_cgroup()?;
    let path = own.strip_suffix(&format!("/{SUPERVISOR}")).filter(|path| path.ends_with(&format!("/{}", scope.name)));
    Ok(path.map(|path| Place { version: 2, path: format!("{path}/{CONTAINER}"), scope: Some(scope.clone()) }))
}

/// Goes to where processes can be moved from into the container's cgroup.
pub fn approach(place: &Place) -> Result<()> {
    let Some(scope) = &place.scope else { return Ok(()) };
    if may_move(&super::v2::own_cgroup()?, &place.path) {
        return Ok(());
    }
    let mut bus = Bus::connect(&scope.bus)?;
    attach(&mut bus, scope).with_context(|| format!("entering {}", scope.name))
}

/// Whether we may move a process from one cgroup to the other: the nearest one above both must be ours.
fn may_move(from: &str, to: &str) -> bool {
    let common = common(from, to);
    let file = Path::new(MOUNT).join(common.trim_matches('/')).join("cgroup.procs");
    nix::unistd::eaccess(&file, nix::unistd::AccessFlags::W_OK).is_ok()
}

fn common(one: &str, other: &str) -> String {
    let parts = one.split('/').zip(other.split('/')).take_while(|(one, other)| one == other);
    parts.map(|(part, _)| part).collect::<Vec<_>>().join("/")
}

/// Our process id as /proc has it, and so systemd: should we be in a pid namespace without a /proc of its own, our own
/// number is somebody else's there.
fn own_pid() -> Result<u32> {
    let link = std::fs::read_link("/proc/self").context("reading /proc/self")?;
    link.to_str().and_then(|text| text.parse().ok()).context("/proc/self is no process")
}

fn start(scope: &Scope, resources: &LinuxResources) -> Result<()> {
    let mut bus = Bus::connect(&scope.bus)?;
    bus.listen("type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'")?;
    let properties = properties(scope, resources, own_pid()?);
    let arguments =
        [Argument::Text(&scope.name), Argument::Text("fail"), Argument::Properties(&properties), Argument::NoUnits];
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let error = match bus.call(Method { name: "StartTransientUnit", ..SYSTEMD }, &arguments) {
            Ok(_) => break,
            Err(error) => error,
        };
        // The scope of the last run lives until its monitor has gone and systemd has noticed; as long as it lives
        // it is as good as a new one.
        let exists = error.downcast_ref::<Refused>().is_some_and(|refused| refused.name.ends_with(".UnitExists"));
        if exists && attach(&mut bus, scope).is_ok() {
            return Ok(());
        }
        if !exists || Instant::now() > end {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    loop {
        let message = bus.receive()?;
        if message.kind != 4 || message.name != "JobRemoved" {
            continue;
        }
        if let [_, unit, result] = message.texts.as_slice()
            && *unit == scope.name
        {
            if result == "done" {
                return Ok(());
            }
            return Err(Fault::new(Kind::Unavailable, format!("systemd says: {result}")).into());
        }
    }
}

/// Has systemd move us into a scope that exists.
fn attach(bus: &mut Bus, scope: &Scope) -> Result<()> {
    let below = format!("/{SUPERVISOR}");
    let own = [own_pid()?];
    let arguments = [Argument::Text(&scope.name), Argument::Text(&below), Argument::Numbers(&own)];
    bus.call(Method { name: "AttachProcessesToUnit", ..SYSTEMD }, &arguments).map(drop)
}

/// A cgroup with processes in it can't give controllers to those below: out of the scope's own into one beside the
/// container's.
fn stand_aside(scope: &Scope) -> Result<()> {
    let own = super::v2::own_cgroup()?;
    if !own.ends_with(&format!("/{}", scope.name)) {
        return Ok(());
    }
    let dir = Path::new(MOUNT).join(own.trim_matches('/')).join(SUPERVISOR);
    match std::fs::create_dir(&dir) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::write(dir.join("cgroup.procs"), "0"),
    }
    .with_context(|| format!("entering {}", dir.display()))
}

/// What systemd is told. Limits are ours to set, on the container alone; but a weight counts against the scope's
/// neighbours, so that the scope must have it, too.
fn properties(scope: &Scope, resources: &LinuxResources, own_pid: u32) -> Vec<(&'static str, Value)> {
    let mut list = vec![
        ("Description", Value::Text(scope.description.clone())),
        ("Slice", Value::Text(scope.slice.clone())),
        ("Delegate", Value::Bool(true)),
        ("PIDs", Value::Numbers(vec![own_pid])),
        ("CollectMode", Value::Text("inactive-or-failed".into())),
        // Not systemd's default, a part of what the machine can have.
        ("TasksMax", Value::Number(u64::MAX)),
    ];
    if let Some(seconds) = scope.stop_timeout {
        list.push(("TimeoutStopUSec", Value::Number(u64::from(seconds) * 1_000_000)));
    }
    let shares = resources.cpu().as_ref().and_then(|cpu| cpu.shares()).filter(|&shares| shares != 0);
    if let Some(shares) = shares {
        list.push(("CPUWeight", Value::Number(settings::weight_of_shares(shares))));
    }
    let weight = resources.block_io().as_ref().and_then(|block| block.weight()).filter(|&weight| weight != 0);
    if let Some(weight) = weight {
        list.push(("IOWeight", Value::Number(weight.into())));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_cgroup_above_both() {
        for (one, other, above) in [
            ("/user.slice/a/b", "/user.slice/a/c/d", "/user.slice/a"),
            ("/system.slice/x", "/user.slice/y", ""),
            ("/", "/a", ""),
            ("/a/b", "/a/b/c", "/a/b"),
            ("/a/bc", "/a/b", "/a"),
        ] {
            assert_eq!(common(one, other), above, "{one} {other}");
        }
    }

    #[test]
    fn weights_are_the_scopes_and_limits_the_containers() {
        let resources = serde_json::from_value(serde_json::json!({
            "cpu": {"shares": 1024, "quota": 5000}, "memory": {"limit": 1000}, "blockIO": {"weight": 200},
        }));
        let scope = Scope { name: "x.scope".into(), slice: "machine.slice".into(), ..Scope::default() };
        let properties = properties(&scope, &resources.expect("resources"), 7);
        let value = |name: &str| properties.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        assert_eq!(value("CPUWeight"), Some(Value::Number(39)));
        assert_eq!(value("IOWeight"), Some(Value::Number(200)));
        assert_eq!(value("Slice"), Some(Value::Text("machine.slice".into())));
        assert_eq!((value("MemoryMax"), value("CPUQuotaPerSecUSec"), value("TimeoutStopUSec")), (None, None, None));
    }
}
