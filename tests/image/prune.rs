//! `image prune`.

use crate::support::image::{Image, Layer};
use crate::support::{Sandbox, needs};

#[test]
fn only_nameless_images_go_unless_all_are_meant() {
    let sandbox = Sandbox::new().load_busybox();
    let image = Image::new("localhost/a:1").layer(Layer::new());
    sandbox.load(&image);
    sandbox.run("image prune -f").is("").ok();
    sandbox.run("untag localhost/a:1").ok();
    let question = "WARNING! This command removes all dangling images.\nAre you sure you want to continue? [y/N] ";
    sandbox.run_with_input("image prune", b"n\n").is(question).ok();
    sandbox.run("image prune").is(question).ok();
    sandbox.run_with_input("image prune", b"y\n").is(&format!("{question}{}\n", image.id())).ok();
    sandbox.run("image prune --all --force").is("[ID]\n").ok();
    assert_eq!(sandbox.run("images -q").ok().text(), "");
}

#[test]
fn filters_and_docker_words() {
    let sandbox = Sandbox::new();
    sandbox.load(&Image::new("a:1").layer(Layer::new().file("x", 0o644, "x")));
    sandbox.run("image prune -af --filter label=keep").is("").ok();
    sandbox.run("image prune -af --filter until=2000-01-01T00:00:00Z").is("").ok();
    sandbox.run("image prune -f --filter nosuch=1").fails().forget();
    let words = "Deleted Images:\nuntagged: a:1\ndeleted: sha256:[ID]\n\nTotal reclaimed space: 2.048kB\n";
    sandbox.run_as("docker", "image prune -af").stdout_is(words).ok();
    sandbox.run_as("docker", "image prune -f").stdout_is("Total reclaimed space: 0B\n").ok();
}

#[test]
fn images_in_use_stay() {
    needs![root];
    let sandbox = Sandbox::new().load_busybox();
    sandbox.run("create --network=none busybox true").ok();
    sandbox.run("image prune -af").is("").ok();
    sandbox.run("untag busybox").ok();
    sandbox.run("image prune -f").is("").ok();
    assert_eq!(sandbox.run("images -q").ok().lines().len(), 1);
}
