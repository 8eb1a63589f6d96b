use crate::support::Sandbox;

#[test]
fn help_has_the_layout_that_scripts_expect() {
    let sandbox = Sandbox::new();
    let help = sandbox.run("wait --help").ok();
    assert!(help.stdout.starts_with("Block on one or more containers\n\nDescription:\n"), "{help}");
    let usage = "\nUsage:\n  barge wait [options] CONTAINER [CONTAINER...]\n\nOptions:\n      --condition STATE   ";
    assert!(help.stdout.contains(usage), "{help}");
    let top = sandbox.run("--help").ok();
    assert!(top.stdout.contains("\nUsage:\n  barge [options] [command]\n\nAvailable Commands:\n  attach "), "{top}");
    let group = sandbox.run("container --help").ok();
    assert!(group.stdout.contains("\nUsage:\n  barge container [command]\n\nAvailable Commands:\n"), "{group}");
    for (line, usage) in [
        ("run --help", "barge run [options] IMAGE [COMMAND [ARG...]]"),
        ("container run --help", "barge container run [options] IMAGE [COMMAND [ARG...]]"),
        ("rm --help", "barge rm [options] CONTAINER [CONTAINER...]"),
        ("rm -h", "barge rm [options] CONTAINER [CONTAINER...]"),
        ("help rm", "barge rm [options] CONTAINER [CONTAINER...]"),
        ("container ls --help", "barge container ls [options]"),
        ("help container prune", "barge container prune [options]"),
    ] {
        sandbox.run(line).ok().has(&format!("\n  {usage}\n"));
    }
    // `-h` of run is its hostname.
    sandbox.run("run -h").has("flag needs an argument: 'h' in -h").code(125);
}

#[test]
fn a_group_without_a_command_shows_its_help_and_fails() {
    let sandbox = Sandbox::new();
    sandbox
        .run("container")
        .has("Available Commands:")
        .stderr_is("Error: missing command 'barge container COMMAND'\n")
        .code(125);
    sandbox.run("").has("Available Commands:").stderr_is("Error: missing command 'barge COMMAND'\n").code(125);
}

/// Every command of every group tells what it does, and nothing is listed that does not exist.
#[test]
fn every_listed_command_has_help() {
    let sandbox = Sandbox::new();
    let mut seen = 0;
    for group in ["", "container", "image", "system"] {
        let help = sandbox.run(&format!("{group} --help")).ok();
        let listed = help.stdout.split("Available Commands:\n").nth(1).unwrap_or_default();
        for line in listed.lines().take_while(|line| line.starts_with("  ")) {
            let name = line.split_whitespace().next().unwrap_or_default();
            sandbox.run(&format!("{group} {name} --help")).ok().has("Usage:");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn the_version_is_told_without_a_store() {
    let sandbox = Sandbox::new();
    let version = env!("CARGO_PKG_VERSION");
    sandbox.run("--version").ok().is(&format!("barge version {version}\n"));
    sandbox.run("-v").ok().is(&format!("barge version {version}\n"));
    sandbox.run("version --format {{.Client.Version}}").ok().is(&format!("{version}\n"));
    sandbox.run("version --format {{.Server.Version}}").ok().is(&format!("{version}\n"));
    sandbox.run("version").ok().has(&format!("Version:      {version}\n"));
    assert_eq!(sandbox.run("version --format json").ok().json()["Client"]["Version"], version);
}
