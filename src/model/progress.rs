//! What long work reports, and to whom. Implemented by the terminal's bars, plain lines, JSON lines and collectors.

use super::digest::Digest;

/// Something that long work tells about itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A line for people: "Trying to pull …".
    Line(String),
    /// A blob is being fetched; sizes in bytes.
    Blob {
        /// Which blob.
        digest: Digest,
        /// What is done with it.
        step: Step,
        /// How far it is.
        done: u64,
        /// How far it goes, when known.
        total: Option<u64>,
    },
}

/// What is done with a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is here already.
    Present,
    /// It is on its way in.
    Download,
    /// It is on its way out.
    Upload,
    /// It is in.
    Done,
}

/// Whom long work tells. Called from several threads.
pub trait Progress: Sync {
    /// Something happened.
    fn event(&self, event: Event);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event) {}
}
