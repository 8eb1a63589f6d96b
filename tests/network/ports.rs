//! `-p`

use super::{fetch, on_host, start_server};
use crate::support::{Machine, Sandbox, needs};

#[test]
fn a_published_port_is_reached_from_everywhere() {
    needs![root, ip, curl];
    let sandbox = Sandbox::with_busybox();
    let machine = Machine::beside(&sandbox, 2);
    start_server(&sandbox, &["--name", "web", "-p", "8080:80"], "hello");
    for host in ["127.0.0.1", "[::1]", "localhost", "192.0.2.1", "[2001:db8::1]", "10.88.0.1"] {
        let said = on_host(&sandbox, &format!("curl -gs -m 5 http://{host}:8080/"));
        assert_eq!(said, "hello\n", "{host} from the host");
    }
    for host in ["192.0.2.1", "[2001:db8::1]"] {
        assert_eq!(machine.run(&format!("curl -gs -m 5 http://{host}:8080/")), "hello\n", "{host} from a machine");
    }
    // From a neighbour, from another network, and from itself.
    sandbox.run("network create other").ok().forget();
    for line in ["run --rm busybox", "run --rm --network other busybox", "exec web"] {
        sandbox.run(&format!("{line} {}", fetch("192.0.2.1", 8080))).ok().is("hello\n");
    }
    let held = on_host(&sandbox, "ss -ltn");
    assert!(held.contains("0.0.0.0:8080") && held.contains("[::]:8080"), "{held}");
    // Without the firewall the held socket passes on.
    on_host(&sandbox, "nft flush ruleset");
    assert_eq!(machine.run("curl -s -m 5 http://192.0.2.1:8080/"), "hello\n");
    // (This command notices, and says so.)
    sandbox.run("stop -t 0 web").code(0).has("somebody has changed barge's firewall rules").forget();
    assert!(!machine.tries("curl -s -m 2 http://192.0.2.1:8080/"));
    sandbox.run("run --rm -p 8080:80 busybox true").ok().forget();
}

#[test]
fn a_container_sees_who_comes() {
    needs![root, ip, curl];
    let sandbox = Sandbox::with_busybox();
    let machine = Machine::beside(&sandbox, 2);
    // The connection stands in the table of the container's own namespace.
    let script = "nc -ll -p 80 -e sleep 5";
    sandbox.args(&["run", "-d", "--name", "web", "-p", "8080:80", "busybox", "sh", "-c", script]).ok().forget();
    let mut seen = String::new();
    for _ in 0..20 {
        machine.tries("curl -s -m 0.5 http://192.0.2.1:8080/");
        seen = sandbox.run("exec web netstat -tn").ok().text().to_string();
        if seen.contains("192.0.2.2:") {
            return;
        }
    }
    panic!("{seen}");
}

#[test]
fn a_busy_port_is_refused_before_anything_is_made() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name web -p 8080:80 busybox sleep 1000").ok().forget();
    let busy = sandbox.run("run --name other -p 8080:80 busybox true").code(125);
    assert!(busy.stderr.contains("address already in use"), "{busy}");
    sandbox.run("run --rm -p 8080:80/udp busybox true").ok().forget();
    sandbox.run("run --rm -p 127.0.0.1::80 -p 9000-9002:9000-9002 busybox true").ok().forget();
    sandbox.run("create -p 8080:80 busybox true").code(125).forget();
    sandbox.run("ps -a --format '{{.Names}}'").ok().is("web\n");
    for bad in ["x", "80:x", "1:2:3:4", "80/icmp", "70000:80"] {
        sandbox.run(&format!("run --rm -p {bad} busybox true")).code(125).forget();
    }
    // A network that is not there leaves nothing either.
    sandbox.run("run --name other --network nosuch busybox true").code(125).forget();
    sandbox.run("ps -a --format '{{.Names}}'").ok().is("web\n");
}

#[test]
fn datagrams_are_passed_on() {
    needs![root, python3, nsenter];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name echo -p 8081:7/udp busybox sleep 1000").ok().forget();
    let pid = sandbox.run("inspect -f '{{.State.Pid}}' echo").ok().text().to_string();
    let script = "import socket\ns=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM);s.bind(('::',7))\nprint('ready',flush=True)\nwhile 1:\n d,a=s.recvfrom(4096)\n s.sendto(d,a)";
    let mut command = std::process::Command::new("nsenter");
    command.args(["-t", &pid, "-n", "python3", "-c", script]).stdout(std::process::Stdio::piped());
    let mut server = command.spawn().unwrap();
    std::io::Read::read_exact(server.stdout.as_mut().unwrap(), &mut [0; 6]).unwrap();
    for host in ["127.0.0.1", "10.88.0.1", "::1"] {
        let line = format!("timeout 5 bash -c 'exec 3<>/dev/udp/{host}/8081; echo hello >&3; head -n 1 <&3'");
        assert_eq!(on_host(&sandbox, &line), "hello\n", "{host}");
    }
    let _ = server.kill();
    let _ = server.wait();
}
