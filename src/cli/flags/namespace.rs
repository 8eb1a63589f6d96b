//! Which namespaces are its own: `--pid`, `--ipc`, `--userns` and their like; names inside.

use super::Host;
use super::host::split;
use crate::fault::Fault;
use crate::model::container::grammar::{parse_id_map, parse_mode, parse_subordinate, parse_user_mode};
use crate::model::container::{ContainerSpec, IdMap, UserMode};
use anyhow::Result;

/// The flags.
#[derive(Debug, Default, clap::Args)]
pub struct NamespaceFlags {
    /// Add a line to /etc/hosts: NAME:ADDRESS
    #[arg(long, value_name = "NAME:ADDRESS")]
    add_host: Vec<String>,
    /// Cgroup namespace: private, host, container:NAME, ns:PATH
    #[arg(long, value_name = "MODE")]
    cgroupns: Option<String>,
    /// Domain name
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,
    /// Map of group ids: INSIDE:OUTSIDE:COUNT
    #[arg(long, value_name = "MAP")]
    gidmap: Vec<String>,
    /// Host name
    #[arg(short = 'h', long, value_name = "NAME")]
    hostname: Option<String>,
    /// IPC namespace: private, host, shareable, none, container:NAME, ns:PATH
    #[arg(long, value_name = "MODE")]
    ipc: Option<String>,
    /// No /etc/hostname of its own
    #[arg(long)]
    no_hostname: bool,
    /// No /etc/hosts of its own
    #[arg(long)]
    no_hosts: bool,
    /// PID namespace: private, host, container:NAME, ns:PATH
    #[arg(long, value_name = "MODE")]
    pid: Option<String>,
    /// Group ids: the ranges of this name in /etc/subgid
    #[arg(long, value_name = "NAME")]
    subgidname: Option<String>,
    /// User ids: the ranges of this name in /etc/subuid
    #[arg(long, value_name = "NAME")]
    subuidname: Option<String>,
    /// Map of user ids: INSIDE:OUTSIDE:COUNT
    #[arg(long, value_name = "MAP")]
    uidmap: Vec<String>,
    /// User namespace: host, keep-id, nomap, auto, container:NAME, ns:PATH
    #[arg(long, value_name = "MODE")]
    userns: Option<String>,
    /// UTS namespace: private, host, container:NAME, ns:PATH
    #[arg(long, value_name = "MODE")]
    uts: Option<String>,
}

impl NamespaceFlags {
    pub(super) fn apply(&self, spec: &mut ContainerSpec, host: &Host<'_>) -> Result<()> {
        let mode = |flag: &str, text: &Option<String>, extra: &[&str]| {
            parse_mode(flag, text.as_deref().unwrap_or_default(), extra)
        };
        spec.namespaces.pid = mode("--pid", &self.pid, &[])?;
        spec.namespaces.ipc = mode("--ipc", &self.ipc, &["shareable", "none"])?;
        spec.namespaces.uts = mode("--uts", &self.uts, &[])?;
        spec.namespaces.cgroup = mode("--cgroupns", &self.cgroupns, &[])?;
        if self.no_hosts && !self.add_host.is_empty() {
            return Err(Fault::invalid("--no-hosts and --add-host cannot be set together").into());
        }
        for text in split(&self.add_host)? {
            let valid =
                text.split_once([':', '=']).is_some_and(|(name, address)| !name.is_empty() && !address.is_empty());
            if !valid {
                return Err(Fault::invalid(format!("bad format for add-host: {text:?}")).into());
            }
            spec.extra_hosts.push(text);
        }
        spec.hostname = self.hostname.clone().filter(|name| !name.is_empty());
        if let Some(name) = &spec.hostname {
            let valid = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
            if !valid {
                return Err(Fault::invalid(format!(
                    "invalid hostname {name:?}: at most 64 letters, digits, dots and hyphens"
                ))
                .into());
            }
        }
        spec.domainname.clone_from(&self.domainname);
        spec.no_hosts = self.no_hosts;
        spec.no_hostname = self.no_hostname;
        spec.namespaces.user = self.user_mode(host)?;
        Ok(())
    }

    fn user_mode(&self, host: &Host<'_>) -> Result<UserMode> {
        let maps = !self.uidmap.is_empty() || !self.gidmap.is_empty();
        let names = self.subuidname.is_some() || self.subgidname.is_some();
        if let Some(text) = &self.userns {
            if (maps || names) && !text.is_empty() && text != "private" {
                return Err(Fault::invalid(
                    "--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive",
                )
                .into());
            }
            if !(maps || names) {
                return Ok(parse_user_mode(text)?);
            }
        }
        if names {
            let uid_name = self.subuidname.as_ref().or(self.subgidname.as_ref());
            let gid_name = self.subgidname.as_ref().or(self.subuidname.as_ref());
            let ranges = |path: &str, name: Option<&String>| -> Result<_> {
                let name = name.map(String::as_str).unwrap_or_default();
                let ranges = parse_subordinate(&host.read("reading subordinate ids", path)?, name);
                if ranges.is_empty() {
                    return Err(Fault::not_found(format!("no subuid ranges found for user {name:?} in {path}")).into());
                }
                Ok(ranges)
            };
            return Ok(UserMode::Map(IdMap {
                uids: ranges("/etc/subuid", uid_name)?,
                gids: ranges("/etc/subgid", gid_name)?,
            }));
        }
        if !maps {
            return Ok(UserMode::Default);
        }
        let parse = |kind, texts: &[String]| -> Result<Vec<_>> {
            split(texts)?.iter().map(|text| Ok(parse_id_map(kind, text)?)).collect()
        };
        let (mut uids, mut gids) = (parse("UID", &self.uidmap)?, parse("GID", &self.gidmap)?);
        // Only one given: the other is the same.
        if gids.is_empty() {
            gids.clone_from(&uids);
        } else if uids.is_empty() {
            uids.clone_from(&gids);
        }
        Ok(UserMode::Map(IdMap { uids, gids }))
    }
}
