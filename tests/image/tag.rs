//! `tag`, `untag` and `image exists`.

use crate::support::Sandbox;

#[test]
fn names_come_and_go() {
    let sandbox = Sandbox::new().load_busybox();
    sandbox.run("tag busybox localhost/a localhost/b:2").is("").ok();
    for (name, code) in
        [("localhost/a:latest", 0), ("localhost/b:2", 0), ("localhost/b", 1), ("busybox", 0), ("nosuch", 1)]
    {
        sandbox.run(&format!("image exists {name}")).is("").code(code).forget();
    }
    let id = sandbox.run("images -q localhost/a").text().to_string();
    sandbox.run(&format!("image exists {}", &id[..6])).code(0).forget();
    sandbox.run(&format!("untag {id} localhost/a")).is("").ok();
    sandbox.run("image exists localhost/a").code(1).forget();
    sandbox
        .run("untag busybox localhost/nosuch")
        .is("Error: localhost/nosuch:latest: tag not known\n")
        .code(125)
        .forget();
    sandbox.run("untag busybox").is("").ok();
    sandbox.run("image exists busybox").code(1).forget();
    sandbox.run(&format!("image exists {id}")).code(0).forget();
    sandbox.run(&format!("image untag {id}")).is("").ok();
}

#[test]
fn a_name_moves_to_another_image() {
    let sandbox = Sandbox::new().load_busybox();
    let image = crate::support::image::Image::new("localhost/x:1").layer(crate::support::image::Layer::new());
    sandbox.load(&image);
    sandbox.run("tag localhost/x:1 busybox:latest").ok();
    sandbox.run("image inspect -f {{.Id}} busybox").stdout_is(&format!("{}\n", image.id())).ok();
    assert_eq!(sandbox.run("images -q -f dangling=true").ok().lines().len(), 1);
}

#[test]
fn bad_names_are_refused() {
    let sandbox = Sandbox::new().load_busybox();
    for (line, words) in [
        ("tag nosuch a", "nosuch: image not known"),
        ("tag busybox A:b", "repository name must be lowercase"),
        ("tag busybox 'a b'", "invalid reference format"),
        (
            "tag busybox a@sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "tag by digest not supported",
        ),
        ("untag nosuch", "nosuch: image not known"),
    ] {
        sandbox.run(line).code(125).fails().has(words).forget();
    }
    sandbox.run("tag busybox").fails().forget();
    sandbox.run_as("podman", "tag busybox short").ok();
    sandbox.run("image exists localhost/short").code(0).forget();
    sandbox.run_as("docker", "tag busybox short").ok();
    sandbox.run("image exists docker.io/library/short").code(0).forget();
    assert_eq!(sandbox.run_as("docker", "tag nosuch a").status, 1);
}
