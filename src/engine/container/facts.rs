//! What a start has to look up: the facts of [`crate::engine::bundle`].

use super::{exited, identity, lower, network, resolved};
use crate::config::Program;
use crate::engine::bundle::{Facts, HostDevice, Joined, Resolved};
use crate::engine::user::{self, Account, Files};
use crate::engine::{Engine, files};
use crate::fault::Fault;
use crate::model::container::*;
use crate::store::{Container, RootMount};
use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit};
use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Looks everything up, and writes the generated files to the container's run directory.
pub(super) fn gather(engine: &Engine, container: &Container, root: &RootMount) -> Result<Facts> {
    let spec = &container.spec;
    let own = resolved(container);
    let joined = joined(engine, spec)?;
    let tree = Seen { root: lower::Tree::open(root)?, spec };
    let (account, passwd) = account(engine, spec, &own, &tree)?;
    let host_name = host_name(spec);
    let mut facts = Facts {
        id: container.id.clone(),
        program: engine.config.program,
        rootless: engine.config.rootless,
        user: account,
        host_name,
        files: Vec::new(),
        volumes: container.dirs().disk.join("volumes"),
        devices: devices(spec)?,
        block_devices: block_devices(spec)?,
        joined,
        ids: own.ids.clone(),
        owned: container.owners.is_some(),
        hard_limits: hard_limits(spec),
        cgroup: super::cgroup_path(container),
        has_cgroups: super::has_cgroups(engine),
        capabilities: capabilities(spec)?,
        apparmor: super::apparmor::default_profile(&spec.security, engine.config.rootless),
        default_capabilities: engine.config.defaults.capabilities.clone(),
        thermal_cpus: thermal_cpus(),
        time_zone: time_zone(spec)?,
        maps_tty: !engine.config.rootless || maps(5)?,
        has_mqueue: Path::new("/dev/mqueue").is_dir(),
    };
    facts.files = generated(engine, container, &own, &facts, passwd)?;
    Ok(facts)
}

/// What one more process of a running container needs; nothing is written, nothing looked up that only a start needs.
pub(super) fn for_exec(engine: &Engine, container: &Container, spec: &ContainerSpec, user: Account) -> Result<Facts> {
    let shares_users = matches!(spec.namespaces.user, UserMode::Path(_) | UserMode::Container(_));
    Ok(Facts {
        id: container.id.clone(),
        program: engine.config.program,
        rootless: engine.config.rootless,
        user,
        host_name: host_name(spec),
        files: Vec::new(),
        volumes: PathBuf::new(),
        devices: Vec::new(),
        block_devices: BTreeMap::new(),
        joined: Joined { user: shares_users.then(PathBuf::new), ..Joined::default() },
        ids: resolved(container).ids,
        owned: container.owners.is_some(),
        hard_limits: hard_limits(spec),
        cgroup: PathBuf::new(),
        has_cgroups: false,
        capabilities: capabilities(spec)?,
        apparmor: super::apparmor::default_profile(&spec.security, engine.config.rootless),
        default_capabilities: engine.config.defaults.capabilities.clone(),
        thermal_cpus: Vec::new(),
        time_zone: None,
        maps_tty: false,
        has_mqueue: false,
    })
}

/// A container's root before it is mounted: the layers, and the user's mounts over the two files that matter.
struct Seen<'a> {
    root: lower::Tree,
    spec: &'a ContainerSpec,
}

impl Seen<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>> {
        let name = Path::new(path);
        for mount in self.spec.mounts.iter().filter(|mount| mount.kind == MountKind::Bind).rev() {
            if let Ok(rest) = name.strip_prefix(&mount.target) {
                let source = Path::new(&mount.source);
                let bytes = if rest.as_os_str().is_empty() {
                    let parent = source.parent().unwrap_or(Path::new("/"));
                    let root = crate::sys::path::Root::open(parent)?;
                    root.read_small_file(source.file_name().unwrap_or_default(), user::MOST_BYTES)
                } else {
                    crate::sys::path::Root::open(source)?.read_small_file(rest, user::MOST_BYTES)
                };
                return Ok(bytes.ok().flatten().unwrap_or_default());
            }
        }
        Ok(self.root.read(path, user::MOST_BYTES)?.unwrap_or_default())
    }
}

