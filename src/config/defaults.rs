//! What containers get when nobody says otherwise: the `[containers]` table of containers.conf.

use crate::fault::Fault;
use crate::model::container::{ContainerSpec, LogDriver, NetworkMode, Security, Ulimit, UserMode};
use crate::model::size;
use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Unset (`None`, empty) means: the engine's built-in default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Defaults {
    /// `default_ulimits`
    pub ulimits: BTreeMap<String, Ulimit>,
    /// `default_sysctls`
    pub sysctls: BTreeMap<String, String>,
    /// `default_capabilities`, with `CAP_`; `None`: docker's fourteen.
    pub capabilities: Option<Vec<String>>,
    /// `env`
    pub env: Vec<String>,
    /// `annotations`
    pub annotations: BTreeMap<String, String>,
    /// `log_driver`; `None`: json-file (called as podman: k8s-file).
    pub log_driver: Option<LogDriver>,
    /// `log_size_max`, bytes
    pub log_size_max: Option<u64>,
    /// `log_tag`
    pub log_tag: Option<String>,
    /// `pids_limit`
    pub pids_limit: Option<i64>,
    /// `shm_size`, bytes
    pub shm_size: Option<u64>,
    /// `init`
    pub init: bool,
    /// `read_only`
    pub read_only: bool,
    /// `no_new_privileges`
    pub no_new_privileges: bool,
    /// `tz`
    pub timezone: Option<String>,
    /// `umask`
    pub umask: Option<u32>,
    /// `no_hosts`
    pub no_hosts: bool,
    /// `netns`
    pub network: NetworkMode,
    /// `userns`
    pub user: UserMode,
    /// `cgroups = "disabled"`
    pub no_cgroup: bool,
    /// `[engine] stop_timeout`, seconds; `None`: 10.
    pub stop_timeout: Option<u32>,
    /// `[engine] detach_keys`
    pub detach_keys: Option<String>,
}

/// The keys of `[containers]` and `[engine]` that mean something to us; the others are podman's own business, and
/// README says so. A known key with a value of the wrong kind is an error; a value that is not built (a log driver)
/// falls back to the built-in default, since the file is shared with other engines.
impl Defaults {
    /// Pure: from the merged files.
    pub fn from_table(file: &Table) -> Result<Defaults> {
        let containers = Keys::of(file, "containers")?;
        let engine = Keys::of(file, "engine")?;
        let mut defaults = Defaults::default();
        for text in containers.list("default_ulimits")? {
            let (name, limit) = parse_ulimit(&text).map_err(|why| containers.wrong("default_ulimits", &why))?;
            defaults.ulimits.insert(name, limit);
        }
        for (key, map) in [("default_sysctls", &mut defaults.sysctls), ("annotations", &mut defaults.annotations)] {
            for text in containers.list(key)? {
                let pair = text.split_once('=').ok_or_else(|| containers.wrong(key, "must be NAME=VALUE"))?;
                map.insert(pair.0.to_string(), pair.1.to_string());
            }
        }
        if containers.table.contains_key("default_capabilities") {
            let list = containers.list("default_capabilities")?;
            let full = |name: &String| match name.to_ascii_uppercase() {
                name if name.starts_with("CAP_") => name,
                name => format!("CAP_{name}"),
            };
            defaults.capabilities = Some(list.iter().map(full).collect());
        }
        defaults.env = containers.list("env")?;
        defaults.log_driver = match containers.text("log_driver")?.as_deref() {
            Some("json-file") => Some(LogDriver::JsonFile),
            Some("k8s-file") => Some(LogDriver::K8sFile),
            Some("none") => Some(LogDriver::None),
            Some("passthrough") => Some(LogDriver::Passthrough),
            _ => None,
        };
        defaults.log_size_max = containers.number("log_size_max")?.and_then(|size| u64::try_from(size).ok());
        defaults.log_tag = containers.text("log_tag")?;
        defaults.pids_limit = containers.number("pids_limit")?;
        defaults.shm_size = containers.size("shm_size")?;
        defaults.init = containers.flag("init")?;
        defaults.read_only = containers.flag("read_only")?;
        defaults.no_new_privileges = containers.flag("no_new_privileges")?;
        defaults.timezone = containers.text("tz")?.filter(|zone| !zone.is_empty());
        if let Some(text) = containers.text("umask")? {
            let mask = u32::from_str_radix(&text, 8).ok().filter(|mask| *mask <= 0o777);
            defaults.umask = Some(mask.ok_or_else(|| containers.wrong("umask", "must be an octal number"))?);
        }
        defaults.no_hosts = containers.flag("no_hosts")?;
        defaults.network = match containers.text("netns")?.as_deref() {
            Some("host") => NetworkMode::Host,
            Some("none") => NetworkMode::None,
            _ => NetworkMode::Default,
        };
        defaults.user = match containers.text("userns")?.as_deref() {
            Some("keep-id") => UserMode::KeepId { uid: None, gid: None },
            Some("nomap") => UserMode::NoMap,
            Some("auto") => UserMode::Auto { size: None },
            _ => UserMode::Default,
        };
        defaults.no_cgroup = containers.text("cgroups")?.as_deref() == Some("disabled");
        defaults.stop_timeout = engine.number("stop_timeout")?.and_then(|seconds| u32::try_from(seconds).ok());
        defaults.detach_keys = engine.text("detach_keys")?;
        Ok(defaults)
    }

