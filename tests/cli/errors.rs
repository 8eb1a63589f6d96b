use super::with_two;
use crate::support::Sandbox;

#[test]
fn a_line_that_makes_no_sense_is_refused_in_podmans_words() {
    let sandbox = Sandbox::new();
    for (line, words) in [
        ("frob", "unrecognized command `barge frob`\nTry 'barge --help' for more information"),
        (
            "container frob",
            "unrecognized command `barge container frob`\nTry 'barge container --help' for more information",
        ),
        ("--frob", "unknown flag: --frob\nSee 'barge --help'"),
        ("ps --frob", "unknown flag: --frob\nSee 'barge ps --help'"),
        ("ps --frob=1", "unknown flag: --frob\nSee 'barge ps --help'"),
        ("ps -aQ", "unknown shorthand flag: 'Q' in -aQ\nSee 'barge ps --help'"),
        ("run --frob image", "unknown flag: --frob\nSee 'barge run --help'"),
        ("exec --frob name true", "unknown flag: --frob\nSee 'barge exec --help'"),
        ("exec -Q name true", "unknown shorthand flag: 'Q' in -Q\nSee 'barge exec --help'"),
        ("run --name", "flag needs an argument: --name\nSee 'barge run --help'"),
        ("ps -n", "flag needs an argument: 'n' in -n\nSee 'barge ps --help'"),
        (
            "ps --all=x",
            "invalid argument \"x\" for \"-a, --all\" flag: strconv.ParseBool: parsing \"x\": invalid syntax\nSee 'barge ps --help'",
        ),
        (
            "ps -n x",
            "invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"x\": invalid syntax\nSee 'barge ps --help'",
        ),
        ("ps x", "`barge ps` takes no arguments"),
        ("rename a", "accepts 2 arg(s), received 1"),
        ("rename a b c", "accepts 2 arg(s), received 3"),
        ("run", "requires at least 1 arg(s), only received 0"),
        ("rm", "you must provide at least one name or id"),
        ("start", "start requires at least one argument"),
        ("wait", "\"barge wait\" requires a name, id, or the \"--latest\" flag"),
        ("inspect", "no names or ids specified"),
        ("stop --all --latest", "--all and --latest cannot be used together"),
        ("stop --all x", "no arguments are needed with --all"),
        (
            "inspect --type frob x",
            "invalid type \"frob\": must be \"image\", \"container\", \"pod\", \"network\", \"volume\", or \"all\"",
        ),
        ("ps --filter name", "invalid filter \"name\""),
        ("ps --filter frob=1", "frob is an invalid filter"),
    ] {
        sandbox.run(line).stderr_is(&format!("Error: {words}\n")).stdout_is("").code(125);
    }
}

#[test]
fn a_command_that_is_not_built_yet_is_no_slip_of_the_fingers() {
    let sandbox = Sandbox::new();
    for (line, name) in [
        ("build -t x .", "build"),
        ("compose up", "compose"),
        ("cp a:/x .", "cp"),
        ("volume ls", "volume"),
        ("system df -v", "system df"),
        ("system prune --all --force", "system prune"),
        ("container stats", "container stats"),
        ("image search x", "image search"),
        ("help pod", "pod"),
        ("kube --help", "kube"),
    ] {
        for (program, code) in [("barge", 125), ("podman", 125), ("docker", 1)] {
            let words = format!("Error: {name}: not supported yet\n");
            sandbox.run_as(program, line).stderr_is(&words).stdout_is("").code(code);
        }
    }
    // The same word elsewhere is one.
    sandbox.run("system build").has("unrecognized command `barge system build`").code(125);
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let sandbox = Sandbox::new();
    let no_password = "getting username and password: reading password: inappropriate ioctl for device";
    for (line, input, words) in [
        ("login 127.0.0.1:1", "", "getting username and password: reading username: EOF"),
        ("login 127.0.0.1:1", "ann\n", no_password),
        ("login -u ann 127.0.0.1:1", "", no_password),
    ] {
        let words = format!("Error: {words}\n");
        sandbox.run_with_input(line, input.as_bytes()).stderr_is(&words).stdout_is("").code(125);
    }
    sandbox
        .run_as("docker", "login 127.0.0.1:1")
        .is("Error: Cannot perform an interactive login from a non TTY device\n")
        .code(1);
}

#[test]
fn what_does_not_exist_is_named() {
    let sandbox = Sandbox::new();
    let missing = "no container with name or ID \"nosuch\" found: no such container";
    for verb in ["stop", "start", "kill", "pause", "unpause", "restart", "wait", "port", "top", "attach", "logs"] {
        sandbox.run(&format!("{verb} nosuch")).is(&format!("Error: {missing}\n")).code(125);
    }
    sandbox.run("rename nosuch x").is(&format!("Error: {missing}\n")).code(125);
    sandbox.run("rm nosuch").is(&format!("Error: {missing}\n")).code(1);
    sandbox.run("rm --force nosuch").ok().is("");
    sandbox.run("rm --ignore nosuch").ok().is("");
    sandbox.run("wait --ignore nosuch").ok().is("-1\n");
    sandbox.run("container exists nosuch").is("").code(1);
    sandbox.run("inspect nosuch").is("[]\nError: inspecting object: no such object: \"nosuch\"\n").code(125);
    sandbox.run("container inspect nosuch").is("[]\nError: inspecting object: no such container nosuch\n").code(125);
    sandbox.run("image inspect nosuch").is("[]\nError: inspecting object: nosuch: image not known\n").code(125);
}

#[test]
fn all_of_nothing_is_a_success_without_a_word() {
    let sandbox = Sandbox::new();
    for line in [
        "rm -t 0 -f -a",
        "stop -a",
        "kill -a",
        "pause -a",
        "unpause -a",
        "start --all",
        "restart -a",
        "container prune -f",
    ] {
        sandbox.run(line).ok().is("");
    }
}

#[test]
fn of_several_names_each_is_tried() {
    let sandbox = with_two();
    sandbox
        .run("rm nosuch one other two")
        .stdout_is("one\ntwo\n")
        .stderr_is(
            "Error: no container with name or ID \"nosuch\" found: no such container\n\
             Error: no container with name or ID \"other\" found: no such container\n",
        )
        .code(1);
    sandbox.run("ps -aq").ok().is("");
}

#[test]
fn a_name_is_taken_once() {
    let sandbox = with_two();
    sandbox
        .run("create --name one --rootfs fs true")
        .fails()
        .has("the container name \"one\" is already in use by")
        .code(125);
    sandbox.run("rename one two").fails().has("\"two\" is already in use").code(125);
    sandbox
        .run("create --name -x --rootfs fs true")
        .fails()
        .has("names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*")
        .code(125);
    sandbox.run("create --replace --rootfs fs true").fails().has("cannot replace container without --name being set");
    sandbox.run("create --replace --name one --rootfs fs true").ok();
    sandbox.run("ps -a --format {{.Names}} --sort names").ok().is("one\ntwo\n");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let sandbox = with_two();
    let program = sandbox.program().display();
    let line = format!("{program} --help | true; echo ${{PIPESTATUS[0]}}");
    let mut command = sandbox.other("bash");
    command.args(["-c", &line]);
    let finished = sandbox.finish(command, b"");
    assert_eq!(finished.stderr, "", "{finished}");
}

#[test]
fn the_kernels_words_come_without_rusts_number() {
    let sandbox = Sandbox::with_busybox();
    for line in ["save -o /nonexistent/x busybox", "create --cidfile /nonexistent/x busybox true"] {
        sandbox.run(line).code(125).has("/nonexistent/x: No such file or directory").lacks("os error");
    }
}
