//! One more process in a running container.

use super::create::{carry_out, nothing};
use super::facts::Facts;
use super::plan::{self, Plan, Request, flag};
use super::step::Step;
use super::{Join, Running, Stdio, cgroup};
use crate::fault::{Fault, Kind};
use crate::sys::process;
use anyhow::{Context, Result};
use oci_spec::runtime::LinuxNamespaceType;
use std::os::fd::OwnedFd;

/// A request for one more process.
#[derive(Debug)]
pub struct Exec<'a> {
    /// What runs, and where.
    pub join: &'a Join,
    /// Its standard streams.
    pub stdio: Stdio,
    /// More descriptors for it: they become 3, 4 …
    pub preserved: Vec<OwnedFd>,
}

/// Joins the container's namespaces, cgroup and confinement and runs the process there.
/// Faults: `Conflict` when the container is not running; `CommandNotFound` (127), `NotExecutable` (126).
pub fn exec(request: Exec) -> Result<Running> {
    let (running, ..) = carry_out(plan(request)?, &mut nothing)?;
    Ok(running)
}

/// An id that the namespace of a process has: 0, if it has that.
fn first_id(pid: i32, file: &str) -> u32 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    crate::sys::idmap::parse_map(&text).iter().map(|line| line.inside).min().unwrap_or(0)
}

fn plan(request: Exec) -> Result<Plan> {
    let Exec { join, stdio, preserved } = request;
    let gone = || Fault::new(Kind::Conflict, "the container is not running: container state improper");
    let container = crate::sys::pidfd::open(join.pid).map_err(|_| gone())?;
    // Read after the pidfd was opened: if it is the same process now, it was then.
    if process::start_time(join.pid).ok() != Some(join.start_time) {
        return Err(gone().into());
    }
    let facts = Facts::read()?;
    let first_private = 3 + preserved.len() as i32;
    let affinity = join.process.exec_cpu_affinity().as_ref();
    let cpus = |list: Option<&String>| list.filter(|list| !list.is_empty()).map(|list| plan::cpus(list)).transpose();
    let mut steps = vec![Step::Undumpable];
    steps.extend(cpus(affinity.and_then(|affinity| affinity.initial().as_ref()))?.map(Step::Attribute));
    if let Some(place) = &join.cgroup {
        let place = cgroup::beside(place, join.pid);
        cgroup::systemd::approach(&place)?;
        for entrance in cgroup::open(&place)?.entrances()? {
            let (tasks, name) = entrance.tasks()?;
            steps.push(Step::EnterCgroup { tasks, name });
        }
    }
    // The kernel enters the user namespace first and needs its privilege for the rest. The pid namespace holds only for
    // the fork that follows, when nothing of the host is left in sight.
    let kinds = join.namespaces.iter().fold(0, |kinds, kind| kinds | flag(*kind)) | libc::CLONE_NEWNS;
    let user = kinds & libc::CLONE_NEWUSER != 0;
    steps.push(Step::Join { fd: container, kinds, what: "the container's namespaces".into() });
    if user {
        let (uid, gid) = (first_id(join.pid, "uid_map"), first_id(join.pid, "gid_map"));
        steps.push(Step::BecomeRoot { uid, gid, groups: facts.may_set_groups });
    }
    let own_pids = join.namespaces.contains(&LinuxNamespaceType::Pid);
    if own_pids {
        steps.push(Step::Fork { cgroup: None, kinds: 0 });
    }
    // After the fork: the child of a session's leader leads none, and could take no terminal.
    steps.push(Step::Session);
    steps.push(Step::JoinedRoot);
    let mut warnings = Vec::new();
    let details = Request {
        process: &join.process,
        seccomp: &join.seccomp,
        profile: join.profile.as_ref(),
        cache_dir: &join.cache_dir,
        facts: &facts,
        may_set_groups: facts.may_set_groups,
        terminal: (None, None),
        gate: plan::Gate::None,
        init: false,
        make_directory: false,
        keyring: join.keyring.clone(),
        personality: join.personality.as_ref(),
        memory_policy: None,
        cpus: cpus(affinity.and_then(|affinity| affinity.cpu_affinity_final().as_ref()))?,
        hooks: Vec::new(),
    };
    plan::of_process(details, stdio, preserved, &mut steps, &mut warnings).context("planning an exec")?;
    for step in &mut steps {
        step.move_above(first_private)?;
    }
    Ok(Plan {
        child: steps,
        slots: 0,
        clone_flags: 0,
        born_in: None,
        forks: own_pids,
        oom_score: join.process.oom_score_adj(),
        cgroup: None,
        warnings,
        first_private,
    })
}
