//! The process itself: streams, limits, identity, filter, program.

use super::Gate;
use super::{Builder, attributes, text};
use crate::fault::{Fault, Kind};
use crate::runtime::facts::Facts;
use crate::runtime::step::{Attribute, Exec, Identity, Step, Terminal};
use crate::runtime::{Seccomp, Stdio, seccomp};
use crate::sys::capability::Set;
use crate::sys::limits::{self, Limit};
use crate::sys::lsm::Lsm;
use crate::sys::mount;
use crate::sys::process::Strings;
use anyhow::{Context, Result};
use oci_spec::runtime::{Capabilities, LinuxMemoryPolicy, LinuxPersonality, LinuxSeccomp, PosixRlimit, Process};
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::Path;

/// What is known of a process when its steps are planned.
pub struct Request<'a> {
    /// The process.
    pub process: &'a Process,
    /// What it may call.
    pub seccomp: &'a Seccomp,
    /// For [`Seccomp::Spec`].
    pub profile: Option<&'a LinuxSeccomp>,
    /// Where compiled filters are kept.
    pub cache_dir: &'a Path,
    /// About us.
    pub facts: &'a Facts,
    /// Whether supplementary groups can be set where it will live.
    pub may_set_groups: bool,
    /// The terminal's place, should there be one: devpts and `/dev`.
    pub terminal: (Option<usize>, Option<usize>),
    /// Stop before the program and wait.
    pub gate: Gate,
    /// Started by our own first process.
    pub init: bool,
    /// Make its working directory when it is missing: for a container's first process only.
    pub make_directory: bool,
    /// Names its keyring; `None`: it keeps the session's.
    pub keyring: Option<String>,
    /// What the kernel pretends to be.
    pub personality: Option<&'a LinuxPersonality>,
    /// Where its memory comes from.
    pub memory_policy: Option<&'a LinuxMemoryPolicy>,
    /// The CPUs that it ends up on.
    pub cpus: Option<Attribute>,
    /// What is run right before its program.
    pub hooks: Vec<Step>,
}

impl Builder<'_> {
    pub(super) fn process(&mut self, stdio: Stdio, preserved: Vec<OwnedFd>, gate: Gate) -> Result<()> {
        let spec = &self.bundle.spec;
        let process = spec.process().as_ref().ok_or_else(|| Fault::invalid("the bundle has no process"))?;
        let request = Request {
            process,
            seccomp: &self.bundle.seccomp,
            profile: spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref()),
            cache_dir: &self.bundle.cache_dir,
            facts: self.facts,
            may_set_groups: self.sets_groups(),
            terminal: (self.pts, self.dev),
            gate,
            init: self.bundle.init,
            make_directory: true,
            personality: spec.linux().as_ref().and_then(|linux| linux.personality().as_ref()),
            memory_policy: spec.linux().as_ref().and_then(|linux| linux.memory_policy().as_ref()),
            cpus: None,
            hooks: self.start_hooks()?,
            keyring: (!self.bundle.manner.no_new_keyring).then(|| keyring_name(&self.bundle.id)),
        };
        of_process(request, stdio, preserved, &mut self.steps, &mut self.warnings)
    }
}

/// How a container's session keyring is called: as runc has it.
pub fn keyring_name(id: &str) -> String {
    format!("_ses.{id}")
}

