//! `system reset`

use crate::support::{Sandbox, needs};

#[test]
fn reset_leaves_nothing_but_strangers() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    sandbox.run("create --name made busybox true").ok();
    let strange = sandbox.file("root/not-ours/file", "stays");
    sandbox.run("system reset -f").code(0).forget();
    assert_eq!(std::fs::read_to_string(strange).expect("it stays"), "stays");
    let left: Vec<_> =
        std::fs::read_dir(sandbox.root()).expect("it stays").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["not-ours"]);
    assert!(!sandbox.run_root().exists());
    sandbox.run("images -q").ok().stdout_is("");
}

#[test]
fn reset_removes_what_other_ids_own() {
    needs![rootless];
    let sandbox = Sandbox::rootless().load_busybox();
    sandbox.run("run --name a busybox sh -c 'mkdir /d && chown 1000:1000 /d && chmod 0 /d'").ok();
    sandbox.run("system reset -f").code(0).forget();
    assert!(!sandbox.root().exists());
}
