//! What a root is made of.

use crate::container::everywhere;
use crate::support::image::{Image, Layer};
use crate::support::{Sandbox, needs};

#[test]
fn a_directory_is_used_as_it_is_or_left_alone() {
    needs![root];
    let sandbox = Sandbox::new();
    for name in ["bin", "etc"] {
        std::fs::create_dir_all(sandbox.path("tree").join(name)).unwrap();
    }
    std::fs::copy("/bin/busybox", sandbox.path("tree/bin/busybox")).unwrap();
    let tree = sandbox.path("tree").display().to_string();
    sandbox.run(&format!("run --rm --rootfs {tree}:O /bin/busybox touch /thrown-away")).ok().forget();
    assert!(!sandbox.path("tree/thrown-away").exists());
    sandbox.run(&format!("run --rm --rootfs {tree} /bin/busybox touch /kept")).ok().forget();
    assert!(sandbox.path("tree/kept").exists());
}

#[test]
fn the_hosts_own_root_can_be_tried_out() {
    everywhere(|sandbox| {
        sandbox.run("run --rm --rootfs /:O sh -c 'echo $((6*7)); touch /usr/barge-was-here'").has("42").forget();
        assert!(!std::path::Path::new("/usr/barge-was-here").exists());
        sandbox.run("run --rm --rootfs /:O cat /etc/os-release").ok().has("ID=").forget();
    });
}

#[test]
fn a_hundred_layers_are_no_problem() {
    everywhere(|sandbox| {
        let mut image = Image::new("deep:latest").from_busybox();
        for number in 0..99 {
            image = image.layer(Layer::new().file(&format!("layer-{number}"), 0o644, "x").file(
                "last",
                0o644,
                number.to_string(),
            ));
        }
        sandbox.load(&image);
        sandbox.run("run --rm deep sh -c 'cat /last; ls -d /layer-* | wc -l'").ok().stdout_is("9899\n").forget();
    });
}

#[test]
fn a_store_with_a_long_path_works() {
    needs![root];
    let sandbox = Sandbox::new();
    let mut long = sandbox.path("work");
    while long.as_os_str().len() < 300 {
        long = long.join("a-directory-with-a-name");
    }
    let long = long.display().to_string();
    let archive = crate::support::image::busybox().display().to_string();
    sandbox.args(&["--root", &long, "load", "-q", "-i", &archive]).code(0).forget();
    sandbox.args(&["--root", &long, "run", "--rm", "busybox", "echo", "works"]).ok().stdout_is("works\n").forget();
    sandbox.args(&["--root", &long, "rmi", "-a"]).code(0).forget();
}

#[test]
fn nothing_is_left_on_the_hosts_mount_table() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    let table = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = table();
    sandbox.start_sleeper("web");
    assert_eq!(table(), before);
    sandbox.run("rm -f -t 0 web").ok().forget();
}
