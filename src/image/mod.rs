//! Images in and out: registries, archives and the store meet here. Knows no containers.

pub mod compress;
pub mod format;
pub mod history;
pub mod index;
pub mod pull;
pub mod push;
pub mod remove;
pub mod resolve;
pub mod select;
pub mod tag;
