//! TLS before a [`super::fake::Fake`]: a certificate authority of the test's own, and a relay by python.

use super::Sandbox;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Listens with TLS at ADDRESS, hands everything on to 127.0.0.1:PORT.
const RELAY: &str = r#"
import socket, ssl, sys, threading
address, port, pem = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(pem)
server = socket.create_server((address, 0))
print(server.getsockname()[1], flush=True)
def move(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
def serve(plain):
    try:
        inside = socket.create_connection(('127.0.0.1', port))
        outside = context.wrap_socket(plain, server_side=True)
    except OSError:
        return
    threading.Thread(target=move, args=(outside, inside), daemon=True).start()
    move(inside, outside)
    outside.close()
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"#;

/// One relay; ends with it.
pub struct Tls {
    child: Child,
    /// `127.0.0.2:PORT`
    pub address: String,
}

impl Tls {
    /// `pem` is what [`certificates`] has made.
    pub fn start(address: &str, port: u16, pem: &Path) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", RELAY, address, &port.to_string()])
            .arg(pem)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("it says its port");
        Tls { child, address: format!("{address}:{}", line.trim()) }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An authority, and a key with a certificate for 127.0.0.1 and 127.0.0.2: the paths of ca.crt and of the other two in one.
pub fn certificates(sandbox: &Sandbox) -> (PathBuf, PathBuf) {
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt \
        -subj /CN=authority -days 2 && openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -keyout leaf.key -out leaf.csr -subj /CN=leaf && echo subjectAltName=IP:127.0.0.1,IP:127.0.0.2 > leaf.ext && \
        openssl x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out leaf.crt -days 2 -extfile leaf.ext && \
        cat leaf.key leaf.crt > leaf.pem";
    let dir = sandbox.path("certificates");
    std::fs::create_dir(&dir).expect("a directory of our own");
    let output = Command::new("sh").args(["-c", script]).current_dir(&dir).output().expect("sh runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (dir.join("ca.crt"), dir.join("leaf.pem"))
}