/// Who the process is, and the passwd and group files that it sees.
fn account(engine: &Engine, spec: &ContainerSpec, own: &Resolved, tree: &Seen) -> Result<(Account, Files)> {
    let mut known = Files { passwd: tree.read("/etc/passwd")?, group: tree.read("/etc/group")? };
    let mut who = own.user.clone();
    if let (UserMode::KeepId { uid, gid }, true) = (&spec.namespaces.user, who.is_empty()) {
        let (uid, gid) = (uid.unwrap_or(engine.config.uid), gid.unwrap_or(engine.config.gid));
        who = format!("{uid}:{gid}");
    }
    let groups: Vec<String> = spec.process.groups.iter().filter(|group| *group != "keep-groups").cloned().collect();
    let mut account = user::look_up(&who, &groups, &known)?;
    check_mapped(engine, own, &account)?;
    if let (UserMode::KeepId { uid, gid }, Some(name)) = (&spec.namespaces.user, &engine.config.user) {
        // podman: the caller is known inside by the caller's name, whoever runs the command.
        let (uid, gid) = (uid.unwrap_or(engine.config.uid), gid.unwrap_or(engine.config.gid));
        files::check_field("user", name)?;
        if user::user_name(&known, uid).is_none() {
            files::check_field("HOME", &own.working_dir)?;
            let line = format!("{name}:*:{uid}:{gid}::{}:/bin/sh\n", own.working_dir);
            known.passwd = files::with_line(&known.passwd, &line);
            if account.uid == uid {
                account.name = Some(name.clone());
                account.home.clone_from(&own.working_dir);
            }
        }
        if let (None, Some(group)) = (user::group_name(&known, gid), group_of(name, engine.config.gid)) {
            files::check_field("group", &group)?;
            known.group = files::with_line(&known.group, &format!("{group}:x:{gid}:{name}\n"));
            account.group_known |= account.gid == gid;
        }
    }
    Ok((account, known))
}

/// Refuses a user or group that the container's user namespace has no id for, before the kernel does in few words.
fn check_mapped(engine: &Engine, own: &Resolved, account: &Account) -> Result<()> {
    if own.ids.is_none() && !engine.config.rootless {
        return Ok(());
    }
    for (what, id, file, ranges) in [
        ("user", account.uid, "/proc/self/uid_map", own.ids.as_ref().map(|ids| &ids.uids)),
        ("group", account.gid, "/proc/self/gid_map", own.ids.as_ref().map(|ids| &ids.gids)),
    ] {
        let mut lines: Vec<(u32, u32)> = match ranges {
            Some(ranges) => ranges.iter().map(|range| (range.inside, range.count)).collect(),
            None => {
                let text = std::fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
                crate::sys::idmap::parse_map(&text).iter().map(|line| (line.inside, line.count)).collect()
            }
        };
        if lines.iter().any(|(first, count)| id >= *first && id - first < *count) {
            continue;
        }
        lines.sort_unstable();
        let mut there: Vec<(u32, u32)> = Vec::new();
        for (first, count) in lines {
            match there.last_mut() {
                Some((_, last)) if *last + 1 == first => *last = first + (count - 1),
                _ => there.push((first, first + (count - 1))),
            }
        }
        let words: Vec<_> = there
            .iter()
            .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
            .collect();
        return Err(Fault::invalid(format!(
            "{what} {id} does not exist in the container's user namespace, which has the ids {}",
            words.join(", ")
        ))
        .hint("more ids come from longer ranges in /etc/subuid and /etc/subgid, or from --uidmap")
        .into());
    }
    Ok(())
}

