//! The command line itself: help, errors, personalities, flags that are refused, lists and templates.

mod completion;
mod errors;
mod flags;
mod global_options;
mod help;
mod personalities;
mod ps;
mod same_words;
mod templates;

use crate::support::Sandbox;

/// A sandbox with two containers that never ran: `one` and, made later, `two`.
fn with_two() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("work/fs/marker", "");
    for line in [
        "create --name one --label a=1 --label b=2 --rootfs fs sleep 1000",
        "create --name two -v /tmp:/x --rootfs fs sh -c 'echo hello to everybody out there'",
    ] {
        sandbox.run(line).ok().stdout_is("[ID]\n");
    }
    sandbox
}