    /// Fills in what `spec` leaves open. What a flag said always wins.
    pub fn apply(&self, spec: &mut ContainerSpec) {
        for (name, limit) in &self.ulimits {
            spec.resources.ulimits.entry(name.clone()).or_insert(*limit);
        }
        for (name, value) in &self.sysctls {
            spec.sysctls.entry(name.clone()).or_insert_with(|| value.clone());
        }
        for (name, value) in &self.annotations {
            spec.annotations.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if let Some(wanted) = &self.capabilities {
            capabilities(wanted, &mut spec.security);
        }
        // Later ones win: the file's come first.
        if !self.env.is_empty() {
            let given = std::mem::take(&mut spec.process.env);
            spec.process.env = self.env.iter().cloned().chain(given).collect();
        }
        spec.log.driver = spec.log.driver.or(self.log_driver);
        if let Some(size) = self.log_size_max {
            spec.log.options.entry("max-size".into()).or_insert_with(|| size.to_string());
        }
        if let Some(tag) = &self.log_tag {
            spec.log.options.entry("tag".into()).or_insert_with(|| tag.clone());
        }
        spec.resources.pids_limit = spec.resources.pids_limit.or(self.pids_limit);
        spec.resources.no_cgroup |= self.no_cgroup;
        spec.shm_size = spec.shm_size.or(self.shm_size);
        spec.process.init |= self.init;
        spec.security.read_only |= self.read_only;
        if self.no_new_privileges {
            spec.security.no_new_privileges.get_or_insert(true);
        }
        spec.process.timezone = spec.process.timezone.take().or_else(|| self.timezone.clone());
        spec.process.umask = spec.process.umask.or(self.umask);
        spec.process.stop_timeout = spec.process.stop_timeout.or(self.stop_timeout);
        spec.no_hosts |= self.no_hosts;
        if spec.namespaces.network == NetworkMode::Default {
            spec.namespaces.network = self.network.clone();
        }
        if spec.namespaces.user == UserMode::Default {
            spec.namespaces.user = self.user.clone();
        }
        spec.detach_keys = spec.detach_keys.take().or_else(|| self.detach_keys.clone());
    }
}

/// What containers may do by default, as podman has it.
pub const CAPABILITIES: &[&str] = &[
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

/// A default list other than ours is said in the words of `--cap-add` and `--cap-drop`; what the user said with them stays.
fn capabilities(wanted: &[String], security: &mut Security) {
    let said = |list: &[String], name: &str| list.iter().any(|said| said == name || said == "ALL");
    let (adds, drops) = (security.cap_add.clone(), security.cap_drop.clone());
    for name in CAPABILITIES.iter().filter(|name| !wanted.iter().any(|wanted| wanted == *name)) {
        if !said(&adds, name) && !said(&drops, name) {
            security.cap_drop.push(name.to_string());
        }
    }
    for name in wanted.iter().filter(|name| !CAPABILITIES.contains(&name.as_str())) {
        if !said(&adds, name) && !said(&drops, name) {
            security.cap_add.push(name.clone());
        }
    }
}

/// One table of the file, with typed access and errors that name the key.
struct Keys<'a> {
    name: &'a str,
    table: std::borrow::Cow<'a, Table>,
}

impl<'a> Keys<'a> {
    fn of(file: &'a Table, name: &'a str) -> Result<Keys<'a>> {
        let table = match file.get(name) {
            Some(Value::Table(table)) => std::borrow::Cow::Borrowed(table),
            None => std::borrow::Cow::Owned(Table::new()),
            Some(_) => return Err(Fault::invalid(format!("containers.conf: `{name}` must be a table")).into()),
        };
        Ok(Keys { name, table })
    }

    fn wrong(&self, key: &str, why: &str) -> anyhow::Error {
        anyhow!(Fault::invalid(format!("containers.conf: {} in [{}]: {why}", key, self.name)))
    }

    fn text(&self, key: &str) -> Result<Option<String>> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(key, "must be a string")),
        }
    }

    fn list(&self, key: &str) -> Result<Vec<String>> {
        let wrong = || self.wrong(key, "must be a list of strings");
        match self.table.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => {
                // `{append=true}` among the strings is podman's way to add to an earlier file.
                let strings = values.iter().filter(|value| !value.is_table());
                strings.map(|value| Ok(value.as_str().ok_or_else(wrong)?.to_string())).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    fn number(&self, key: &str) -> Result<Option<i64>> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Integer(number)) => Ok(Some(*number)),
            Some(_) => Err(self.wrong(key, "must be a number")),
        }
    }

    fn flag(&self, key: &str) -> Result<bool> {
        match self.table.get(key) {
            None => Ok(false),
            Some(Value::Boolean(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(key, "must be true or false")),
        }
    }

    fn size(&self, key: &str) -> Result<Option<u64>> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Integer(bytes)) => Ok(u64::try_from(*bytes).ok()),
            Some(Value::String(text)) => {
                text.parse::<size::ByteSize>().map(|size| Some(size.0)).map_err(|error| self.wrong(key, &error.what))
            }
            Some(_) => Err(self.wrong(key, "must be a size")),
        }
    }
}

