//! `selftest`: looks around from inside a container, and says what is closed and what is not.
//!
//! A container of the binary itself, in the role `@selftest`, says what it sees; [`judge`] and [`calls`] say what that
//! means, without looking at anything themselves.

mod calls;
mod judge;

use crate::engine::container::attach::{Frame, Said};
use crate::engine::container::{self, Attachment, RunOptions, StartOptions, Started, Streams};
use crate::engine::image::{self, hello, remove::RemoveOptions};
use crate::engine::{Engine, bundle};
use crate::fault::{Fault, Kind};
use crate::model::container::{ContainerSpec, ImageSource, LogDriver, PullPolicy};
use crate::model::progress::Silent;
use crate::model::selftest::{Grade, Seen, Verdict};
use crate::runtime::seccomp;
use crate::sys::capability::Set;
use crate::sys::lsm::Lsm;
use crate::sys::seccomp::{Instruction, filters_of};
use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// Under which name the image is in the store while it runs.
const NAME: &str = "localhost/selftest:latest";

/// What must be known from outside.
#[derive(Debug, Default)]
struct Outside {
    /// Our own namespaces, by kind.
    namespaces: BTreeMap<String, String>,
    /// The security module that is on.
    module: Option<&'static str>,
    /// The filters of the container's first process.
    filters: Vec<Vec<Instruction>>,
    /// They were read back from the kernel; else they are those that it was given.
    read_back: bool,
    /// The default filter for the capabilities that the container can have.
    reference: Vec<Instruction>,
}

/// Runs the probe in a container that is described so, and judges what it saw.
pub fn selftest(engine: &Engine, mut spec: ContainerSpec) -> Result<Verdict> {
    spec.image = ImageSource::Image(NAME.into());
    spec.pull = PullPolicy::Never;
    spec.remove = true;
    spec.process.interactive = true;
    spec.log.driver = Some(LogDriver::None);
    hello::provide_as(engine, NAME, "@selftest")?;
    let outcome = probe(engine, spec);
    // Another one may be using it; then that one removes it.
    match image::remove::remove(engine, NAME, &RemoveOptions::default()).and_then(|_| image::remove::sweep(engine)) {
        Ok(_) => {}
        Err(error) => log::debug!("removing the image of the selftest: {error:#}"),
    }
    let (seen, outside) = outcome?;
    let mut checks = calls::checks(&seen, &outside);
    checks.extend(judge::checks(&seen, &outside));
    let grade = checks.iter().map(|check| check.grade).max().unwrap_or(Grade::Open);
    Ok(Verdict { grade, checks })
}

fn probe(engine: &Engine, spec: ContainerSpec) -> Result<(Seen, Outside)> {
    let streams = Streams { stdin: true, output: true, pipe: false, size: None };
    let preserve_fds = spec.process.preserve_fds > 0;
    let start = StartOptions { attach: Some(streams), preserve_fds };
    let filter = container::seccomp(&spec);
    let options = RunOptions { start, ..RunOptions::default() };
    let (_, started) = container::run(engine, spec, &options, &Silent)?;
    let Started::Running { pid, attachment: Some(mut attachment), .. } = started else {
        return Err(Fault::new(Kind::Internal, "the selftest's container has no streams").into());
    };
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut code = None;
    while code.is_none() && !output.contains(&b'\n') {
        code = listen(&mut attachment, &mut output, &mut errors)?;
    }
    let read_back = if code.is_none() { filters_of(pid) } else { Ok(Vec::new()) };
    if code.is_none() {
        // It waits for a line, or the end.
        attachment.client.send(Frame::Stdin, b"\n")?;
        attachment.client.send(Frame::CloseStdin, &[])?;
    }
    while code.is_none() {
        code = listen(&mut attachment, &mut output, &mut errors)?;
    }
    attachment.finish(engine)?;
    let line = output.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"{"));
    let seen = line.and_then(|line| serde_json::from_slice::<Seen>(line).ok()).ok_or_else(|| {
        let words = String::from_utf8_lossy(&errors).trim().to_string();
        let why = if words.is_empty() { "nothing was said".into() } else { words };
        let code = code.flatten().map_or("unknown".to_string(), |code| code.to_string());
        Fault::new(Kind::Unavailable, format!("the probe did not come to its end (exit code {code}): {why}"))
    })?;
    let bounding = judge::set(&seen.status, "CapBnd");
    let compile = |wanted: &_| -> Result<Vec<Instruction>> {
        let filter = seccomp::filter(wanted, None, bounding, &engine.store.layout().cache())?;
        Ok(filter.map(|filter| filter.instructions).unwrap_or_default())
    };
    let (filters, read_back) = match read_back {
        Ok(filters) => (filters, true),
        Err(error) => {
            log::debug!("reading filters back: {error}");
            (Some(compile(&filter)?).filter(|filter| !filter.is_empty()).into_iter().collect(), false)
        }
    };
    let reference = compile(&crate::runtime::Seccomp::Default)?;
    let module = Lsm::current().map(|module| match module {
        Lsm::AppArmor => "AppArmor",
        Lsm::Selinux => "SELinux",
    });
    Ok((seen, Outside { namespaces: namespaces(), module, filters, read_back, reference }))
}

/// Takes in what is said next; at the end its exit code, if that is known.
fn listen(attachment: &mut Attachment, output: &mut Vec<u8>, errors: &mut Vec<u8>) -> Result<Option<Option<u8>>> {
    if !attachment.client.receive().context("hearing from the selftest")? {
        return Ok(Some(None));
    }
    while let Some(said) = attachment.client.next_said()? {
        match said {
            Said::Stdout(bytes) => output.extend_from_slice(bytes),
            Said::Stderr(bytes) => errors.extend_from_slice(bytes),
            Said::Exit(record) => return Ok(Some(record.code)),
        }
    }
    Ok(None)
}

fn namespaces() -> BTreeMap<String, String> {
    let read = |kind: &&str| {
        let link = std::fs::read_link(format!("/proc/self/ns/{kind}")).ok()?;
        Some((kind.to_string(), link.to_string_lossy().into_owned()))
    };
    ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"].iter().filter_map(read).collect()
}

/// The capabilities of a default container.
fn default_capabilities() -> Set {
    let names = bundle::DEFAULT_CAPABILITIES.iter().map(|capability| format!("CAP_{capability}"));
    names.filter_map(|name| Set::named(&name)).fold(Set::default(), Set::or)
}
