//! `network explain`

use super::{on_host, start_server};
use crate::support::{Sandbox, needs};

#[test]
fn a_path_is_told_and_where_it_breaks() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create other").ok().forget();
    start_server(&sandbox, &["--name", "web"], "hello");
    sandbox.run("run -d --name a busybox sleep 1000").ok().forget();
    sandbox.run("run -d --name b --network other busybox sleep 1000").ok().forget();
    let path = sandbox.run("network explain a web:80").ok();
    for part in
        ["127.0.0.11 answers 10.88.0.2", "is up and on the bridge", "firewall rules are in place", "listens on 80/tcp"]
    {
        assert!(path.stdout.contains(part), "{part:?} is not in\n{path}");
    }
    sandbox.run("network explain host web:80").ok().has("the host reaches its containers").forget();
    sandbox.run("network explain a web:81").code(1).has("nobody listens on 81/tcp in web").forget();
    sandbox.run("network explain b web").code(1).has("none in common").forget();
    on_host(&sandbox, "ip link set barge0 down");
    sandbox.run("network explain a web").code(1).has("bridge barge0 is down").forget();
    sandbox.run("stop -t 0 web").ok().forget();
    sandbox.run("network explain a web").code(125).has("does not run").forget();
}
