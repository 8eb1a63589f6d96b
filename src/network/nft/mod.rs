//! nf_tables by netlink: our own writer of messages, and the rules that we keep.

pub mod expression;
pub mod message;
pub mod ruleset;

pub use message::{Element, generation};
pub use ruleset::{Guest, Ruleset};
