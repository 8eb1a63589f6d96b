//! The embedded image: no registry, no network, no other program.

use crate::support::{Sandbox, needs};

fn hello(sandbox: &Sandbox, user: &str, network: &str) {
    let page = sandbox.run("run --rm hello").ok();
    for part in [
        user,
        "pid 1; 1 process to be seen",
        "system calls are filtered",
        network,
        "writable; holds dev etc hello proc ",
    ] {
        assert!(page.stdout.contains(part), "{part:?} is not in\n{page}");
    }
    // From then on it is an image like any other.
    sandbox.run("images --format '{{.Repository}}:{{.Tag}}'").ok().stdout_is("localhost/hello:latest\n");
    sandbox.run("image inspect --format '{{.Config.Entrypoint}}' hello").ok().stdout_is("[/hello @hello]\n");
    sandbox.run("run --rm --hostname there --read-only hello").ok().has("there\n").has("read-only").forget();
    sandbox.run("rmi hello").code(0).forget();
    sandbox.run("images -q").ok().stdout_is("");
}

#[test]
fn hello_as_root() {
    needs![root];
    hello(&Sandbox::new(), "uid 0, the same outside", "lo eth0, with a way out");
}

#[test]
fn hello_as_an_ordinary_user() {
    needs![rootless];
    let sandbox = Sandbox::rootless();
    hello(&sandbox, &format!("uid 0, which is uid {} outside; 65537 ids mapped", sandbox.uid()), "loopback only");
}

#[test]
fn hello_without_subordinate_ids() {
    needs![rootless_single];
    let sandbox = Sandbox::rootless_single();
    hello(&sandbox, &format!("uid 0, which is uid {} outside; 1 id mapped", sandbox.uid()), "loopback only");
}

#[test]
fn a_local_image_called_hello_comes_first() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("tag busybox localhost/hello").ok();
    sandbox.run("run --rm hello echo mine").ok().stdout_is("mine\n");
}
