//! Name resolution of our own: /etc/hosts and resolv.conf are read, nsswitch.conf is not.

use super::image;
use crate::support::fake::Fake;
use crate::support::{Sandbox, needs};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

/// A name server on `address`:53 that knows one name, and answers by UDP only that the answer is too long.
fn name_server(address: &'static str, known: &'static str) -> Option<Arc<Mutex<Vec<String>>>> {
    crate::support::stay_in_the_machines_network();
    let udp = UdpSocket::bind((address, 53)).ok()?;
    let tcp = TcpListener::bind((address, 53)).ok()?;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let answer = move |query: &[u8], udp: bool| {
        let mut name = String::new();
        let mut at = 12;
        while query[at] != 0 {
            let length = usize::from(query[at]);
            name.push_str(&String::from_utf8_lossy(&query[at + 1..at + 1 + length]));
            name.push('.');
            at += 1 + length;
        }
        let is_a = query[at + 2] == 1;
        log.lock().unwrap().push(format!("{} {name}", if udp { "udp" } else { "tcp" }));
        let found = name.trim_end_matches('.') == known;
        let mut reply = query[..at + 5].to_vec();
        let code = if found { 0 } else { 3 };
        let has_address = found && is_a && !udp;
        // QR, RD, RA; TC for everything that is found by UDP.
        reply[2] = if found && udp { 0x83 } else { 0x81 };
        reply[3] = 0x80 | code;
        reply[4..12].copy_from_slice(&[0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
        if has_address {
            reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
        }
        reply
    };
    let by_tcp = answer.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            let _ = udp.send_to(&answer(&buffer[..length], true), from);
        }
    });
    std::thread::spawn(move || {
        for mut stream in tcp.incoming().flatten() {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).unwrap();
            let reply = by_tcp(&query, false);
            stream.write_all(&[&(reply.len() as u16).to_be_bytes(), &reply[..]].concat()).unwrap();
        }
    });
    Some(asked)
}

#[test]
fn search_lists_dead_servers_and_tcp() {
    needs![root, unshare];
    // Somebody else may have port 53 of this address: then nothing can be shown here.
    let Some(asked) = name_server("127.93.0.53", "hub.inner.test") else { return };
    let sandbox = Sandbox::new();
    let fake = Fake::start();
    let made = fake.put("app", "1", &image(&[1000]));
    let port = fake.address().rsplit(':').next().unwrap().to_string();
    sandbox.file(
        "resolv.conf",
        "nameserver 127.93.0.99\nnameserver 127.93.0.53\nsearch nowhere.test inner.test\noptions ndots:1 timeout:1 attempts:1\n",
    );
    sandbox.file("hosts", "127.0.0.1 localhost\n127.0.0.1 by-file.test\n");
    sandbox.file(
        "nsswitch.conf",
        "hosts: mymachines resolve [!UNAVAIL=return] mdns4_minimal [NOTFOUND=return] files dns\n",
    );
    let pull = |name: &str| {
        let script = "for f in resolv.conf hosts nsswitch.conf; do touch /etc/$f; mount --bind $DIR/$f /etc/$f || exit 9; done; exec \"$@\"";
        let mut command = sandbox.other("unshare");
        command.args(["-m", "sh", "-c", script, "sh"]).arg(sandbox.program());
        command.env("DIR", sandbox.path(""));
        command.arg("--root").arg(sandbox.root()).arg("--runroot").arg(sandbox.run_root());
        command.args(["pull", "-q", "--retry", "0", "--tls-verify=false", &format!("{name}:{port}/app:1")]);
        sandbox.finish(command, b"")
    };
    let pulled = pull("by-file.test").ok();
    assert_eq!(format!("sha256:{}", pulled.text()), made.id);
    assert!(asked.lock().unwrap().is_empty());
    // "hub" is no registry for a reference, "hub:PORT" is.
    pull("hub").ok().forget();
    let log = asked.lock().unwrap().clone();
    assert!(log.contains(&"udp hub.nowhere.test.".to_string()), "{log:?}");
    assert!(log.contains(&"tcp hub.inner.test.".to_string()), "{log:?}");
    pull("unknown.test").fails().has("lookup unknown.test: no such host");
}