/// What the caller's group is called on the host; else as the caller.
fn group_of(user: &str, gid: u32) -> Option<String> {
    let group = std::fs::read("/etc/group").ok()?;
    let known = user::group_name(&Files { group, ..Files::default() }, gid);
    Some(known.unwrap_or_else(|| user.to_string()))
}

/// Writes what the engine makes for this container; returns where it is and where it is to be seen.
fn generated(
    engine: &Engine,
    container: &Container,
    own: &Resolved,
    facts: &Facts,
    known: Files,
) -> Result<Vec<(PathBuf, String, bool)>> {
    let spec = &container.spec;
    let dir = &container.dirs().run;
    let mut list = Vec::new();
    let root = |ranges: &[IdRange]| super::ids::outside(ranges, 0);
    let owner = facts.ids.as_ref().map(|ids| (root(&ids.uids), root(&ids.gids)));
    let mut write = |name: &str, target: &str, bytes: &[u8], read_only: bool| -> Result<()> {
        let path = dir.join(name);
        write_file(&path, bytes, owner).with_context(|| format!("writing {}", path.display()))?;
        list.push((path, target.to_string(), read_only));
        Ok(())
    };
    let host_network = spec.namespaces.network == NetworkMode::Host;
    let hostname = match &spec.hostname {
        Some(name) => {
            files::check_hostname(name)?;
            name.clone()
        }
        None if host_network || spec.namespaces.uts == NamespaceMode::Host => facts.host_name.clone(),
        None => container.id.short().to_string(),
    };
    if !spec.no_hosts {
        let base = if host_network { read_host("/etc/hosts") } else { None };
        let gateways = network::gateways(&container.network);
        let host = if host_network { Some([127, 0, 0, 1].into()) } else { gateways.first().copied() };
        let parse = |text: &String| files::parse_extra_host(text, host);
        let mut extra = spec.extra_hosts.iter().map(parse).collect::<Result<Vec<_>>>()?;
        for name in network::HOST_NAMES {
            // The user's own word for it wins.
            if !extra.iter().any(|(known, _)| known == name) {
                extra.extend(gateways.iter().map(|gateway| (name.to_string(), *gateway)));
            }
        }
        extra.extend(network::linked(engine, container)?);
        let names = [hostname.as_str(), container.name.as_str()];
        let names = if host_network { &names[..0] } else { &names[..] };
        let addresses: Vec<_> =
            container.network.endpoints.iter().flat_map(|one| &one.addresses).map(|net| net.addr()).collect();
        let text = files::hosts(base.as_deref(), &extra, names, &addresses);
        write("hosts", "/etc/hosts", text.as_bytes(), spec.security.read_only)?;
    }
    if !spec.no_hostname {
        write("hostname", "/etc/hostname", format!("{hostname}\n").as_bytes(), spec.security.read_only)?;
    }
    let options = &spec.network;
    if spec.namespaces.network != NetworkMode::None && !options.no_resolv_conf {
        let text = files::resolv_conf(&read_host("/etc/resolv.conf").unwrap_or_default());
        let asks_us = container.network.resolver > 0;
        let text = match asks_us
            || !(options.dns.is_empty() && options.dns_search.is_empty() && options.dns_options.is_empty())
        {
            true => {
                let resolver = [crate::network::inside::RESOLVER.into()];
                let servers = if asks_us { &resolver[..] } else { &options.dns };
                files::resolv_conf_with(&text, servers, &options.dns_search, &options.dns_options)
            }
            false => text,
        };
        write("resolv.conf", "/etc/resolv.conf", text.as_bytes(), spec.security.read_only)?;
    }
    if engine.config.program == Program::Docker {
        write("dockerenv", "/.dockerenv", b"", true)?;
    } else {
        let image = container.image.as_ref();
        let text = files::containerenv(
            container.name.as_str(),
            container.id.as_str(),
            image.map_or("", |image| &image.name),
            image.map_or("", |image| image.id.hex()),
            engine.config.rootless,
        );
        write("containerenv", "/run/.containerenv", text.as_bytes(), true)?;
    }
    let mut passwd = known.passwd;
    let named = facts.user.name.is_some();
    let keeps = matches!(spec.namespaces.user, UserMode::KeepId { .. });
    let asked = spec.process.passwd_entry.is_some();
    if !passwd.is_empty() && ((!named && engine.config.program != Program::Docker) || asked || (keeps && named)) {
        if !named || asked {
            let home = own.env.iter().find_map(|variable| variable.strip_prefix("HOME=")).unwrap_or(&facts.user.home);
            let line = files::passwd_line(&facts.user, home, spec.process.passwd_entry.as_deref())?;
            passwd = files::with_line(&passwd, &line);
        }
        write("passwd", "/etc/passwd", &passwd, false)?;
        let mut group = known.group;
        if !group.is_empty() && (keeps || !facts.user.group_known) {
            if !facts.user.group_known {
                group = files::with_line(&group, &files::group_line(facts.user.gid));
            }
            write("group", "/etc/group", &group, false)?;
        }
    }
    Ok(list)
}

