//! `kill`

use crate::support::Sandbox;

#[test]
fn a_signal_reaches_the_first_process() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name web busybox sh -c 'trap \"exit 9\" HUP; while :; do sleep 0.1; done'").ok();
    sandbox.run("kill -s HUP web").ok().is("web\n");
    sandbox.run("wait web").ok().is("9\n");
    sandbox.run("start web").ok();
    sandbox.run("kill web").ok();
    sandbox.run("wait web").ok().is("137\n");
    sandbox.run("kill web").fails().code(125).has("can only kill running containers");
    for signal in ["0", "NONSENSE", "-1", "65"] {
        sandbox.args(&["kill", &format!("--signal={signal}"), "web"]).fails().code(125);
    }
}
