//! Containers: one file per verb.

mod create;
mod exited;
mod find;
mod identity;
mod inspect;
mod kill;
mod list;
mod pause;
mod port;
mod prune;
mod remove;
mod rename;
mod restart;
mod run;
mod start;
mod stop;
mod top;
mod wait;

pub use create::{CreateOptions, create};
pub use exited::{exited, reap_role};
pub use find::{Selection, exists, find, latest, select};
pub use inspect::inspect;
pub use kill::{kill, parse_signal};
pub use list::{ListOptions, Listed, list};
pub use pause::{pause, unpause};
pub use port::{PublishedPort, port};
pub use prune::{Pruned, prune};
pub use remove::{RemoveOptions, remove};
pub use rename::rename;
pub use restart::restart;
pub use run::{RunOptions, run};
pub use start::{Attachment, StartOptions, Started, start};
pub use stop::{StopOptions, Stopped, stop};
pub use top::{Processes, top};
pub use wait::{Condition, wait};