/// A file that everybody in the container can read, and that belongs to its root.
fn write_file(path: &Path, bytes: &[u8], owner: Option<(Option<u32>, Option<u32>)>) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    let mut file = std::fs::File::create(path)?;
    file.write_all(bytes)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    match owner {
        Some((uid, gid)) => std::os::unix::fs::fchown(&file, uid, gid),
        None => Ok(()),
    }
}

/// A file of the host's, unless it is unreasonable.
fn read_host(path: &str) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    (bytes.len() as u64 <= user::MOST_BYTES).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

fn host_name(spec: &ContainerSpec) -> String {
    let seen = spec.namespaces.uts == NamespaceMode::Host || spec.namespaces.network == NetworkMode::Host;
    let name = if seen { nix::unistd::gethostname().ok() } else { None };
    name.and_then(|name| name.into_string().ok()).unwrap_or_else(|| "localhost".into())
}

/// The namespaces of others that it joins, by way of a process that lives there.
fn joined(engine: &Engine, spec: &ContainerSpec) -> Result<Joined> {
    let modes = &spec.namespaces;
    let one = |mode: &NamespaceMode, kind: &str| -> Result<Option<PathBuf>> {
        match mode {
            NamespaceMode::Private | NamespaceMode::Host => Ok(None),
            NamespaceMode::Path(path) => checked(path).map(Some),
            NamespaceMode::Container(name) => of_container(engine, name, kind).map(Some),
        }
    };
    Ok(Joined {
        pid: one(&modes.pid, "pid")?,
        ipc: one(&modes.ipc, "ipc")?,
        uts: one(&modes.uts, "uts")?,
        cgroup: one(&modes.cgroup, "cgroup")?,
        network: match &modes.network {
            NetworkMode::Path(path) => Some(checked(path)?),
            NetworkMode::Container(name) => Some(of_container(engine, name, "net")?),
            // One of its own; where it is made before its process, the monitor knows it.
            NetworkMode::Networks | NetworkMode::Default | NetworkMode::None | NetworkMode::Host => None,
        },
        user: match &modes.user {
            UserMode::Path(path) => Some(checked(path)?),
            UserMode::Container(name) => Some(of_container(engine, name, "user")?),
            _ => None,
        },
    })
}

fn checked(path: &Path) -> Result<PathBuf> {
    std::fs::metadata(path).with_context(|| format!("namespace {}", path.display()))?;
    Ok(path.to_path_buf())
}

fn of_container(engine: &Engine, name: &str, kind: &str) -> Result<PathBuf> {
    let id = engine.store.find_container(name)?.id.clone();
    let container = exited::settled(engine, &id)?;
    match (identity::process(engine, container.process.as_ref())?, &container.process) {
        (Some(_), Some(process)) => Ok(PathBuf::from(format!("/proc/{}/ns/{kind}", process.pid))),
        _ => Err(Fault::conflict(format!(
            "cannot join the {kind} namespace of container {id}: it is not running: container state improper"
        ))
        .into()),
    }
}

