//! `exec`

use super::everywhere;
use crate::support::Sandbox;

#[test]
fn runs_in_the_container() {
    everywhere(|sandbox| {
        sandbox.start_sleeper("web");
        sandbox
            .run("exec web sh -c 'echo out; echo err >&2; exit 3'")
            .code(3)
            .stdout_is("out\n")
            .stderr_is("err\n")
            .forget();
        sandbox.run("exec web cat /proc/1/comm").ok().stdout_is("sh\n").forget();
        sandbox.run("exec -e A=1 -e B=2 web sh -c 'echo $A$B'").ok().stdout_is("12\n").forget();
        sandbox.run("exec -w /tmp web pwd").ok().stdout_is("/tmp\n").forget();
        sandbox.run("exec -u 1000:1000 web id -u").ok().stdout_is("1000\n").forget();
        sandbox.run_with_input("exec -i web wc -c", &vec![b'x'; 1_000_000]).ok().stdout_is("1000000\n").forget();
        sandbox.run_with_input("exec web wc -c", b"not given").ok().stdout_is("0\n").forget();
        sandbox.run("exec -l hostname").ok().forget();
        sandbox.file("work/env", "X=from file\n");
        sandbox.run("exec --env-file env web sh -c 'echo $X'").ok().stdout_is("from file\n").forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

#[test]
fn exit_codes_say_what_happened() {
    everywhere(|sandbox| {
        sandbox.start_sleeper("web");
        sandbox.run("exec web /no/such/file").code(127).forget();
        sandbox.run("exec web nosuchcommand").code(127).forget();
        sandbox.run("exec web /etc").code(126).forget();
        sandbox.run("exec web sh -c 'kill -9 $$'").code(137).forget();
        sandbox.run("exec web sh -c 'exit 200'").code(200).forget();
        sandbox.run("exec web").code(125).forget();
        sandbox.run("exec nobody true").code(125).has("no container with name or ID").forget();
        sandbox.run("exec -w relative web true").code(125).forget();
        sandbox.run("stop -t 0 web").ok().forget();
        sandbox
            .run("exec web true")
            .code(125)
            .has("can only create exec sessions on running containers: container state improper")
            .forget();
        sandbox.run_as("docker", "exec web true").code(1).has("is not running").forget();
        sandbox.run("rm web").ok().forget();
    });
}

#[test]
fn sessions_end_with_the_container() {
    everywhere(|sandbox| {
        sandbox.start_sleeper("web");
        let session = sandbox.spawn("exec web sleep 1000");
        sandbox.run("exec -d web sh -c 'echo $$ > /pid; sleep 1000'").code(0).forget();
        let mut looked = 0;
        while sandbox.run("exec web cat /pid").status == 1 {
            looked += 1;
            assert!(looked < 100, "exec -d runs nothing");
        }
        sandbox.run("rm -f -t 0 web").ok().forget();
        session.finish().code(137).forget();
    });
}

#[test]
fn a_missing_working_directory_is_not_made() {
    everywhere(|sandbox| {
        sandbox.start_sleeper("web");
        let words = "chdir to cwd (\"/typo\") set in config.json failed: no such file or directory";
        sandbox.run("exec -w /typo web pwd").code(127).has(words).forget();
        sandbox.run("exec web ls -d /typo").code(1).forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

/// F20: no process, zombie or descriptor stays behind.
#[test]
fn many_sessions_leave_nothing() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let sessions = std::env::var("BARGE_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    for number in 0..sessions {
        sandbox.args(&["exec", "web", "echo", &number.to_string()]).ok().stdout_is(&format!("{number}\n")).forget();
    }
    // The shell, its `sleep`, and this listing.
    let processes = sandbox.run("exec web ps -o pid").ok();
    assert_eq!(processes.lines().len(), 4, "{}", processes.text());
}

#[test]
fn privileges_are_the_containers_unless_asked_for() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let line =
        |flags: &str| sandbox.run(&format!("exec {flags} web grep CapEff /proc/self/status")).ok().text().to_string();
    let main = sandbox.run("exec web grep CapEff /proc/1/status").ok().text().to_string();
    assert_eq!(line(""), main);
    assert_ne!(line("--privileged"), main);
    assert!(line("-u 1000").ends_with("\t0000000000000000"));
}

#[test]
fn sessions_are_listed_as_long_as_they_run() {
    everywhere(|sandbox| {
        sandbox.start_sleeper("web");
        let ids = || sandbox.run("inspect -f '{{range .ExecIDs}}{{.}} {{end}}' web").ok().text().to_string();
        assert_eq!(ids(), "");
        let session = sandbox.run("exec -d web sh -c 'while ! [ -e /go ]; do sleep 0.02; done'").ok();
        assert_eq!(session.text().len(), 64);
        assert_eq!(ids(), session.text());
        sandbox.run("exec web touch /go").ok().forget();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !ids().is_empty() {
            assert!(std::time::Instant::now() < end, "it is listed still");
        }
        // docker prints nothing.
        sandbox.run_as("docker", "exec -d web true").ok().stdout_is("").forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}
