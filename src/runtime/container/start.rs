//! The word to start.

use super::{Container, Status, improper};
use crate::runtime::handshake::{Message, Outside};
use crate::runtime::{hook, words};
use crate::sys::socket;
use anyhow::{Context, Result};

/// Lets a created container run its program. A program that can't be executed is told here.
pub fn start(container: &Container) -> Result<()> {
    let _lock = container.lock()?;
    match container.status()? {
        Status::Created => {}
        Status::Stopped => return Err(improper("cannot start a container that has stopped")),
        _ => return Err(improper("cannot start an already running container")),
    }
    let gate = container.gate();
    let child = socket::connect(&gate, socket::Kind::Messages).context("going to the container's gate")?;
    let child = Outside::of(child);
    child.go().context("starting the container")?;
    let mut failure = None;
    while let Some((message, _)) = child.receive().context("hearing from the new process")? {
        if let Message::Failed { step, errno, fatal: true, found } = message {
            failure = Some((usize::from(step), errno, found));
        }
    }
    std::fs::remove_file(&gate).context("removing the container's gate")?;
    match failure {
        None => {
            let hooks = container.spec()?.hooks().clone().unwrap_or_default();
            let list: Vec<_> = hooks.poststart().iter().flatten().collect();
            hook::run("poststart", &list, &container.state(Status::Running)).inspect_err(|_| {
                let _ = container.send(libc::SIGKILL, false);
            })
        }
        Some((step, errno, found)) => {
            let name =
                container.spec().ok().and_then(|spec| spec.process().as_ref()?.args().as_ref()?.first().cloned());
            let last = container.record.steps.last().is_none_or(|(index, _)| *index == step);
            let does = container.record.steps.iter().find(|(index, _)| *index == step).map(|(_, does)| does.as_str());
            Err(match (last, name) {
                (true, Some(name)) => words::command(&name, errno, found),
                _ => words::at(does.unwrap_or("starting"), errno),
            }
            .into())
        }
    }
}