/// The steps from the streams to the program: the same for a container's first process and for any later one.
pub fn of_process(
    request: Request,
    stdio: Stdio,
    preserved: Vec<OwnedFd>,
    steps: &mut Vec<Step>,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let process = request.process;
    let user = process.user();
    refuse_unbuilt(process)?;
    let first_private = 3 + preserved.len() as u32;
    match stdio {
        Stdio::Descriptors { stdin, stdout, stderr } => {
            for (number, fd) in (0..).zip([stdin, stdout, stderr]) {
                steps.push(Step::Descriptor { fd, number });
            }
        }
        Stdio::Terminal { rows, columns } => {
            let (slot, console) = request.terminal;
            steps.push(Step::Terminal(Terminal { slot, console, rows, columns, uid: user.uid() }));
        }
    }
    for (number, fd) in (3..).zip(preserved) {
        steps.push(Step::Descriptor { fd, number });
    }
    if let Some(name) = &request.keyring {
        steps.push(Step::Keyring(text(name)?));
    }
    for limit in process.rlimits().as_deref().unwrap_or_default() {
        steps.push(rlimit(limit, request.facts, warnings)?);
    }
    steps.extend(label(process)?);
    steps.extend(run_as(&request)?.into_iter().map(Step::Attribute));
    let directory = text(process.cwd())?;
    steps.push(Step::WorkingDirectory { path: directory.clone(), make: request.make_directory });
    steps.push(Step::Umask(user.umask().unwrap_or(0o022)));
    steps.push(Step::ResetSignals);
    let program = program(process, request.init)?;
    let capabilities = process.capabilities().as_ref();
    let set = |list: Option<&Option<Capabilities>>| set(list.and_then(Option::as_ref));
    let bounding = set(capabilities.map(|sets| sets.bounding()));
    let effective = set(capabilities.map(|sets| sets.effective()));
    let permitted = set(capabilities.map(|sets| sets.permitted())).or(effective).and(bounding);
    let filter = seccomp::filter(request.seccomp, request.profile, bounding, request.cache_dir)?
        .map(|filter| Step::Seccomp { flags: filter.flags, filter: filter.instructions });
    let mut groups = vec![user.gid()];
    for gid in user.additional_gids().as_deref().unwrap_or_default() {
        if !groups.contains(gid) {
            groups.push(*gid);
        }
    }
    if !request.may_set_groups && groups.len() > 1 {
        warnings.push("supplementary groups can't be set in this user namespace".into());
    }
    let inheritable = set(capabilities.map(|sets| sets.inheritable())).and(permitted);
    let identity = Step::Identity(Identity {
        uid: user.uid(),
        gid: user.gid(),
        groups: request.may_set_groups.then_some(groups),
        bounding,
        effective: effective.and(permitted),
        permitted,
        inheritable,
        ambient: set(capabilities.map(|sets| sets.ambient())).and(inheritable),
    });
    let again = Step::WorkingDirectoryAgain(directory);
    let mut filter = filter;
    match request.gate {
        Gate::None => {}
        Gate::Parent => {
            steps.push(Step::Ready);
            let is_ours = matches!(request.seccomp, Seccomp::Default | Seccomp::DefaultWithoutSocketcall);
            if is_ours && !process.no_new_privileges().unwrap_or(false) {
                // The kernel takes a while to load it, and the default profile allows all that follows: so it is done
                // while the others note that the container is there.
                steps.extend(filter.take());
            }
            steps.push(Step::AwaitStart);
        }
        Gate::Socket(socket) => {
            if let Step::Exec(exec) = &program {
                let (candidates, name) = (exec.candidates.clone(), exec.name.clone());
                steps.push(Step::FindProgram { candidates, name });
            }
            steps.push(Step::Gate { socket, first_private: first_private as i32 });
        }
    }
    steps.push(Step::CloseFrom(first_private));
    if process.no_new_privileges().unwrap_or(false) {
        // As late as can be, so that the filter need allow nothing but the execve.
        steps.extend([identity, again]);
        steps.extend(request.hooks);
        steps.push(Step::NoNewPrivileges);
        steps.extend(filter);
    } else {
        // Without no-new-privileges only who has CAP_SYS_ADMIN may load a filter.
        steps.extend(filter);
        steps.extend([identity, again]);
        steps.extend(request.hooks);
    }
    steps.push(program);
    Ok(())
}

/// How the kernel is to run it.
fn run_as(request: &Request) -> Result<Vec<Attribute>> {
    let process = request.process;
    let mut list = Vec::new();
    list.extend(process.scheduler().as_ref().map(attributes::scheduler).transpose()?);
    list.extend(process.io_priority().map(attributes::io_priority).transpose()?);
    list.extend(request.personality.map(attributes::personality).transpose()?);
    list.extend(request.memory_policy.map(attributes::memory_policy).transpose()?);
    list.extend(request.cpus.clone());
    Ok(list)
}

fn set(list: Option<&Capabilities>) -> Set {
    let named = list.into_iter().flatten().filter_map(|capability| Set::named(&name(capability)));
    named.fold(Set::default(), Set::or)
}

fn name(capability: &oci_spec::runtime::Capability) -> String {
    let name = capability.to_string();
    if name.starts_with("CAP_") { name } else { format!("CAP_{name}") }
}

