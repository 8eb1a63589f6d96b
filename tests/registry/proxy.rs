//! Proxies from the environment.

use super::image;
use crate::support::fake::Fake;
use crate::support::{Sandbox, needs};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A CONNECT proxy that goes to `target` whatever it is told; gives its address and what it was told.
fn proxy(target: String) -> (String, Arc<Mutex<Vec<String>>>) {
    crate::support::stay_in_the_machines_network();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let (target, log) = (target.clone(), log.clone());
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|count| count > 0) {
                    head.push(byte[0]);
                }
                log.lock().unwrap().push(String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_string());
                let mut server = TcpStream::connect(target).unwrap();
                client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let _ = std::io::copy(&mut client, &mut server);
            });
        }
    });
    (address, told)
}

#[test]
fn names_that_only_the_proxy_knows() {
    needs![root];
    let mut sandbox = Sandbox::new();
    let fake = Fake::start();
    fake.put("app", "1", &image(&[1000]));
    let (address, told) = proxy(fake.address());
    sandbox.env("http_proxy", &address);
    sandbox.env("HTTPS_PROXY", "http://127.0.0.1:1");
    sandbox.run("pull -q --retry 0 --tls-verify=false only.proxy.test:5000/app:1").ok().forget();
    let told = told.lock().unwrap().clone();
    assert!(told.iter().any(|line| line == "CONNECT only.proxy.test:5000 HTTP/1.1"), "{told:?}");
    // Loopback and what NO_PROXY names is spoken to directly.
    sandbox.run(&format!("pull -q --tls-verify=false {}", fake.image("app:1"))).ok().forget();
    sandbox.env("NO_PROXY", ".proxy.test");
    sandbox
        .run("pull -q --retry 0 --tls-verify=false only.proxy.test:5000/app:1")
        .fails()
        .has("lookup only.proxy.test");
}