/// `--device` and, with `--privileged`, all that the host has.
fn devices(spec: &ContainerSpec) -> Result<Vec<HostDevice>> {
    let mut found = Vec::new();
    if spec.security.privileged {
        let skipped = ["pts", "shm", "fd", "mqueue", "console", ".udev", "core", "stdin", "stdout", "stderr", "ptmx"];
        add_beneath(Path::new("/dev"), "/dev", "rwm", &skipped, &mut found)?;
        let own = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];
        found.retain(|device| !own.contains(&device.path.as_str()));
    }
    for device in &spec.devices {
        let path = Path::new(&device.source);
        let meta = std::fs::metadata(path).with_context(|| format!("stat {}", path.display()))?;
        let before = found.len();
        if meta.is_dir() {
            add_beneath(path, &device.target, &device.permissions, &[], &mut found)?;
        } else {
            found.extend(host_device(&meta, &device.target, &device.permissions));
        }
        if found.len() == before {
            return Err(Fault::invalid(format!("{}: not a device node", path.display())).into());
        }
    }
    let mut last = BTreeMap::new();
    found.into_iter().for_each(|device| drop(last.insert(device.path.clone(), device)));
    Ok(last.into_values().collect())
}

fn add_beneath(
    dir: &Path,
    target: &str,
    permissions: &str,
    skipped: &[&str],
    found: &mut Vec<HostDevice>,
) -> Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Not followed: a link to a device is the device's other name, and it is found under its own.
        let Ok(meta) = entry.metadata() else { continue };
        if skipped.contains(&name.as_str()) {
            continue;
        }
        let target = format!("{target}/{name}");
        if meta.is_dir() {
            // Somebody else's file systems are mounted there, and may not let us look.
            if let Err(error) = add_beneath(&entry.path(), &target, permissions, skipped, found) {
                log::debug!("{error:#}");
            }
        } else {
            found.extend(host_device(&meta, &target, permissions));
        }
    }
    Ok(())
}

fn host_device(meta: &std::fs::Metadata, target: &str, permissions: &str) -> Option<HostDevice> {
    let kind = meta.file_type();
    (kind.is_block_device() || kind.is_char_device()).then(|| HostDevice {
        path: target.to_string(),
        block: kind.is_block_device(),
        major: nix::sys::stat::major(meta.rdev()) as u32,
        minor: nix::sys::stat::minor(meta.rdev()) as u32,
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
        permissions: permissions.to_string(),
    })
}

fn block_devices(spec: &ContainerSpec) -> Result<BTreeMap<String, (i64, i64)>> {
    let wanted = &spec.resources;
    let rates =
        [&wanted.device_read_bps, &wanted.device_write_bps, &wanted.device_read_iops, &wanted.device_write_iops];
    let paths = rates.into_iter().flatten().map(|rate| &rate.path);
    let paths = paths.chain(wanted.blkio_weight_device.iter().map(|weight| &weight.path));
    let mut devices = BTreeMap::new();
    for path in paths {
        let meta = std::fs::metadata(path).with_context(|| format!("stat {path}"))?;
        if meta.file_type().is_block_device() {
            let (major, minor) = (nix::sys::stat::major(meta.rdev()), nix::sys::stat::minor(meta.rdev()));
            devices.insert(path.clone(), (major as i64, minor as i64));
        }
    }
    Ok(devices)
}

