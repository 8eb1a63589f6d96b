//! `pause` and `unpause`

use crate::support::{Sandbox, needs};

#[test]
fn a_paused_container_stands_still() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    sandbox.run("unpause web").fails().code(125);
    sandbox.run("pause web").ok().is("web\n");
    sandbox.run("ps --format '{{.Names}} {{.State}}'").ok().is("web paused\n");
    sandbox.run("pause web").fails().code(125);
    sandbox.run("start web").fails().code(125);
    sandbox.run("rm web").code(2).has("as it is paused");
    sandbox.run("unpause web").ok().is("web\n");
    sandbox.run("exec web true").ok();
    sandbox.run("pause web").ok();
    sandbox.run("rm -f -t 0 web").ok();
    sandbox.run("pause nothing").fails().code(125);
}
