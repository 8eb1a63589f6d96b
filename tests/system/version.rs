//! `version`

use crate::support::{Sandbox, needs};

#[test]
fn version_needs_no_store() {
    let sandbox = Sandbox::new();
    let version = sandbox.run("version --format '{{.Client.Version}}'").ok();
    assert_eq!(version.text(), env!("CARGO_PKG_VERSION"));
    assert!(!sandbox.root().exists() && !sandbox.run_root().exists());
    sandbox.run("--version").ok().stdout_is(concat!("barge version ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn version_works_for_a_user_with_nothing() {
    needs![rootless_single];
    let mut sandbox = Sandbox::rootless_single();
    for name in ["HOME", "XDG_RUNTIME_DIR", "PATH", "TMPDIR"] {
        sandbox.unset(name);
    }
    sandbox.run("version").ok();
}
