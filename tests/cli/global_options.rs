use super::with_two;
use crate::support::Sandbox;

#[test]
fn options_may_stand_before_or_after_the_command() {
    let sandbox = with_two();
    let other = sandbox.path("other").display().to_string();
    sandbox.run("ps -aq --noheading").ok();
    // A second --root is a wholly separate engine.
    sandbox.args(&["ps", "-aq", "--root", &other]).ok().is("");
    sandbox.args(&["--root", &other, "ps", "-aq"]).ok().is("");
    sandbox.run("--noout ps -aq").ok().is("");
    sandbox.run("--out listed ps -a --format {{.Names}}").ok().is("");
    assert_eq!(std::fs::read_to_string(sandbox.path("work/listed")).unwrap(), "one\ntwo\n");
    sandbox.run("--log-level frob ps").fails().has("is not supported, choose from: trace, debug, info, warn");
    sandbox.run("--log-level debug ps -aq").code(0);
}

#[test]
fn options_that_are_not_built_are_refused_by_name() {
    let sandbox = Sandbox::new();
    for option in [
        "connection=x",
        "url=x",
        "identity=x",
        "remote",
        "runtime=runc",
        "imagestore=/x",
        "volumepath=/x",
        "network-config-dir=/x",
        "events-backend=file",
        "module=x",
        "cdi-spec-dir=/x",
        "syslog",
        "host=x",
        "context=x",
    ] {
        let name = option.split('=').next().unwrap_or(option);
        for line in [format!("--{option} ps"), format!("ps --{option}")] {
            let finished = sandbox.run(&line).fails().code(125);
            assert!(finished.stderr.starts_with(&format!("Error: --{name}: not supported yet: ")), "{finished}");
        }
    }
    sandbox.run("--remote=false ps").ok();
}
