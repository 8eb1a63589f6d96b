//! The resolver at 127.0.0.11.

use super::on_host;
use crate::support::{Machine, Sandbox, needs};

#[test]
fn containers_find_each_other_by_name() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("network create --subnet 10.99.0.0/24 net").ok().forget();
    sandbox.run("network create other").ok().forget();
    sandbox
        .run("run -d --cap-add net_raw --name db --network net:ip=10.99.0.9,alias=postgres busybox sleep 1000")
        .ok()
        .forget();
    let id = sandbox.run("inspect -f '{{.Id}}' db").ok().text().to_string();
    for name in ["db", "DB", "postgres", "db.net", &id[..12]] {
        let found = sandbox
            .run(&format!("run --rm --cap-add net_raw --network net busybox nslookup -type=a {name} 127.0.0.11"))
            .ok();
        assert!(found.stdout.contains("Address: 10.99.0.9"), "{name}: {found}");
    }
    sandbox.run("run --rm --cap-add net_raw --network net busybox ping -c 1 -W 5 db").ok().forget();
    let reverse = sandbox.run("run --rm --cap-add net_raw --network net busybox nslookup 10.99.0.9 127.0.0.11").ok();
    assert!(reverse.stdout.contains("name = db"), "{reverse}");
    // Not from another network, and not when it is gone.
    sandbox.run("run --rm --cap-add net_raw --network other busybox ping -c 1 -W 1 db").code(1).forget();
    sandbox.run("rm -f -t 0 db").ok().forget();
    sandbox.run("run --rm --cap-add net_raw --network net busybox nslookup db 127.0.0.11").code(1).forget();
    // The default network has names, too, and links.
    sandbox.run("run -d --cap-add net_raw --name db busybox sleep 1000").ok().forget();
    sandbox.run("run --rm --cap-add net_raw --link db:store busybox ping -c 1 -W 5 store").ok().forget();
}

#[test]
fn other_names_are_asked_for_outside_but_not_from_internal_networks() {
    needs![root, ip, python3];
    let sandbox = Sandbox::with_busybox();
    let machine = Machine::beside(&sandbox, 2);
    // A name server that answers everything with 192.0.2.77, and writes down that it was asked.
    let script = "import socket,sys\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(('192.0.2.2',53))\nprint('ready',flush=True)\nwhile 1:\n d,a=s.recvfrom(4096)\n q=d[12:];e=q.index(b'\\0')+5\n open(sys.argv[1],'ab').write(b'asked\\n')\n s.sendto(d[:2]+b'\\x81\\x80'+b'\\0\\1\\0\\1\\0\\0\\0\\0'+q[:e]+b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\5\\0\\4\\xc0\\0\\2\\x4d',a)\n";
    let log = sandbox.file("work/asked", "");
    let mut command = std::process::Command::new("python3");
    command.args(["-c", script]).arg(&log).stdout(std::process::Stdio::piped());
    machine.enter(&mut command);
    let mut server = command.spawn().unwrap();
    std::io::Read::read_exact(server.stdout.as_mut().unwrap(), &mut [0; 6]).unwrap();
    let found = sandbox.run("run --rm --dns 192.0.2.2 busybox nslookup -type=a example.org 127.0.0.11").ok();
    assert!(found.stdout.contains("192.0.2.77"), "{found}");
    let asked = || std::fs::read(&log).unwrap().len();
    let before = asked();
    assert!(before > 0);
    sandbox.run("network create --internal inner").ok().forget();
    sandbox
        .run("run --rm --cap-add net_raw --network inner --dns 192.0.2.2 busybox nslookup example.org 127.0.0.11")
        .code(1)
        .forget();
    sandbox.run("run --rm --cap-add net_raw --network inner busybox ping -c 1 -W 1 192.0.2.2").code(1).forget();
    assert_eq!(asked(), before, "an internal network asks nobody");
    let _ = server.kill();
    let _ = server.wait();
}

#[test]
fn a_container_may_have_port_53_and_guests_keep_the_resolver() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --cap-add net_raw --name one busybox sh -c 'nc -lk -u -p 53 -e cat & nc -lk -p 53 -e cat & sleep 1000'").ok().forget();
    sandbox.run("run -d --cap-add net_raw --name two busybox sleep 1000").ok().forget();
    sandbox.run("exec one nslookup two 127.0.0.11").ok().forget();
    sandbox.run("run -d --cap-add net_raw --name guest --network container:one busybox sleep 1000").ok().forget();
    sandbox.run("rm -f -t 0 one").ok().forget();
    sandbox.run("exec guest nslookup -type=a two 127.0.0.11").ok().forget();
    // Its address is not given away while the guest lives in its namespace.
    let address = sandbox.run("exec guest ip -4 -o addr show eth0").ok().text().to_string();
    let other = sandbox.run("run --rm --ip 10.88.0.2 busybox true").code(125);
    assert!(address.contains("10.88.0.2/"), "{address}");
    assert!(other.stderr.contains("already allocated"), "{other}");
    sandbox.run("rm -f -t 0 guest").ok().forget();
    sandbox.run("run --rm --ip 10.88.0.2 busybox true").ok().forget();
    assert_eq!(on_host(&sandbox, "true"), "");
}
