//! `rmi`: names, ids, what is in use, what is given back.

use crate::support::image::{Image, Layer};
use crate::support::{Sandbox, needs};

const NAME: &str = "docker.io/library/busybox:latest";

#[test]
fn the_last_name_takes_the_image_along() {
    let sandbox = Sandbox::new().load_busybox();
    sandbox.run("tag busybox localhost/a:1").ok();
    sandbox.run("rmi localhost/a:1").is("Untagged: localhost/a:1\n").ok();
    sandbox.run("rmi busybox").is(&format!("Untagged: {NAME}\nDeleted: [ID]\n")).ok();
    assert_eq!(sandbox.run("images -q").ok().text(), "");
}

#[test]
fn an_id_takes_the_image_only_with_one_name_or_by_force() {
    let sandbox = Sandbox::new().load_busybox();
    let id = sandbox.run("images -q --no-trunc").text().trim_start_matches("sha256:").to_string();
    sandbox.run("tag busybox localhost/a:1").ok();
    let refusal = format!(
        "Error: unable to delete image \"{id}\" by ID with more than one tag ([{NAME} localhost/a:1]): please force removal\n"
    );
    sandbox.run(&format!("rmi {}", &id[..8])).is(&refusal).code(125).forget();
    sandbox
        .run(&format!("image rm -f {}", &id[..8]))
        .is(&format!("Untagged: {NAME}\nUntagged: localhost/a:1\nDeleted: {id}\n"))
        .ok();
}

#[test]
fn several_at_once_and_what_is_not_there() {
    let sandbox = Sandbox::new().load_busybox();
    sandbox.load(&Image::new("localhost/a:1").layer(Layer::new()));
    sandbox.run("rmi nosuch").is("Error: nosuch: image not known\n").code(1).forget();
    sandbox.run("rmi -i nosuch").is("").ok();
    sandbox.run("rmi -f nosuch").is("").ok();
    let finished = sandbox.run("rmi nosuch localhost/a:1 other");
    finished
        .code(1)
        .stdout_is("Untagged: localhost/a:1\nDeleted: [ID]\n")
        .stderr_is("Error: nosuch: image not known\nError: other: image not known\n")
        .forget();
    sandbox.run("rmi").is("Error: image name or ID must be specified\n").code(125).forget();
    sandbox.run("rmi -a busybox").fails().forget();
    sandbox.run("rmi --all").is(&format!("Untagged: {NAME}\nDeleted: [ID]\n")).ok();
    sandbox.run("rmi -a").is("").ok();
}

#[test]
fn an_image_in_use_stays_unless_forced() {
    needs![root];
    let sandbox = Sandbox::new().load_busybox();
    let id = sandbox.run("create --network=none busybox true").text().to_string();
    let refusal = "Error: image used by [ID]: image is in use by a container: consider listing external containers and force-removing image\n";
    sandbox.run("rmi busybox").is(refusal).code(2).forget();
    sandbox.run("rmi busybox nosuch").code(2).forget();
    sandbox.run("tag busybox localhost/a:1").ok();
    sandbox.run("rmi localhost/a:1").is("Untagged: localhost/a:1\n").ok();
    let docker = sandbox.run_as("docker", "rmi busybox");
    docker
        .code(1)
        .has("conflict: unable to remove repository reference \"busybox\" (must force) - container ")
        .forget();
    sandbox.run("rmi -f busybox").is(&format!("Untagged: {NAME}\nDeleted: [ID]\n")).ok();
    sandbox.run(&format!("container exists {id}")).code(1).forget();
}

#[test]
fn docker_words() {
    let sandbox = Sandbox::new().load_busybox();
    sandbox.run_as("docker", "rmi nosuch").code(1).has("No such image: nosuch").forget();
    sandbox.run_as("docker", "rmi busybox").stdout_is("Untagged: busybox:latest\nDeleted: sha256:[ID]\n").ok();
}

#[test]
fn layers_go_when_nobody_needs_them() {
    let base = Layer::new().file("big", 0o644, vec![1; 1_000_000]).bytes();
    let one = Image::new("localhost/one:1").tar(base.clone()).layer(Layer::new().file("x", 0o644, "1"));
    let two = Image::new("localhost/two:1").tar(base);
    let sandbox = Sandbox::new();
    sandbox.run("images").ok();
    let empty = used(&sandbox);
    sandbox.load(&one);
    sandbox.load(&two);
    let both = used(&sandbox);
    sandbox.run("rmi localhost/one:1").ok();
    assert!(used(&sandbox) > empty + 1_000_000 && used(&sandbox) < both, "the shared layer stays");
    sandbox.run("save -o two.tar localhost/two:1").ok();
    sandbox.run("rmi localhost/two:1").ok();
    assert!(used(&sandbox) < empty + 64 * 1024, "{} bytes before, {} after", empty, used(&sandbox));
}

/// Bytes of files below the store.
fn used(sandbox: &Sandbox) -> u64 {
    let output = std::process::Command::new("du").args(["-sb"]).arg(sandbox.root()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).split_whitespace().next().unwrap().parse().unwrap()
}