/// Our own hard limits of what a container gets limits for.
fn hard_limits(spec: &ContainerSpec) -> BTreeMap<String, u64> {
    let mut limits = BTreeMap::new();
    for name in spec.resources.ulimits.keys().map(String::as_str).chain(["nofile", "nproc"]) {
        let Some(resource) = resource(name) else { continue };
        if let Ok((_, hard)) = getrlimit(resource) {
            limits.insert(name.to_string(), hard);
        }
    }
    if !spec.resources.ulimits.is_empty() && has_capability(SYS_RESOURCE) {
        // Whoever may raise its own limits may give any; files are bounded by the kernel's own maximum.
        let most = std::fs::read_to_string("/proc/sys/fs/nr_open").ok().and_then(|text| text.trim().parse().ok());
        for (name, limit) in &mut limits {
            if spec.resources.ulimits.contains_key(name) {
                *limit = if name == "nofile" { most.unwrap_or(*limit) } else { u64::MAX };
            }
        }
    }
    limits
}

fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "as" => Resource::RLIMIT_AS,
        "core" => Resource::RLIMIT_CORE,
        "cpu" => Resource::RLIMIT_CPU,
        "data" => Resource::RLIMIT_DATA,
        "fsize" => Resource::RLIMIT_FSIZE,
        "locks" => Resource::RLIMIT_LOCKS,
        "memlock" => Resource::RLIMIT_MEMLOCK,
        "msgqueue" => Resource::RLIMIT_MSGQUEUE,
        "nice" => Resource::RLIMIT_NICE,
        "nofile" => Resource::RLIMIT_NOFILE,
        "nproc" => Resource::RLIMIT_NPROC,
        "rss" => Resource::RLIMIT_RSS,
        "rtprio" => Resource::RLIMIT_RTPRIO,
        "rttime" => Resource::RLIMIT_RTTIME,
        "sigpending" => Resource::RLIMIT_SIGPENDING,
        "stack" => Resource::RLIMIT_STACK,
        _ => return None,
    })
}

const SYS_RESOURCE: u32 = 24;

/// Whether we have a capability in the machine's own user namespace.
fn has_capability(number: u32) -> bool {
    let whole = std::fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| map.split_ascii_whitespace().nth(2) == Some("4294967295"));
    whole && own_capabilities().is_ok_and(|set| set >> number & 1 == 1)
}

/// The capabilities that we have to give. Looked up only when more than the default ones may be asked for.
fn capabilities(spec: &ContainerSpec) -> Result<u64> {
    let security = &spec.security;
    if security.privileged || !security.cap_add.is_empty() { own_capabilities() } else { Ok(u64::MAX) }
}

fn own_capabilities() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading /proc/self/status")?;
    let set = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
    };
    Ok(set("CapPrm:") & set("CapBnd:"))
}

/// CPUs that tell about their temperature to everybody.
fn thermal_cpus() -> Vec<u32> {
    let has = |cpu: u32| Path::new(&format!("/sys/devices/system/cpu/cpu{cpu}/thermal_throttle")).exists();
    (0..4096).take_while(|cpu| has(*cpu)).collect()
}

fn time_zone(spec: &ContainerSpec) -> Result<Option<PathBuf>> {
    let Some(zone) = spec.process.timezone.as_deref().filter(|zone| !zone.is_empty()) else { return Ok(None) };
    if zone == "local" {
        let path = std::fs::canonicalize("/etc/localtime");
        return Ok(path.ok());
    }
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-/".contains(&byte);
    let path = Path::new("/usr/share/zoneinfo").join(zone.trim_start_matches('/'));
    if !zone.bytes().all(good) || !path.is_file() {
        return Err(Fault::invalid(format!("unrecognized timezone {zone:?}: not below /usr/share/zoneinfo")).into());
    }
    Ok(Some(path))
}

/// Whether a group exists in our own user namespace.
fn maps(gid: u32) -> Result<bool> {
    let text = std::fs::read_to_string("/proc/self/gid_map").context("reading /proc/self/gid_map")?;
    let lines = crate::sys::idmap::parse_map(&text);
    Ok(lines.iter().any(|line| (line.inside..line.inside.saturating_add(line.count)).contains(&gid)))
}
