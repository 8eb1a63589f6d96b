//! A container on the default network and on others.

use super::{on_host, start_server};
use crate::support::{Machine, Sandbox, needs};

#[test]
fn a_default_container_has_an_address_and_a_way_out() {
    needs![root, ip];
    let sandbox = Sandbox::with_busybox();
    let machine = Machine::beside(&sandbox, 2);
    let shown = sandbox.run("run --rm busybox ip addr show eth0").ok().text().to_string();
    assert!(shown.contains("inet 10.88.0.2/16") && shown.contains("inet6 fd"), "{shown}");
    // Out through the host, with the host's address: the machine has no way back to a container's.
    sandbox.run("run --rm --cap-add net_raw busybox ping -c 1 -W 5 192.0.2.2").ok().forget();
    sandbox.run("run --rm --cap-add net_raw busybox ping -6 -c 1 -W 5 2001:db8::2").ok().forget();
    assert!(!machine.tries("ping -c 1 -W 1 10.88.0.1"), "there is no route");
    let hosts = sandbox.run("run --rm --name web --hostname box busybox cat /etc/hosts").ok().text().to_string();
    assert!(hosts.contains("\tbox web\n") && hosts.contains("10.88.0.1\thost.docker.internal\n"), "{hosts}");
    let resolv = sandbox.run("run --rm busybox cat /etc/resolv.conf").ok().text().to_string();
    assert!(resolv.starts_with("nameserver 127.0.0.11\n") && resolv.contains("ndots:0"), "{resolv}");
    sandbox.run("run --rm --ip 10.88.3.4 --mac-address 02:00:00:00:00:09 busybox ip addr show eth0").ok().forget();
    // What was there goes with them, after they have answered.
    let left =
        "for try in $(seq 100); do ip -br link | grep -q ^vb || break; sleep 0.1; done; ip -br link | grep -c ^vb";
    assert_eq!(on_host(&sandbox, left).trim(), "0");
    sandbox.run("run --rm --cap-add net_raw --network none busybox ip -o link").ok().forget();
}

#[test]
fn addresses_are_shown_where_people_look() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.99.0.0/24 net").ok().forget();
    sandbox.run("run -d --cap-add net_raw --name web --network net:ip=10.99.0.9,alias=www -p 127.0.0.1:8123:80 busybox sleep 1000").ok().forget();
    for (template, wanted) in [
        ("{{.NetworkSettings.IPAddress}}", "10.99.0.9"),
        ("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "10.99.0.9"),
        ("{{.NetworkSettings.Networks.net.Gateway}}", "10.99.0.1"),
        ("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", "8123"),
        ("{{.NetworkSettings.Networks.net.MacAddress}}", "02:42:0a:63:00:09"),
        ("{{.HostConfig.NetworkMode}}", "net"),
    ] {
        sandbox.args(&["inspect", "-f", template, "web"]).ok().is(&format!("{wanted}\n"));
    }
    sandbox.run("port web").ok().is("80/tcp -> 127.0.0.1:8123\n");
    sandbox.run("ps --format '{{.Ports}} {{.Networks}}'").ok().is("127.0.0.1:8123->80/tcp net\n");
    sandbox
        .run("network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}' net")
        .ok()
        .is("web 10.99.0.9/24\n");
    let taken = sandbox.run("run --rm --cap-add net_raw --network net:ip=10.99.0.9 busybox true").code(125);
    assert!(taken.stderr.contains("is already allocated to container ID"), "{taken}");
    sandbox.run("run --rm --cap-add net_raw --network net:ip=10.98.0.9 busybox true").code(125).forget();
    sandbox.run("network rm net").code(125).forget();
    sandbox.run("network rm -f -t 0 net").ok().is("net\n");
    sandbox.run("ps -aq").ok().is("");
}

/// Kill -9 at any time leaves nothing that the next command does not take back.
#[test]
fn what_kills_leave_is_taken_back() {
    needs![root, ip];
    let sandbox = Sandbox::with_busybox();
    let count = || on_host(&sandbox, "nft list ruleset | wc -l; ip -br link");
    sandbox.run("run --rm -p 8080:80 busybox true").ok().forget();
    let before = count();
    let id = start_server(&sandbox, &["--name", "web", "-p", "8080:80"], "hello");
    let record = sandbox.args(&["inspect", "-f", "{{.State.Pid}} {{.State.ConmonPid}}", &id]).ok().text().to_string();
    for pid in record.split_whitespace() {
        let pid = nix::unistd::Pid::from_raw(pid.parse().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    sandbox.run("rm -f web").code(0).forget();
    sandbox.run("run --rm -p 8080:80 busybox true").ok().forget();
    for _ in 0..50 {
        if count() == before {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(count(), before);
    let leases = sandbox.run_root().join("networks");
    let left =
        std::process::Command::new("find").arg(leases).args(["-type", "l", "-not", "-name", "last"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}
