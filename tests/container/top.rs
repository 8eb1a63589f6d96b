//! `top`

use crate::support::Sandbox;

#[test]
fn processes_are_listed_from_outside() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let table = sandbox.run("top web").ok();
    assert!(table.lines()[0].starts_with("USER"), "{table}");
    table.has("sleep 1000");
    let table = sandbox.run("top web pid ppid comm").ok();
    assert_eq!(table.lines()[0].split_whitespace().collect::<Vec<_>>(), ["PID", "PPID", "COMMAND"]);
    assert_eq!(table.lines()[1].split_whitespace().collect::<Vec<_>>(), ["1", "0", "sh"]);
    sandbox.run_as("docker", "top web aux").ok().has("%MEM");
    sandbox.run("top web nonsense").fails().code(125);
    sandbox.run("stop web").ok();
    sandbox.run("top web").fails().code(125);
}
