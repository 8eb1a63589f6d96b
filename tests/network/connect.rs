//! `network connect` and `disconnect`, also while a container runs.

use super::on_host;
use crate::support::{Sandbox, needs};

#[test]
fn networks_come_and_go_while_a_container_runs() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    for (name, subnet) in [("one", "10.99.1.0/24"), ("two", "10.99.2.0/24")] {
        sandbox.run(&format!("network create --subnet {subnet} {name}")).ok().forget();
    }
    sandbox.run("run -d --cap-add net_raw --name a --network one busybox sleep 1000").ok().forget();
    sandbox.run("run -d --cap-add net_raw --name b --network two busybox sleep 1000").ok().forget();
    sandbox.run("exec a ping -c 1 -W 1 b").code(1).forget();
    sandbox.run("network connect --ip 10.99.2.77 --alias aa two a").ok().is("");
    sandbox.run("exec a ping -c 1 -W 5 b").ok().forget();
    sandbox.run("exec b ping -c 1 -W 5 aa").ok().forget();
    sandbox.run("exec a ip -4 -o addr show eth1").ok().has("10.99.2.77/24");
    sandbox.run("exec a cat /etc/hosts").ok().has("10.99.2.77\t");
    let again = sandbox.run("network connect two a").code(125);
    assert!(again.stderr.contains("already connected"), "{again}");
    // The way out goes over the network that is left.
    sandbox.run("network disconnect one a").ok().is("");
    sandbox.run("exec a ip route").ok().has("default via 10.99.2.1");
    sandbox.run("exec b ping -c 1 -W 5 a").ok().forget();
    sandbox.run("network disconnect two a").ok().is("");
    sandbox.run("exec b ping -c 1 -W 1 a").code(1).forget();
    sandbox.run("network disconnect two a").code(125).forget();
    // One that does not run has it at its next start.
    sandbox.run("stop -t 0 a").ok().forget();
    sandbox.run("network connect two a").ok().forget();
    sandbox.run("start a").ok().forget();
    sandbox.run("exec b ping -c 1 -W 5 a").ok().forget();
    assert_eq!(on_host(&sandbox, "ip -br link | grep -c ^vb").trim(), "2");
}
