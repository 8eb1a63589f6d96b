//! The main job, as a new user does it: a real image from a real registry, pulled, run, watched, stopped, saved,
//! loaded and removed; as root and as an ordinary user with and without subordinate ids.

use crate::support::{Registry, Sandbox, image, needs};
use std::io::{BufRead, BufReader};

fn journey(mut sandbox: Sandbox) {
    sandbox.timeout(240);
    let registry = Registry::plain(&sandbox);
    let name = registry.push_archive(&image::debian(), "debian:12");

    sandbox.run(&format!("pull --tls-verify=false -q {name}")).ok();
    sandbox.run("images --format '{{.Repository}}:{{.Tag}}'").ok().stdout_is(&format!("{name}\n"));

    let script = "id -u; cat /etc/debian_version; echo data > /root/file; cat /root/file; exit 3";
    let shell = sandbox.args(&["run", "--rm", &name, "bash", "-c", script]).code(3);
    let lines = shell.lines();
    assert_eq!((lines[0], lines[2]), ("0", "data"), "{shell}");
    assert!(lines[1].starts_with("12"), "{shell}");

    let server = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1 & wait; done";
    let id = sandbox.args(&["run", "-d", "--name", "server", &name, "bash", "-c", server]).ok();
    assert_eq!(id.text().len(), 64, "{id}");
    let mut logs = sandbox.spawn("logs -f server");
    let mut first = String::new();
    let stdout = logs.child().stdout.take().expect("a pipe");
    let mut reader = BufReader::new(stdout);
    reader.read_line(&mut first).expect("a line");
    assert_eq!(first, "ready\n");

    sandbox.run("exec server bash -c 'echo $$ > /tmp/of-exec; cat /proc/1/comm'").ok().stdout_is("bash\n");
    sandbox.run("exec server test -s /tmp/of-exec").ok();
    sandbox.run("ps --format '{{.Names}} {{.Image}}'").ok().stdout_is(&format!("server {name}\n"));

    sandbox.run("stop server").ok().stdout_is("server\n");
    let mut last = String::new();
    reader.read_line(&mut last).expect("a line");
    assert_eq!(last, "bye\n");
    logs.finish().code(0).forget();
    sandbox.run("ps -q").ok().stdout_is("");
    sandbox.run("ps -a --format '{{.Names}}'").ok().stdout_is("server\n");
    sandbox.run("wait server").ok().stdout_is("0\n");
    sandbox.run("rmi server-is-no-image").fails();
    sandbox.run("rm server").ok().stdout_is("server\n");

    let before = sandbox.run(&format!("image inspect --format '{{{{.Id}}}}' {name}")).ok();
    sandbox.run(&format!("save -q -o saved.tar {name}")).ok();
    sandbox.run(&format!("rmi {name}")).code(0).forget();
    sandbox.run(&format!("image exists {name}")).code(1).forget();
    sandbox.run("load -q -i saved.tar").code(0).forget();
    let after = sandbox.run(&format!("image inspect --format '{{{{.Id}}}}' {name}")).ok();
    assert_eq!(before.text(), after.text());
    sandbox.run(&format!("run --rm {name} true")).ok();
    sandbox.run("system check").ok();
    sandbox.run(&format!("rmi {name}")).code(0).forget();
    sandbox.run("images -q").ok().stdout_is("");
}

#[test]
fn as_root() {
    needs![root, debootstrap, skopeo, docker_registry];
    journey(Sandbox::new());
}

#[test]
fn as_an_ordinary_user() {
    needs![rootless, debootstrap, skopeo, docker_registry];
    journey(Sandbox::rootless());
}

#[test]
fn as_a_user_without_subordinate_ids() {
    needs![rootless_single, debootstrap, skopeo, docker_registry];
    journey(Sandbox::rootless_single());
}
