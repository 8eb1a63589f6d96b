//! How anything goes wrong: one struct, its kinds, and the tables from kind to exit code.
//!
//! Library code returns `anyhow::Result`; a [`Fault`] is placed where the cause is understood and found again with
//! [`Fault::of`] at the edges (the CLI's exit code, later the API's status). Nothing here prints.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What sort of failure it is; decides the exit code and, for the API, the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The request makes no sense, whatever the state of the machine.
    Invalid,
    /// The other side wants (other) credentials.
    Unauthorized,
    /// Permission denied by the kernel, a policy or a registry.
    Denied,
    /// The named thing does not exist.
    NotFound,
    /// The state of things forbids it now: name taken, container running.
    Conflict,
    /// Understood, but not built or not possible on this host.
    Unsupported,
    /// A registry, disk or helper does not answer or has no room.
    Unavailable,
    /// A bug of ours or a surprise of the kernel's.
    Internal,
    /// The container's command exists but can't be executed: exit code 126.
    NotExecutable,
    /// The container's command was not found: exit code 127.
    CommandNotFound,
    /// Nothing to say; just leave with this code (the container's own, or an answer such as `exists`).
    Exit(u8),
}

impl Kind {
    /// podman's exit code for this kind; per-command exceptions stand in that command's file.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::NotExecutable => 126,
            Kind::CommandNotFound => 127,
            Kind::Exit(code) => code,
            _ => 125,
        }
    }

    /// The HTTP status of the Docker API (moby's `httpstatus` table).
    pub fn http_status(self) -> u16 {
        match self {
            Kind::Invalid | Kind::NotExecutable | Kind::CommandNotFound => 400,
            Kind::Unauthorized => 401,
            Kind::Denied => 403,
            Kind::NotFound => 404,
            Kind::Conflict => 409,
            Kind::Unsupported => 501,
            Kind::Unavailable => 503,
            Kind::Internal | Kind::Exit(_) => 500,
        }
    }
}

/// A failure with words for the user: `what` in the form `what: why`, and a hint with something to type.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Decides exit code and status.
    pub kind: Kind,
    /// One line, lower case, names in backticks.
    pub what: String,
    /// A separate sentence, shown on a terminal only.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Fault { kind, what: what.into(), hint: None }
    }

    /// The same fault with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Bad input.
    pub fn invalid(what: impl Into<String>) -> Self {
        Fault::new(Kind::Invalid, what)
    }

    /// Something named does not exist.
    pub fn not_found(what: impl Into<String>) -> Self {
        Fault::new(Kind::NotFound, what)
    }

    /// The state of things forbids it.
    pub fn conflict(what: impl Into<String>) -> Self {
        Fault::new(Kind::Conflict, what)
    }

    /// Not built, or impossible on this host.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Fault::new(Kind::Unsupported, what)
    }

    /// Leave with `code` and print nothing.
    pub fn exit(code: u8) -> Self {
        Fault::new(Kind::Exit(code), String::new())
    }

    /// The typed part of an error: the outermost [`Fault`] in its chain.
    pub fn of(error: &anyhow::Error) -> Option<&Fault> {
        error.downcast_ref::<Fault>().or_else(|| error.chain().find_map(|cause| cause.downcast_ref::<Fault>()))
    }

    /// The kind of an error; [`Kind::Internal`] when nobody typed it.
    pub fn kind_of(error: &anyhow::Error) -> Kind {
        Fault::of(error).map_or(Kind::Internal, |fault| fault.kind)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fault {}
