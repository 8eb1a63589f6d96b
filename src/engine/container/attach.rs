//! `attach`: a connection to a container's streams. Relaying them to a terminal is the caller's.

use super::exited::{exited_with, settled};
use super::{exited, identity};
use crate::config::Program;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::model::id::ContainerId;
use crate::model::lifecycle::Phase;
pub use crate::monitor::client::{Client, Said, Wants};
pub use crate::monitor::frame::{Kind as Frame, MOST as MOST_BYTES, frame_bytes};
use anyhow::{Context, Result};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// What is wanted of an attachment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streams {
    /// To give standard input.
    pub stdin: bool,
    /// To get output.
    pub output: bool,
    /// To get standard output through a pipe, if the container has no terminal: see `Client::take_pipe`.
    pub pipe: bool,
    /// Rows and columns of the caller's terminal.
    pub size: Option<(u16, u16)>,
}

impl Streams {
    /// What to want of the monitor.
    pub(super) fn wants(self, terminal: bool, cleaning: bool) -> Wants {
        Wants { output: self.output, stdin: self.stdin, pipe: self.output && self.pipe && !terminal, cleaning }
    }
}

/// A connection to a container's streams.
#[derive(Debug)]
pub struct Attachment {
    /// Speaks with the container's monitor.
    pub client: Client,
    /// The container has a terminal.
    pub terminal: bool,
    /// Whose streams they are.
    pub id: ContainerId,
    /// It is for us to clean up after the end: see [`Attachment::finish`].
    pub cleaning: bool,
}

impl Attachment {
    /// For a container that is about to start: sees every byte, and cleans up. The descriptor is for `monitor::spawn`.
    pub fn before_start(id: &ContainerId, terminal: bool, streams: Streams) -> Result<(Attachment, OwnedFd)> {
        let wants = streams.wants(terminal, true);
        let (client, theirs) = Client::pair(wants)?;
        let attachment = Attachment { client, terminal, id: id.clone(), cleaning: true };
        attachment.resize(streams.size)?;
        Ok((attachment, theirs))
    }

    /// Tells how large the caller's terminal is.
    pub fn resize(&self, size: Option<(u16, u16)>) -> Result<()> {
        let Some((rows, columns)) = size.filter(|_| self.terminal) else { return Ok(()) };
        let ([a, b], [c, d]) = (rows.to_be_bytes(), columns.to_be_bytes());
        self.client.send(Frame::Resize, &[a, b, c, d])
    }

    /// After the container's end was told: records it, cleans up if that is ours to do, and says so. The exit code.
    pub fn finish(self, engine: &Engine) -> Result<Option<u8>> {
        // Dropped without a word, the connection tells the monitor that the cleaning up is still to be done.
        if self.cleaning { exited_with(engine, &self.id, self.client) } else { exited(engine, &self.id) }
    }
}

/// podman's words, or docker's.
fn improper(engine: &Engine, phase: Phase) -> Fault {
    Fault::conflict(match (engine.config.program, phase) {
        (Program::Docker, Phase::Paused) => "You cannot attach to a paused container, unpause it first",
        (Program::Docker, _) => "You cannot attach to a stopped container, start it first",
        _ => "you can only attach to running containers",
    })
}

/// The keys that detach from a container when the command says nothing: those that it was made with, or the
/// configuration's; `None`: ctrl-p,ctrl-q.
pub fn detach_keys(engine: &Engine, id: &ContainerId) -> Option<String> {
    let own = engine.store.find_container(id.as_str()).ok().and_then(|container| container.spec.detach_keys.clone());
    own.or_else(|| engine.config.defaults.detach_keys.clone())
}

/// After an attachment was lost because the container's monitor was killed: to its next one. `None`: it has ended.
pub fn attach_again(engine: &Engine, id: &ContainerId, streams: Streams) -> Result<Option<Attachment>> {
    let container = engine.store.find_container(id.as_str())?;
    let terminal = container.spec.process.terminal;
    let wants = Wants { stdin: false, ..streams.wants(terminal, true) };
    Ok(connect(engine, id, wants)?.map(|client| Attachment { client, terminal, id: id.clone(), cleaning: true }))
}

/// Attaches to a running container.
pub fn attach(engine: &Engine, id: &ContainerId, streams: Streams) -> Result<Attachment> {
    let container = settled(engine, id)?;
    if !matches!(container.phase, Phase::Running) {
        return Err(improper(engine, container.phase).into());
    }
    let (terminal, interactive) = (container.spec.process.terminal, container.spec.process.interactive);
    let wants = Wants { stdin: streams.stdin && interactive, ..streams.wants(terminal, false) };
    let client = connect(engine, id, wants)?.context(improper(engine, Phase::Exited { code: None }))?;
    if wants.stdin && engine.store.find_container(id.as_str()).is_ok_and(|container| container.adopted) {
        log::warn!("the monitor of container {} was killed, and its input ended with it", id.short());
    }
    let attachment = Attachment { client, terminal, id: id.clone(), cleaning: false };
    attachment.resize(streams.size)?;
    Ok(attachment)
}

/// A connection to the monitor of a container, the next one if this one was killed; `None`: the container has ended.
fn connect(engine: &Engine, id: &ContainerId, wants: Wants) -> Result<Option<Client>> {
    for _ in 0..3 {
        let container = settled(engine, id)?;
        if !matches!(container.phase, Phase::Running | Phase::Paused) {
            return Ok(None);
        }
        if container.adopted && container.spec.process.terminal {
            let what = format!("cannot attach to container {id}: its terminal went when its monitor was killed");
            return Err(Fault::conflict(what).hint("`restart` gives it another one").into());
        }
        if let Some(client) = Client::connect(&container.dirs().run, wants)? {
            return Ok(Some(client));
        }
        // A process that is killed closes its sockets first, and is gone a moment later.
        if let Some(monitor) = identity::process(engine, container.monitor.as_ref())? {
            monitor.wait(Some(Duration::from_secs(2)))?;
        }
    }
    Ok(None)
}
