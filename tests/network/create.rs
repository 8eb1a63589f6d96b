//! `network create`, `ls`, `inspect`, `rm`, `prune`, `exists`

use super::on_host;
use crate::support::{Sandbox, needs};

#[test]
fn networks_come_and_go() {
    needs![root, ip];
    let sandbox = Sandbox::new();
    sandbox.run("network ls --format '{{.Name}} {{.Driver}}'").ok().is("bridge bridge\nhost host\nnone null\n");
    sandbox.run("network create web").ok().is("web\n");
    sandbox.run("network exists web").ok().forget();
    sandbox.run("network exists nosuch").code(1).forget();
    let subnet = sandbox.run("network inspect -f '{{(index .IPAM.Config 0).Subnet}}' web").ok().text().to_string();
    assert!(subnet.starts_with("10.89.") && subnet.ends_with("/24"), "{subnet}");
    let six = sandbox.run("network inspect -f '{{(index .IPAM.Config 1).Subnet}}' web").ok().text().to_string();
    assert!(six.starts_with("fd") && six.ends_with("/64"), "{six}");
    sandbox.run("network create web").code(125).is("Error: network name web already used: network already exists\n");
    sandbox.run("network create --ignore web").ok().is("web\n");
    let overlap = sandbox.run(&format!("network create --subnet {subnet} other")).code(125);
    assert!(overlap.stderr.contains("is already used on the host or by another config"), "{overlap}");
    on_host(&sandbox, "ip link add d0 type bridge; ip addr add 10.89.7.1/24 dev d0; ip link set d0 up");
    sandbox.run("network create --subnet 10.89.7.0/25 other").code(125).forget();
    sandbox
        .run("network create --subnet 10.99.0.0/24 --gateway 10.99.0.254 --ip-range 10.99.0.128/25 --internal --label a=b -o mtu=1400 odd")
        .ok()
        .forget();
    sandbox.run("network ls -q -f label=a=b").ok().is("odd\n");
    let shown = sandbox.run("network inspect odd").ok().text().to_string();
    for word in
        ["\"gateway\": \"10.99.0.254\"", "\"internal\": true", "\"mtu\": \"1400\"", "\"start_ip\": \"10.99.0.129\""]
    {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    sandbox.run("network rm web").ok().is("web\n");
    sandbox.run("network prune -f").ok().is("odd\n");
    sandbox.run("network ls -q").ok().is("bridge\nhost\nnone\n");
    sandbox.run("network rm bridge").code(125).is("Error: default network bridge cannot be removed\n");
    sandbox
        .run("network rm web")
        .code(125)
        .is("Error: unable to find network with name or ID web: network not found\n");
    sandbox.run_as("docker", "network inspect web").code(1).forget();
}

#[test]
fn nonsense_is_refused_and_nothing_is_made() {
    needs![root];
    let sandbox = Sandbox::new();
    for line in [
        "--driver overlay x",
        "--subnet 10.0.0.0/33 x",
        "--subnet 10.99.0.0/31 x",
        "--gateway 10.99.0.1 x",
        "--subnet 10.99.0.0/24 --gateway 10.98.0.1 x",
        "--subnet 10.99.0.0/24 --ip-range 10.99.1.0/25 x",
        "--subnet 10.99.0.0/24 --subnet 10.99.0.0/25 x",
        "-o mtu=foo x",
        "-o nosuch=1 x",
        "--interface-name a/b x",
        "host",
        "bad/name",
    ] {
        sandbox.run(&format!("network create {line}")).code(125).forget();
    }
    sandbox.run("network ls -q").ok().is("bridge\nhost\nnone\n");
}
