//! A new container: its first process.

use super::child::Child;
use super::facts::Facts;
use super::handshake::{self, Message, Outside};
use super::plan::{self, Plan};
use super::step::Step;
use super::{Bundle, Stdio, cgroup, words};
use crate::fault::{Fault, Kind};
use crate::sys::process::{self, Clone, Process, Side};
use anyhow::{Context, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A request for a new container.
#[derive(Debug)]
pub struct Create<'a> {
    /// What it is.
    pub bundle: &'a Bundle,
    /// The standard streams of its first process.
    pub stdio: Stdio,
    /// More descriptors for it: they become 3, 4 …
    pub preserved: Vec<OwnedFd>,
    /// A network namespace that was made for it, where it is to get one of its own.
    pub network: Option<OwnedFd>,
}

/// A container whose first process stands before its execve. Dropped without [`Created::start`], it is killed.
#[derive(Debug)]
pub struct Created {
    running: Option<Running>,
    steps: Vec<Step>,
    outside: Outside,
}

/// A process of a container that has begun its own program. It is our child: wait for it by its pidfd.
#[derive(Debug)]
pub struct Running {
    /// Its process id, as seen from here.
    pub pid: i32,
    /// Readable when it has ended.
    pub pidfd: OwnedFd,
    /// Its start time in clock ticks: with the pid, its identity.
    pub start_time: u64,
    /// The controlling side of its terminal, when [`Stdio::Terminal`] was asked for.
    pub terminal: Option<OwnedFd>,
    /// Where it is counted and limited; to be kept in the container's record.
    pub cgroup: Option<cgroup::Place>,
    /// What was done in another way than asked (a clamped rlimit …), for the user.
    pub warnings: Vec<String>,
    /// Its mount namespace, kept alive so that its end needn't wait for the mounts to go; close it when all is told.
    pub mount_namespace: Option<OwnedFd>,
}

/// Makes a container up to the point where [`Created::start`] lets it run its own program.
/// Faults: `Invalid`, `Unsupported` (a limit or option this host can't give), `Denied` …
pub fn create(request: Create) -> Result<Created> {
    let facts = prepared()?;
    let bundle = request.bundle;
    let plan = plan::of_bundle(request, plan::Gate::Parent, &facts).map_err(|error| undo(bundle, error))?;
    let (running, steps, outside) = carry_out(plan, &mut nothing)?;
    Ok(Created { running: Some(running), steps, outside })
}

/// [`create`] and [`Created::start`] in one, without the wait in between: the fast way.
/// Faults as of both; `CommandNotFound` (127) and `NotExecutable` (126) for the command.
pub fn run(request: Create) -> Result<Running> {
    let facts = prepared()?;
    let bundle = request.bundle;
    let plan = plan::of_bundle(request, plan::Gate::None, &facts).map_err(|error| undo(bundle, error))?;
    let (running, ..) = carry_out(plan, &mut nothing)?;
    Ok(running)
}

/// Makes a container whose first process waits at the socket `gate` for the word to start, whoever brings it and whatever
/// became of us. `during` is called with its process id before its root is entered, if there are hooks.
pub fn leave_waiting(request: Create, gate: OwnedFd, during: &mut dyn FnMut(i32) -> Result<()>) -> Result<Waiting> {
    let facts = prepared()?;
    let bundle = request.bundle;
    let plan = plan::of_bundle(request, plan::Gate::Socket(gate), &facts).map_err(|error| undo(bundle, error))?;
    let (running, steps, outside) = carry_out(plan, during)?;
    let after = steps.iter().enumerate().skip_while(|(_, step)| !matches!(step, Step::Gate { .. })).skip(1);
    let steps = after.map(|(index, step)| (index, step.describe())).collect();
    Ok(Waiting { running, steps, outside })
}

/// A container at its gate. Until [`Waiting::leave`] it ends with us.
#[derive(Debug)]
pub struct Waiting {
    /// Its first process.
    pub running: Running,
    /// What each step behind the gate does, by number.
    pub steps: Vec<(usize, String)>,
    outside: Outside,
}

impl Waiting {
    /// From now on it waits whatever becomes of us.
    pub fn leave(&self) -> Result<()> {
        self.outside.go().context("leaving the new process alone")
    }
}

/// This process, ready to make mounts, and what decides how.
fn prepared() -> Result<Facts> {
    let facts = Facts::read()?;
    if !facts.initial_user_namespace {
        // Root of a user namespace may mount only where the mount namespace is that user namespace's, too; ours is
        // still the host's.
        crate::sys::namespace::unshare(libc::CLONE_NEWNS).context("making a mount namespace to prepare mounts in")?;
    }
    Ok(facts)
}

/// A plan that failed may have made a cgroup already.
fn undo(bundle: &Bundle, error: anyhow::Error) -> anyhow::Error {
    if let Ok(Some(place)) = cgroup::host().and_then(|host| plan::cgroup_place(bundle, &host)) {
        remove_cgroup(&place);
    }
    error
}

fn remove_cgroup(place: &cgroup::Place) {
    if let Err(error) = cgroup::open(place).and_then(|driver| driver.remove()) {
        log::warn!("removing a cgroup: {error:#}");
    }
}

/// For who has nothing to do between the making of the namespaces and the change of the root.
pub(super) fn nothing(_: i32) -> Result<()> {
    Ok(())
}

