//! What users do with containers: one file per verb.

mod create;
mod kill;
mod list;
mod pause;
mod rename;
mod rm;
mod run;
mod start;
mod stop;
mod top;
mod wait;