/// `nofile=1024:2048` → (`nofile`, limit)
fn parse_ulimit(text: &str) -> Result<(String, Ulimit), String> {
    let wrong = || format!("`{text}`: must be NAME=SOFT[:HARD]");
    let (name, limits) = text.split_once('=').ok_or_else(wrong)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= -1).ok_or_else(wrong);
    Ok((name.to_ascii_lowercase(), Ulimit { soft: number(soft)?, hard: number(hard)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(text: &str) -> Result<Defaults> {
        Defaults::from_table(&text.parse().expect("TOML"))
    }

    #[test]
    fn known_keys_are_read() {
        let file = r#"
            [containers]
            default_ulimits = ["nofile=1024:2048", "nproc=-1"]
            default_sysctls = ["net.ipv4.ping_group_range=0 0"]
            default_capabilities = ["chown", "CAP_KILL"]
            env = ["A=1"]
            log_driver = "k8s-file"
            log_size_max = -1
            pids_limit = 0
            shm_size = "65536k"
            umask = "0027"
            tz = "local"
            netns = "host"
            init = true
            no_new_privileges = true
            apparmor_profile = "is podman's business"
            [engine]
            stop_timeout = 3
            detach_keys = ""
            num_locks = 2048
        "#;
        let defaults = defaults(file).expect("a right file");
        assert_eq!(defaults.ulimits["nofile"], Ulimit { soft: 1024, hard: 2048 });
        assert_eq!(defaults.ulimits["nproc"], Ulimit { soft: -1, hard: -1 });
        assert_eq!(defaults.sysctls["net.ipv4.ping_group_range"], "0 0");
        assert_eq!(defaults.capabilities.as_deref(), Some(&["CAP_CHOWN".to_string(), "CAP_KILL".to_string()][..]));
        assert_eq!((defaults.log_driver, defaults.log_size_max), (Some(LogDriver::K8sFile), None));
        assert_eq!((defaults.pids_limit, defaults.shm_size, defaults.umask), (Some(0), Some(64 << 20), Some(0o027)));
        assert_eq!((defaults.stop_timeout, defaults.detach_keys.as_deref()), (Some(3), Some("")));
        assert_eq!(defaults.network, NetworkMode::Host);
        assert!(defaults.init && defaults.no_new_privileges);
    }

    #[test]
    fn a_wrong_value_names_its_key() {
        for (file, what) in [
            ("[containers]\numask = '9'", "containers.conf: umask in [containers]: must be an octal number"),
            ("[containers]\ninit = 1", "containers.conf: init in [containers]: must be true or false"),
            ("[containers]\nenv = 1", "containers.conf: env in [containers]: must be a list of strings"),
            (
                "[containers]\ndefault_ulimits = ['x']",
                "containers.conf: default_ulimits in [containers]: `x`: must be NAME=SOFT[:HARD]",
            ),
            ("engine = 1", "containers.conf: `engine` must be a table"),
        ] {
            assert_eq!(defaults(file).expect_err(file).to_string(), what);
        }
    }

    #[test]
    fn another_list_of_capabilities_is_said_in_adds_and_drops() {
        let mut wanted: Vec<String> = CAPABILITIES.iter().skip(2).map(|name| name.to_string()).collect();
        wanted.extend(["CAP_SYS_TIME".to_string(), "CAP_SYS_NICE".to_string()]);
        let mut security = Security {
            cap_add: vec!["CAP_CHOWN".into()],
            cap_drop: vec!["CAP_SYS_NICE".into()],
            ..Security::default()
        };
        capabilities(&wanted, &mut security);
        assert_eq!(security.cap_add, ["CAP_CHOWN", "CAP_SYS_TIME"]);
        assert_eq!(security.cap_drop, ["CAP_SYS_NICE", "CAP_DAC_OVERRIDE"]);
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = "[containers]\ntz = 'UTC'\nenv = ['A=file', 'B=file']\nnetns = 'host'\nno_new_privileges = true\n";
        let mut spec = ContainerSpec::default();
        defaults(file).expect("a right file").apply(&mut spec);
        assert_eq!(spec.security.no_new_privileges, Some(true));
        let mut spec = ContainerSpec::default();
        spec.security.no_new_privileges = Some(false);
        spec.process.timezone = Some("local".into());
        spec.process.env = vec!["A=flag".into()];
        spec.namespaces.network = NetworkMode::None;
        defaults(file).expect("a right file").apply(&mut spec);
        assert_eq!(spec.process.timezone.as_deref(), Some("local"));
        assert_eq!(spec.process.env, ["A=file", "B=file", "A=flag"]); // later ones win
        assert_eq!(spec.namespaces.network, NetworkMode::None);
        assert_eq!(spec.security.no_new_privileges, Some(false));
    }
}
