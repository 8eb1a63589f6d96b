//! What users do with containers: one file per verb.

mod attach;
mod create;
mod exec;
mod kill;
mod list;
mod logs;
pub mod monitor;
mod pause;
mod prune;
mod rename;
mod rm;
mod run;
mod start;
mod stop;
mod terminal;
mod top;
mod wait;

use crate::support::{Sandbox, met};

/// Runs a test with the busybox image: as whoever runs the tests, and as an ordinary user where there is one.
pub fn everywhere(test: impl Fn(&Sandbox)) {
    test(&Sandbox::with_busybox());
    if met("rootless") {
        test(&Sandbox::rootless().load_busybox());
    }
}
