use super::with_two;

#[test]
fn names_are_offered_for_what_a_command_acts_on() {
    let sandbox = with_two();
    sandbox.run("__complete rm ''").ok().is("one\ntwo\n");
    sandbox.run("__complete container rm one t").ok().is("two\n");
    sandbox.run("__complete rm one two ''").ok().is("");
    sandbox.run("__complete inspect --format x o").ok().is("one\n");
    // Only one that runs can be stopped, only one that does not can be started.
    sandbox.run("__complete stop ''").ok().is("");
    sandbox.run("__complete start ''").ok().is("one\ntwo\n");
    // The value of a flag is no container.
    sandbox.run("__complete rm --time ''").ok().is("");
    sandbox.run("__complete rename one ''").ok().is("");
    // Nonsense offers nothing and says nothing.
    for line in ["__complete", "__complete ''", "__complete frob ''", "__complete --frob rm ''", "__complete container"]
    {
        sandbox.run(line).ok().is("");
    }
}

#[test]
fn bash_completes_commands_flags_and_names() {
    let sandbox = with_two();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/completions/barge.bash");
    let program = sandbox.program().display().to_string();
    let globals = format!("--root {} --runroot {}", sandbox.root().display(), sandbox.run_root().display());
    let complete = |line: &str| {
        let body = format!(
            "source {script}; COMP_LINE='barge {line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({program}); _barge; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let mut command = sandbox.other("bash");
        command.args(["-c", &body]);
        sandbox.finish(command, b"").ok().text().to_string()
    };
    assert_eq!(complete("ren"), "rename");
    assert_eq!(complete("container pru"), "prune");
    assert_eq!(complete("run --no-hostn"), "--no-hostname");
    assert_eq!(complete(&format!("{globals} rm ")), "one two");
    assert_eq!(complete(&format!("{globals} rm -f tw")), "two");
    assert_eq!(complete(&format!("{globals} run --name ")), "");
}
