//! The process: its words, variables, ids, capabilities and limits.

use super::resolve::put;
use super::{Facts, Resolved, security};
use crate::config::Program;
use crate::fault::Fault;
use crate::model::container::{ContainerSpec, Ulimit};
use anyhow::Result;
use oci_spec::runtime::{LinuxCapabilities, PosixRlimit, PosixRlimitBuilder, PosixRlimitType, Process, User};

/// PATH when nobody sets one.
pub(super) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The process of a container, or with other words one more in it.
pub fn process(spec: &ContainerSpec, resolved: &Resolved, facts: &Facts) -> Result<Process> {
    let mut user = User::default();
    user.set_uid(facts.user.uid)
        .set_gid(facts.user.gid)
        .set_additional_gids(Some(facts.user.groups.clone()))
        .set_umask(Some(spec.process.umask.unwrap_or(0o022)));
    let set: oci_spec::runtime::Capabilities = security::capabilities(spec, facts)?.into_iter().collect();
    // Only root starts with capabilities; inheritable and ambient ones are always empty (CVE-2022-27649 and kin).
    let effective = if facts.user.uid == 0 { set.clone() } else { Default::default() };
    let mut capabilities = LinuxCapabilities::default();
    capabilities
        .set_bounding(Some(set))
        .set_permitted(Some(effective.clone()))
        .set_effective(Some(effective))
        .set_inheritable(Some(Default::default()))
        .set_ambient(Some(Default::default()));
    let mut process = Process::default();
    process
        .set_terminal(Some(spec.process.terminal))
        .set_user(user)
        .set_args(Some(resolved.args()))
        .set_env(Some(environment(spec, resolved, facts)?))
        .set_cwd(resolved.working_dir.clone().into())
        .set_capabilities(Some(capabilities))
        .set_rlimits(Some(rlimits(spec, facts)?))
        .set_no_new_privileges(Some(spec.security.no_new_privileges.unwrap_or(false)))
        .set_apparmor_profile(security::apparmor(spec, facts))
        .set_selinux_label(None)
        .set_oom_score_adj(spec.resources.oom_score_adj);
    Ok(process)
}

fn environment(spec: &ContainerSpec, resolved: &Resolved, facts: &Facts) -> Result<Vec<String>> {
    let mut env = resolved.env.clone();
    let has = |env: &[String], name: &str| env.iter().any(|variable| variable.split('=').next() == Some(name));
    let wanted = |name: &str| !spec.process.unset_env.iter().any(|unset| unset == name);
    if !has(&env, "HOSTNAME") && wanted("HOSTNAME") {
        put(&mut env, &format!("HOSTNAME={}", super::namespaces::seen_hostname(spec, facts)));
    }
    if !has(&env, "HOME") && wanted("HOME") {
        put(&mut env, &format!("HOME={}", facts.user.home));
    }
    if facts.program == Program::Docker {
        // docker's order: PATH, HOSTNAME, TERM, then the rest, HOME last.
        env.sort_by_key(|variable| match variable.split('=').next() {
            Some("PATH") => 0,
            Some("HOSTNAME") => 1,
            Some("TERM") => 2,
            Some("HOME") => 4,
            _ => 3,
        });
    }
    Ok(env)
}

/// What was asked for, never beyond what we have ourselves.
fn rlimits(spec: &ContainerSpec, facts: &Facts) -> Result<Vec<PosixRlimit>> {
    let mut limits = spec.resources.ulimits.clone();
    if facts.program != Program::Docker {
        // podman's defaults: as many files and processes as there may be, within reason.
        for name in ["nofile", "nproc"] {
            let own = facts.hard_limits.get(name).copied();
            if let Some(own) = own {
                let value = i64::try_from(own.min(1 << 20)).unwrap_or(1 << 20);
                limits.entry(name.into()).or_insert(Ulimit { soft: value, hard: value });
            }
        }
    }
    limits
        .iter()
        .map(|(name, limit)| {
            let typ = limit_type(name)
                .ok_or_else(|| Fault::invalid(format!("ulimit option {name:?}: invalid ulimit type")))?;
            let most = facts.hard_limits.get(name).copied().unwrap_or(u64::MAX);
            let hard = number(limit.hard).min(most);
            let soft = number(limit.soft).min(hard);
            if hard < number(limit.hard) && spec.resources.ulimits.contains_key(name) {
                log::warn!("ulimit {name}: lowered to {hard}, the most this process may give");
            }
            Ok(PosixRlimitBuilder::default().typ(typ).hard(hard).soft(soft).build()?)
        })
        .collect()
}

fn number(limit: i64) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX)
}

fn limit_type(name: &str) -> Option<PosixRlimitType> {
    use PosixRlimitType::*;
    Some(match name {
        "as" => RlimitAs,
        "core" => RlimitCore,
        "cpu" => RlimitCpu,
        "data" => RlimitData,
        "fsize" => RlimitFsize,
        "locks" => RlimitLocks,
        "memlock" => RlimitMemlock,
        "msgqueue" => RlimitMsgqueue,
        "nice" => RlimitNice,
        "nofile" => RlimitNofile,
        "nproc" => RlimitNproc,
        "rss" => RlimitRss,
        "rtprio" => RlimitRtprio,
        "rttime" => RlimitRttime,
        "sigpending" => RlimitSigpending,
        "stack" => RlimitStack,
        _ => return None,
    })
}
