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
        "hooks-dir=/x",
        "storage-opt=a=b",
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

#[test]
fn variables_that_ask_for_a_remote_engine_are_refused() {
    let mut sandbox = Sandbox::new();
    sandbox.env("CONTAINER_HOST", "ssh://somewhere");
    sandbox.run("ps").fails().has("environment variable CONTAINER_HOST: not supported yet").code(125);
    sandbox.run_as("docker", "ps").ok();
    sandbox.unset("CONTAINER_HOST");
    sandbox.env("DOCKER_HOST", "ssh://somewhere");
    sandbox.run_as("docker", "ps").stderr_is(
        "environment variable DOCKER_HOST: not supported yet: barge has no remote service; \
         everything runs in the command itself\n",
    );
    sandbox.run("ps").ok();
}

#[test]
fn dockers_config_says_how_lists_look() {
    let sandbox = with_two();
    sandbox.file("home/.docker/config.json", r#"{"psFormat": "table {{.Names}}\\t{{.State}}"}"#);
    sandbox.run_as("docker", "ps -a").ok().is("NAMES     STATE\ntwo       created\none       created\n");
    sandbox.run_as("docker", "ps -a --format {{.Names}}").ok().is("two\none\n");
    assert_eq!(sandbox.run_as("docker", "ps -aq").ok().lines().len(), 2);
    sandbox.run("ps -a").ok().has("CONTAINER ID");
}