/// Clones and answers the child, until it says that it is ready or has executed its program. `during` is called with its
/// process id when its namespaces are there and its root is not entered, if the plan says so.
pub(super) fn carry_out(
    plan: Plan,
    during: &mut dyn FnMut(i32) -> Result<()>,
) -> Result<(Running, Vec<Step>, Outside)> {
    let Plan { child: steps, slots, clone_flags, born_in, forks, oom_score, cgroup, warnings, first_private } = plan;
    let result = (|| {
        let (outside, inside) = handshake::pair(first_private).context("making a socket pair")?;
        let mut child = Child::new(slots);
        let request = Clone { flags: clone_flags, cgroup: born_in.as_ref().map(AsFd::as_fd) };
        let first = match process::clone(request).context("cloning")? {
            Side::Parent(process) => process,
            Side::Child => {
                // With a copy of the parent's end it would never learn that the parent was killed.
                drop(outside);
                child.walk(&steps, &inside)
            }
        };
        drop(inside);
        let mut running = Unfinished { process: Some(first), terminal: None, warnings, keep: false };
        if !forks {
            running.adjust(oom_score)?;
        }
        loop {
            let message = outside.receive().context("hearing from the new process")?;
            match message {
                None | Some((Message::Ready, _)) => break,
                Some((Message::Terminal, fd)) => running.terminal = fd,
                Some((Message::Parent, _)) => {
                    during(running.process.as_ref().map_or(0, |process| process.pid))?;
                    outside.go().context("letting the new process go on")?;
                }
                Some((Message::Process(pid), Some(pidfd))) => {
                    // The one in between has done its work and leaves.
                    if let Some(between) = running.process.replace(Process { pid, pidfd }) {
                        let _ = crate::sys::pidfd::wait(between.pidfd.as_fd());
                    }
                    running.adjust(oom_score)?;
                }
                Some((Message::Process(_), None)) => {
                    return Err(Fault::new(Kind::Internal, "a process without pidfd").into());
                }
                Some((Message::Failed { step, errno, fatal: false, .. }, _)) => {
                    let step = steps.get(usize::from(step));
                    // Its program could use the caller's keys, should its filter let it.
                    if matches!(step, Some(Step::Keyring(_))) && errno == libc::EDQUOT {
                        running.warnings.push(
                            "the user's quota of keys is used up: the container has the session keyring of whoever \
                             started it (see /proc/sys/kernel/keys)"
                                .into(),
                        );
                    }
                    log::debug!("{}: {}", step.map(Step::describe).unwrap_or_default(), words::because(errno));
                }
                Some((Message::Failed { step, errno, found, .. }, _)) => {
                    return Err(words::explain(&steps, step.into(), errno, found).into());
                }
            }
        }
        Ok((running.finish(cgroup.clone())?, steps, outside))
    })();
    if let (Err(_), Some(place)) = (&result, &cgroup) {
        remove_cgroup(place);
    }
    result
}

/// A process on its way; dropped unfinished, it is killed and waited for.
struct Unfinished {
    process: Option<Process>,
    terminal: Option<OwnedFd>,
    warnings: Vec<String>,
    keep: bool,
}

impl Unfinished {
    /// What only the parent can set.
    fn adjust(&mut self, oom_score: Option<i32>) -> Result<()> {
        let (Some(process), Some(score)) = (&self.process, oom_score) else { return Ok(()) };
        let path = format!("/proc/{}/oom_score_adj", process.pid);
        match std::fs::write(&path, score.to_string()) {
            Err(error) if error.raw_os_error() == Some(libc::EACCES) => {
                self.warnings.push(format!("the OOM score {score} is lower than we may set; it stays as it was"));
                Ok(())
            }
            result => result.with_context(|| format!("setting the OOM score to {score}")),
        }
    }

    fn finish(mut self, cgroup: Option<cgroup::Place>) -> Result<Running> {
        let process = self.process.take().context("no process")?;
        self.keep = true;
        // It may have ended already: then it is a zombie that still has its start time, but no mounts.
        let mount_namespace = std::fs::File::open(format!("/proc/{}/ns/mnt", process.pid)).ok().map(OwnedFd::from);
        Ok(Running {
            start_time: process::start_time(process.pid).unwrap_or(0),
            pid: process.pid,
            pidfd: process.pidfd,
            terminal: self.terminal.take(),
            cgroup,
            warnings: std::mem::take(&mut self.warnings),
            mount_namespace,
        })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let (Some(process), false) = (&self.process, self.keep) {
            end(process.pidfd.as_fd());
        }
    }
}

fn end(pidfd: BorrowedFd<'_>) {
    let _ = process::kill(pidfd, libc::SIGKILL);
    let _ = crate::sys::pidfd::wait(pidfd);
}

impl Created {
    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.running.as_ref().map_or(0, |running| running.pid)
    }

    /// Readable when it has ended.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.running.as_ref().map(|running| running.pidfd.as_fd())
    }

    /// Where it is counted and limited.
    pub fn cgroup(&self) -> Option<&cgroup::Place> {
        self.running.as_ref().and_then(|running| running.cgroup.as_ref())
    }

    /// Its start time in clock ticks.
    pub fn start_time(&self) -> u64 {
        self.running.as_ref().map_or(0, |running| running.start_time)
    }

    /// Lets it run its own program. Faults: `CommandNotFound` (127), `NotExecutable` (126).
    pub fn start(mut self) -> Result<Running> {
        self.outside.go().context("starting the container")?;
        while let Some((message, _)) = self.outside.receive().context("hearing from the new process")? {
            if let Message::Failed { step, errno, fatal: true, found } = message {
                return Err(words::explain(&self.steps, step.into(), errno, found).into());
            }
        }
        self.running.take().context("started twice")
    }
}

impl Drop for Created {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            end(running.pidfd.as_fd());
            if let Some(place) = &running.cgroup {
                remove_cgroup(place);
            }
        }
    }
}
