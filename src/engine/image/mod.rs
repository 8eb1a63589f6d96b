//! What users do with images.

pub mod access;
pub mod exists;
pub mod find;
pub mod hello;
pub mod history;
pub mod inspect;
pub mod list;
pub mod load;
pub mod login;
pub mod prune;
pub mod pull;
pub mod push;
pub mod remove;
pub mod save;
pub mod tag;
