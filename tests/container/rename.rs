//! `rename`

use crate::support::Sandbox;

#[test]
fn a_name_moves() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    sandbox.run("create --name other busybox").ok();
    sandbox.run("rename web other").fails().code(125);
    sandbox.run("rename web new").ok().is("");
    sandbox.run("ps --format {{.Names}}").ok().is("new\n");
    sandbox.run("inspect web").code(125);
    sandbox.run("rename new 'a b'").fails().code(125);
    sandbox.run("create --name web busybox").ok();
    sandbox.run("rm -f -t 0 new web other").ok();
}
