//! `network …`

pub mod connect;
pub mod create;
pub mod disconnect;
pub mod exists;
pub mod explain;
pub mod inspect;
pub mod ls;
pub mod prune;
pub mod reload;
pub mod rm;
pub mod update;
