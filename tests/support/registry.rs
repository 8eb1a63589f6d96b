//! Debian's docker-registry on a free loopback port.

use super::Sandbox;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A registry that lives as long as this value.
pub struct Registry {
    child: Child,
    port: u16,
    dir: PathBuf,
    tls: bool,
}

impl Registry {
    /// Plain HTTP, anybody may read and write.
    pub fn plain(sandbox: &Sandbox) -> Self {
        Registry::start(sandbox, false, None)
    }

    /// HTTPS with a certificate of its own authority: see [`Registry::ca`].
    pub fn tls(sandbox: &Sandbox) -> Self {
        Registry::start(sandbox, true, None)
    }

    /// Plain HTTP with Basic authentication.
    pub fn htpasswd(sandbox: &Sandbox, user: &str, password: &str) -> Self {
        Registry::start(sandbox, false, Some((user, password)))
    }

    /// HTTPS with Basic authentication.
    pub fn tls_htpasswd(sandbox: &Sandbox, user: &str, password: &str) -> Self {
        Registry::start(sandbox, true, Some((user, password)))
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `127.0.0.1:PORT/NAME`
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address())
    }

    /// The authority's certificate, in PEM.
    pub fn ca(&self) -> PathBuf {
        assert!(self.tls, "a plain registry has no certificate");
        self.dir.join("ca.crt")
    }

    /// Where the registry keeps its blobs.
    pub fn storage(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// What it wrote: one line a request.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Puts an archive into it with skopeo, as `name`; returns the whole reference.
    pub fn push_archive(&self, archive: &std::path::Path, name: &str) -> String {
        let target = self.image(name);
        let output = Command::new("skopeo")
            .args(["copy", "--insecure-policy", "--dest-tls-verify=false", "-q"])
            .arg(format!("docker-archive:{}", archive.display()))
            .arg(format!("docker://{target}"))
            .output()
            .expect("skopeo runs");
        assert!(output.status.success(), "skopeo copy: {}", String::from_utf8_lossy(&output.stderr));
        target
    }

    fn start(sandbox: &Sandbox, tls: bool, login: Option<(&str, &str)>) -> Self {
        super::sandbox::stay_in_the_machines_network();
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("bound").port();
        let dir = sandbox.path(&format!("registry-{port}"));
        std::fs::create_dir_all(&dir).expect("the sandbox is writable");
        let mut config = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  delete:\n    enabled: true\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            dir.join("data").display()
        );
        if tls {
            certificate(&dir);
            config.push_str(&format!(
                "  tls:\n    certificate: {}\n    key: {}\n",
                dir.join("server.crt").display(),
                dir.join("server.key").display()
            ));
        }
        if let Some((user, password)) = login {
            let output =
                Command::new("htpasswd").args(["-Bbn", user, password]).output().expect("htpasswd (apache2-utils)");
            std::fs::write(dir.join("htpasswd"), output.stdout).expect("writable");
            config.push_str(&format!(
                "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
                dir.join("htpasswd").display()
            ));
        }
        std::fs::write(dir.join("config.yml"), config).expect("writable");
        let log = std::fs::File::create(dir.join("log")).expect("writable");
        drop(free);
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(dir.join("config.yml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .spawn()
            .expect("docker-registry is installed: `make test` does it");
        let mut registry = Registry { child, port, dir, tls };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = registry.child.try_wait().expect("a child");
            assert!(ended.is_none() && Instant::now() < deadline, "the registry does not answer:\n{}", registry.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An authority and a server certificate for 127.0.0.1 and localhost.
fn certificate(dir: &std::path::Path) {
    let script = "
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=test-authority
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > extensions
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 30 -extfile extensions
    ";
    let output = Command::new("sh").args(["-ec", script]).current_dir(dir).output().expect("sh");
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
}