fn program(process: &Process, init: bool) -> Result<Step> {
    let args = process.args().as_deref().unwrap_or_default();
    let name = args.first().cloned().unwrap_or_default();
    let environment = process.env().as_deref().unwrap_or_default();
    let mut words = Vec::with_capacity(args.len() + 3);
    let mut program = None;
    if init {
        for word in ["/dev/init", "@init", "--"] {
            words.push(text(word)?);
        }
        program = Some(mount::sealed_executable().context("making a read-only copy of our program")?);
    }
    for word in args {
        words.push(text(word)?);
    }
    let variables: Result<Vec<CString>> = environment.iter().map(text).collect();
    Ok(Step::Exec(Exec {
        program,
        candidates: candidates(&name, environment)?,
        name,
        arguments: Strings::new(words),
        environment: Strings::new(variables?),
    }))
}

/// Where a command may be, in the order of `PATH`.
pub fn candidates(name: &str, environment: &[String]) -> Result<Vec<CString>> {
    if name.contains('/') {
        return Ok(vec![text(name)?]);
    }
    if name.is_empty() {
        return Ok(Vec::new());
    }
    let path = environment.iter().rev().find_map(|variable| variable.strip_prefix("PATH="));
    let path = path.unwrap_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    path.split(':')
        .map(|dir| if dir.is_empty() { "." } else { dir })
        .map(|dir| text(format!("{}/{name}", dir.trim_end_matches('/'))))
        .collect()
}

fn rlimit(limit: &PosixRlimit, facts: &Facts, warnings: &mut Vec<String>) -> Result<Step> {
    let name = limit.typ().to_string().to_lowercase();
    let name = name.strip_prefix("rlimit_").unwrap_or(&name).to_string();
    let (_, resource) = limits::NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| Fault::invalid(format!("ulimit {name}: there is no such limit")))?;
    if limit.soft() > limit.hard() {
        return Err(Fault::invalid(format!("ulimit {name}: soft limit exceeds hard limit")).into());
    }
    let mut wanted = Limit { soft: limit.soft(), hard: limit.hard() };
    let ours = limits::get(*resource).with_context(|| format!("reading ulimit {name}"))?;
    if wanted.hard > ours.hard && !facts.may_raise_limits() {
        warnings.push(format!("ulimit {name} is lowered to {}, the most that we may give", ours.hard));
        wanted = Limit { soft: wanted.soft.min(ours.hard), hard: ours.hard };
    }
    Ok(Step::Limit { resource: *resource, limit: wanted, name })
}

/// The security label that is asked for. It is written through the host's `/proc`: what a container has there, if it
/// has one, may be anything.
fn label(process: &Process) -> Result<Option<Step>> {
    let apparmor = process.apparmor_profile().as_deref().filter(|label| !label.is_empty() && *label != "unconfined");
    let selinux = process.selinux_label().as_deref().filter(|label| !label.is_empty());
    let wanted = [(apparmor, Lsm::AppArmor, "AppArmor"), (selinux, Lsm::Selinux, "SELinux")];
    for (label, lsm, name) in wanted {
        let Some(label) = label else { continue };
        if Lsm::current() != Some(lsm) {
            return Err(Fault::unsupported(format!("label `{label}`: this host has no {name}")).into());
        }
        const PROC: i64 = 0x9fa0;
        let proc = super::open_host(std::path::Path::new("/proc"), "the host's")?;
        if crate::sys::path::file_system(std::os::fd::AsFd::as_fd(&proc))? != PROC {
            return Err(Fault::unsupported(format!("label `{label}`: /proc is no procfs")).into());
        }
        return Ok(Some(Step::LabelExec { proc, path: lsm.exec_attribute(), text: lsm.exec_text(label).into_bytes() }));
    }
    Ok(None)
}

fn refuse_unbuilt(process: &Process) -> Result<()> {
    let unbuilt = [(process.command_line().is_some(), "commandLine")];
    match unbuilt.iter().find(|(asked, _)| *asked) {
        Some((_, name)) => Err(Fault::new(Kind::Unsupported, format!("process.{name} is not built")).into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_looked_for_in_the_containers_path() {
        let find = |name: &str, env: &[&str]| {
            let env: Vec<String> = env.iter().map(ToString::to_string).collect();
            let found = candidates(name, &env).unwrap();
            found.iter().map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(find("sh", &["PATH=/bin:/usr/bin/"]), ["/bin/sh", "/usr/bin/sh"]);
        assert_eq!(find("sh", &["PATH=/a", "PATH=:/b"]), ["./sh", "/b/sh"]);
        assert_eq!(find("./x", &["PATH=/bin"]), ["./x"]);
        assert_eq!(find("", &["PATH=/bin"]), Vec::<String>::new());
        assert_eq!(find("sh", &[]).len(), 6);
    }
}
