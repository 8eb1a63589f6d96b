//! `system check`

use crate::support::{Sandbox, needs};

#[test]
fn check_finds_nothing_in_a_sound_store() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name made busybox true").ok();
    sandbox.run("system check").ok();
    sandbox.run("ps -a --format '{{.Names}}'").ok().stdout_is("made\n");
}
