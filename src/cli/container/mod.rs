//! Commands on containers, a file per verb.

pub mod attach;
pub mod create;
pub mod exec;
pub mod exists;
pub mod inspect;
pub mod kill;
pub mod logs;
pub mod pause;
pub mod port;
pub mod prune;
pub mod ps;
pub mod rename;
pub mod restart;
pub mod rm;
pub mod run;
pub mod start;
pub mod stop;
pub mod top;
pub mod unpause;
pub mod wait;
