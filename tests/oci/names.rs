//! Called as `runc` or `crun`.

use super::Bundle;
use crate::support::needs;
use std::process::Command;

#[test]
fn by_a_runtimes_name_it_is_a_runtime() {
    needs![root, busybox];
    let bundle = Bundle::new(&["echo", "hello"]);
    for name in ["runc", "crun", "barge-oci"] {
        let link = bundle.sandbox.path("bin").join(name);
        std::os::unix::fs::symlink(bundle.sandbox.program(), &link).unwrap();
        let run = |words: &[&str]| {
            let mut command = Command::new(&link);
            command.env_clear().current_dir(bundle.dir()).args(words);
            bundle.sandbox.finish(command, b"")
        };
        let state = bundle.sandbox.path("state");
        run(&["--root", &state.to_string_lossy(), "run", &bundle.id()]).ok().stdout_is("hello\n").forget();
        run(&["--version"]).ok().has("spec: 1.2").forget();
        run(&["--help"]).ok().has("create").forget();
        run(&["images"]).code(1).has("no such command").forget();
        run(&["--nosuch", "list"]).code(1).has("nosuch").forget();
    }
}

#[test]
fn flags_that_it_does_not_know_are_refused() {
    let bundle = Bundle::new(&["true"]);
    for line in ["create --nosuch x", "create", "run a b", "kill x NOSUCH", "list -f yaml", "create ../x", "state .."] {
        bundle.run(line).code(1).forget();
    }
}
