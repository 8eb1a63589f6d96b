//! Keys that a container pushes into the terminal of whoever started it.

use super::probe;
use crate::support::{Sandbox, needs};
use std::process::Stdio;

/// Runs a shell line on a terminal of its own, and then a shell that reads what was typed there; what was shown.
fn on_a_terminal(sandbox: &Sandbox, line: &str) -> String {
    // What the program before it has pushed into the terminal, this one finds typed.
    let line = format!("{line}; read -t 1 typed; echo \"typed=$typed\"");
    let mut script = sandbox.other("script");
    script.args(["-qec", &format!("bash -c '{line}'"), "/dev/null"]);
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = script.spawn().expect("script can be started");
    // Its end would be typed, too.
    let keep = child.stdin.take();
    let output = child.wait_with_output().expect("output can be read");
    drop(keep);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// R18: the payload works where there is nothing between it and the terminal, and nowhere else.
#[test]
fn no_key_reaches_the_callers_terminal() {
    needs![root, script, gcc];
    probe::everywhere(|sandbox| {
        let path = sandbox.path("bin/probe");
        std::fs::copy(probe::program(), &path).expect("the sandbox is writable");
        let push = "tiocsti \"pushed-keys\n\"";
        if std::fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti").is_ok_and(|text| text.trim() == "0") {
            println!("skipped: the control of TIOCSTI: this kernel lets nobody push keys");
        } else {
            let control = on_a_terminal(sandbox, &format!("{} {push}", path.display()));
            assert!(control.contains("typed=pushed-keys"), "the payload does not work: {control}");
        }
        let engine = format!(
            "{} --root {} --runroot {}",
            sandbox.program().display(),
            sandbox.root().display(),
            sandbox.run_root().display()
        );
        sandbox.start_sleeper("web");
        sandbox.run("run -d --name probing probe sleep 1000").ok().forget();
        for command in [
            "run --rm probe",
            "run --rm -i probe",
            "run --rm -t probe",
            "run --rm -it probe",
            "run --rm -a stdout -a stderr probe",
            "exec probing",
            "exec -i probing",
            "exec -t probing",
            "exec -it probing",
        ] {
            let run = on_a_terminal(sandbox, &format!("{engine} {command} /probe {push}"));
            assert!(run.contains("fd "), "{command}: the payload has not run: {run}");
            assert!(run.contains("typed=") && !run.contains("typed=pushed-keys"), "{command}: {run}");
        }
        sandbox.run("rm -f -t 0 web probing").ok().forget();
    });
}

/// R18: the container never has the caller's terminal at all.
#[test]
fn the_callers_terminal_is_not_the_containers() {
    needs![root, script];
    let sandbox = Sandbox::with_busybox();
    let line = format!(
        "{} --root {} --runroot {} run --rm -i busybox sh -c 'tty; tty <&1; tty <&2; ps -o tty,comm'",
        sandbox.program().display(),
        sandbox.root().display(),
        sandbox.run_root().display()
    );
    let mut script = sandbox.other("script");
    script.args(["-qec", &line, "/dev/null"]);
    let run = sandbox.finish(script, b"");
    assert_eq!(run.stdout.matches("not a tty").count(), 3, "{}", run.stdout);
}
