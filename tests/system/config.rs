//! containers.conf and storage.conf, and the flags and variables that win over them.

use crate::support::{Sandbox, needs};

#[test]
fn defaults_come_from_containers_conf() {
    needs![root];
    let mut sandbox = Sandbox::with_busybox();
    let file = sandbox.file(
        "containers.conf",
        "[containers]\nenv = ['FROM_FILE=1', 'BOTH=file']\ndefault_ulimits = ['nofile=500:600']\ntz = 'UTC'\n",
    );
    sandbox.env("CONTAINERS_CONF", &file.to_string_lossy());
    sandbox
        .run("run --rm -e BOTH=flag busybox sh -c 'echo $FROM_FILE $BOTH; ulimit -Sn; ulimit -Hn'")
        .ok()
        .stdout_is("1 flag\n500\n600\n");
    let more = sandbox.file("more.conf", "[containers]\nenv = ['BOTH=override']\n");
    sandbox.env("CONTAINERS_CONF_OVERRIDE", &more.to_string_lossy());
    sandbox.run("run --rm busybox sh -c 'echo $BOTH'").ok().stdout_is("override\n");
}

#[test]
fn a_broken_file_is_named_with_its_line() {
    let mut sandbox = Sandbox::new();
    let file = sandbox.file("containers.conf", "[containers]\nenv = \n");
    sandbox.env("CONTAINERS_CONF", &file.to_string_lossy());
    let run = sandbox.run("images").fails();
    assert!(run.stderr.starts_with(&format!("Error: reading {}: line 2: ", file.display())), "{run}");
    sandbox.env("CONTAINERS_CONF", "/nonexistent/containers.conf");
    sandbox.run("images").fails().stderr_is("Error: reading /nonexistent/containers.conf: No such file or directory\n");
    sandbox.env("CONTAINERS_CONF", "/dev/null");
}

#[test]
fn another_root_is_another_engine() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    let other = sandbox.path("other");
    let (root, run) = (other.join("root"), other.join("run"));
    let args =
        ["--root", &root.to_string_lossy(), "--runroot", &run.to_string_lossy(), "images", "-q"].map(String::from);
    sandbox.args(&args.iter().map(String::as_str).collect::<Vec<_>>()).ok().stdout_is("");
}
