//! Who reaches whom, with the firewall and without it.

use super::{fetch, on_host, start_server};
use crate::support::{Machine, Sandbox, needs};

#[test]
fn networks_are_kept_apart() {
    needs![root, ip, curl];
    let sandbox = Sandbox::with_busybox();
    let machine = Machine::beside(&sandbox, 2);
    for (name, subnet) in [("one", "10.99.1.0/24"), ("two", "10.99.2.0/24")] {
        sandbox.run(&format!("network create --subnet {subnet} {name}")).ok().forget();
    }
    start_server(&sandbox, &["--name", "a", "--network", "one:ip=10.99.1.9"], "a");
    start_server(&sandbox, &["--name", "b", "--network", "two:ip=10.99.2.9", "-p", "127.0.0.1:8090:80"], "b");
    machine.run("ip route add 10.99.0.0/16 via 192.0.2.1; ip route add 127.9.0.0/16 via 192.0.2.1 || true");
    let ask = |who: &str, address: &str| sandbox.run(&format!("exec {who} {}", fetch(address, 80))).stdout.len() > 1;
    let matrix = |when: &str, alone: bool| {
        // The host reaches its containers; nobody else reaches one of another network.
        assert!(alone || on_host(&sandbox, "curl -s -m 2 http://10.99.1.9/") == "a\n", "{when}: host to a");
        assert!(alone || ask("a", "10.99.1.9"), "{when}: a to itself");
        assert!(!ask("a", "10.99.2.9"), "{when}: a to b");
        assert!(!ask("b", "10.99.1.9"), "{when}: b to a");
        assert!(!machine.tries("curl -s -m 1 http://10.99.1.9/"), "{when}: a machine to a");
        assert!(!machine.tries("curl -s -m 1 http://192.0.2.1:8090/"), "{when}: a machine to a loopback port");
    };
    matrix("at first", false);
    let pid = sandbox.run("inspect -f '{{.State.Pid}}' a").ok().text().to_string();
    // In between it fails closed. (Not by way of `exec`: every command of ours heals.)
    on_host(&sandbox, "nft flush ruleset");
    assert!(!machine.tries("curl -s -m 1 http://10.99.1.9/"), "flushed: a machine to a");
    let direct = on_host(&sandbox, &format!("nsenter -t {pid} -n curl -s -m 1 http://10.99.2.9/ || echo refused"));
    assert_eq!(direct, "refused\n", "flushed: a to b");
    // Any command puts it right.
    sandbox.run("ps").code(0).has("somebody has changed barge's firewall rules").forget();
    assert!(on_host(&sandbox, "nft list ruleset").contains("table inet barge"));
    matrix("healed", false);
    on_host(&sandbox, "nft delete element inet barge bridges '{ \"barge1\" }'; nft flush chain inet barge forward");
    sandbox.run("network reload").code(0).forget();
    matrix("reloaded", false);
    assert!(on_host(&sandbox, "curl -s -m 2 http://127.0.0.1:8090/") == "b\n");
}

#[test]
fn nobody_sends_in_anothers_name() {
    needs![root, ip];
    let sandbox = Sandbox::with_busybox();
    let machine = Machine::beside(&sandbox, 2);
    sandbox.run("run -d --cap-add net_raw --name a --cap-add net_admin busybox sleep 1000").ok().forget();
    sandbox.run("run -d --cap-add net_raw --name b busybox sleep 1000").ok().forget();
    machine.run("ip route add 10.0.0.0/8 via 192.0.2.1");
    // An address of nobody's network is dropped at the bridge …
    sandbox.run("exec a ip addr add 10.77.0.1/32 dev lo").ok().forget();
    sandbox.run("exec a ping -c 1 -W 1 -I 10.77.0.1 192.0.2.2").code(1).forget();
    sandbox.run("exec a ping -c 1 -W 5 192.0.2.2").ok().forget();
    // … and the address of a neighbour where nobody may configure the network.
    let pid = sandbox.run("inspect -f '{{.State.Pid}}' b").ok().text().to_string();
    on_host(&sandbox, &format!("nsenter -t {pid} -n ip addr add 10.88.0.77/16 dev eth0"));
    let spoofed = on_host(
        &sandbox,
        &format!("nsenter -t {pid} -n busybox ping -c 1 -W 1 -I 10.88.0.77 10.88.0.1 >/dev/null || echo dropped"),
    );
    assert_eq!(spoofed, "dropped\n");
    let own =
        on_host(&sandbox, &format!("nsenter -t {pid} -n busybox ping -c 1 -W 5 10.88.0.1 >/dev/null && echo fine"));
    assert_eq!(own, "fine\n");
}
