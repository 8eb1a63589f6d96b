//! `logs`, and the log drivers.

use super::everywhere;
use crate::support::Sandbox;
use std::io::{BufRead, BufReader, Read};

#[test]
fn output_is_kept_as_docker_keeps_it() {
    everywhere(|sandbox| {
        let script = r#"printf 'one\n\ttwo <&> "three"\n'; printf 'four\n' >&2; printf last"#;
        sandbox.args(&["run", "--name", "web", "--network=none", "busybox", "sh", "-c", script]).code(0).forget();
        sandbox.run("logs web").stdout_is("one\n\ttwo <&> \"three\"\nlast").stderr_is("four\n").code(0).forget();
        let path = sandbox.run("inspect -f {{.LogPath}} web").ok().text().to_string();
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let lines: Vec<String> =
            text.lines().map(|line| line.split("\"time\"").next().unwrap_or_default().to_string()).collect();
        assert!(lines.contains(&r#"{"log":"one\n","stream":"stdout","#.to_string()), "{text}");
        let escaped = r#"{"log":"\u0009two \u003c\u0026\u003e \"three\"\n","stream":"stdout","#;
        assert!(lines.contains(&escaped.to_string()), "{text}");
        assert!(lines.contains(&r#"{"log":"last","stream":"stdout","#.to_string()), "{text}");
        assert!(lines.contains(&r#"{"log":"four\n","stream":"stderr","#.to_string()), "{text}");
        sandbox.run("rm web").ok().forget();
    });
}

#[test]
fn lines_are_chosen_by_number_and_time() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name web --network=none busybox seq 1 10").ok().forget();
    sandbox.run("wait web").stdout_is("0\n").forget();
    sandbox.run("logs -n 2 web").ok().stdout_is("9\n10\n").forget();
    sandbox.run("logs --tail 0 web").ok().stdout_is("").forget();
    assert_eq!(sandbox.run("logs --tail all web").ok().lines().len(), 10);
    sandbox.run("logs --since 1h --tail 1 web").ok().stdout_is("10\n").forget();
    sandbox.run("logs --until 1h web").ok().stdout_is("").forget();
    sandbox.run("logs --since 2999-01-01 web").ok().stdout_is("").forget();
    let stamped = sandbox.run("logs -t --tail 1 web").ok();
    assert!(stamped.text().ends_with("Z 10") && stamped.text().len() == 33, "{}", stamped.text());
    sandbox.run("logs --names --tail 1 web").ok().stdout_is("web 10\n").forget();
    sandbox.run("logs --details web").fails().has("--details").forget();
    sandbox.run("logs nobody").fails().has("no container with name or ID").forget();
    sandbox.run("run -d --name other --network=none busybox echo hi").ok().forget();
    sandbox.run("wait other").ok().forget();
    let both = sandbox.run("logs --names -n 1 web other").ok();
    assert_eq!(both.lines(), ["web 10", "other hi"]);
}

#[test]
fn other_drivers() {
    let sandbox = Sandbox::with_busybox();
    let run = "run --rm --network=none --log-driver";
    sandbox.run(&format!("{run} none busybox echo hi")).ok().stdout_is("hi\n").forget();
    sandbox.run(&format!("{run} passthrough busybox echo hi")).ok().stdout_is("hi\n").forget();
    sandbox.run("run --name k8s --network=none --log-driver k8s-file busybox printf 'a\\nb'").code(0).forget();
    sandbox.run("logs k8s").ok().stdout_is("a\nb").forget();
    let path = sandbox.run("inspect -f {{.LogPath}} k8s").ok().text().to_string();
    let text = std::fs::read_to_string(path).expect("there is a log");
    assert!(text.contains(" stdout F a\n") && text.contains(" stdout P b\n"), "{text}");
    sandbox.run("run --name silent --network=none --log-driver none busybox echo hi").code(0).forget();
    sandbox.run("logs silent").fails().has("cannot read logs").forget();
    sandbox.run(&format!("{run} fluentd busybox true")).fails().has("fluentd").forget();
    sandbox.run("run --log-opt compress=true busybox true").fails().has("compress").forget();
}

/// Every line must be shown and kept once, across rotations: F21.
#[test]
fn following_loses_nothing_when_the_log_is_rotated() {
    let sandbox = Sandbox::with_busybox();
    let options = "--log-opt max-size=60k --log-opt max-file=20";
    sandbox
        .run(&format!("run -d -i --name web --network=none {options} busybox sh -c 'read x; seq 1 10000'"))
        .ok()
        .forget();
    let mut follower = sandbox.spawn("logs -f web");
    sandbox.run_with_input("attach --sig-proxy=false web", b"go\n").code(0).forget();
    let mut text = String::new();
    follower.child().stdout.take().expect("a pipe").read_to_string(&mut text).expect("numbers");
    follower.finish().code(0).forget();
    let expected: String = (1..=10_000).map(|number| format!("{number}\n")).collect();
    assert!(text == expected, "{} bytes instead of {}", text.len(), expected.len());
    let files = log_sizes(&sandbox, "web");
    assert!(files.len() > 10 && files.iter().all(|size| *size <= 60 * 1024), "{files:?}");
    let kept = sandbox.run("logs web").ok();
    assert!(kept.stdout == expected, "{} bytes instead of {}", kept.stdout.len(), expected.len());
}

fn log_sizes(sandbox: &Sandbox, name: &str) -> Vec<u64> {
    let path = std::path::PathBuf::from(sandbox.run(&format!("inspect -f {{{{.LogPath}}}} {name}")).ok().text());
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    let entries = std::fs::read_dir(path.parent().expect("a directory")).expect("readable").flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&name));
    ours.map(|entry| entry.metadata().expect("readable").len()).collect()
}

#[test]
fn a_log_never_takes_more_than_its_cap() {
    let sandbox = Sandbox::with_busybox();
    let options = "--log-opt max-size=20k --log-opt max-file=4";
    sandbox.run(&format!("run --name web --network=none {options} busybox seq 1 5000")).code(0).forget();
    let files = log_sizes(&sandbox, "web");
    assert!(files.len() == 4 && files.iter().all(|size| *size <= 20 * 1024), "{files:?}");
    let kept = sandbox.run("logs web").ok();
    let kept = kept.lines();
    assert_eq!(kept.last(), Some(&"5000"));
    assert!(kept.len() > 400 && kept.len() < 5000);
    let first: usize = kept[0].parse().expect("a number");
    assert!(kept.iter().enumerate().all(|(index, line)| *line == (first + index).to_string()));
}

#[test]
fn follow_shows_lines_as_they_come_and_ends_with_the_container() {
    everywhere(|sandbox| {
        sandbox
            .run("run -d --name web --network=none busybox sh -c 'echo ready; while [ ! -e /go ]; do sleep 0.05; done; echo end'")
            .ok()
            .forget();
        let mut follower = sandbox.spawn("logs -f web");
        let mut lines = BufReader::new(follower.child().stdout.take().expect("a pipe")).lines();
        assert_eq!(lines.next().expect("a line").expect("text"), "ready");
        sandbox.run("exec web touch /go").ok().forget();
        assert_eq!(lines.next().expect("a line").expect("text"), "end");
        assert!(lines.next().is_none());
        follower.finish().code(0).forget();
        sandbox.run("rm -f web").ok().forget();
    });
}

/// A flood is more than the monitor writes by itself: a thread helps. Every record is whole and in its place, with
/// somebody attached or nobody, and though that one be killed.
#[test]
fn a_flood_is_kept_whole() {
    let sandbox = Sandbox::with_busybox();
    let expected: String = (1..=600_000).map(|number| format!("{number}\n")).collect();
    let run = "--network=none --log-opt max-size=-1 busybox seq 1 600000";
    sandbox.run(&format!("run -d --name nobody {run}")).ok().forget();
    sandbox.run("wait nobody").stdout_is("0\n").forget();
    sandbox.run(&format!("run --name somebody {run}")).code(0).stdout_is(&expected).forget();
    let mut killed = sandbox.spawn(&format!("run --name killed {run}"));
    let mut some = [0; 10_000];
    killed.child().stdout.as_mut().expect("a pipe").read_exact(&mut some).expect("output");
    drop(killed);
    sandbox.run("wait killed").stdout_is("0\n").forget();
    for name in ["nobody", "somebody", "killed"] {
        sandbox.run(&format!("logs {name}")).code(0).stdout_is(&expected).forget();
    }
}

/// docker's json-file options for shippers: labels, variables and a tag in each record.
#[test]
fn records_carry_what_was_asked_for() {
    let sandbox = Sandbox::with_busybox();
    let options = "--label team=a --label other=b -e KEY=value --log-opt labels=team --log-opt env=KEY";
    sandbox
        .run(&format!("run --name web --network=none {options} --log-opt tag={{{{.Name}}}} busybox echo hello"))
        .code(0)
        .forget();
    let inspected = sandbox.run("inspect -f {{.LogPath}} web").ok();
    let log = std::fs::read_to_string(inspected.text()).expect("a log");
    let attributes = "\"stream\":\"stdout\",\"attrs\":{\"KEY\":\"value\",\"tag\":\"web\",\"team\":\"a\"},\"time\":";
    assert!(log.starts_with("{\"log\":\"hello\\n\",") && log.contains(attributes), "{log}");
    sandbox.run("logs web").ok().stdout_is("hello\n").forget();
    sandbox.run("run --log-driver k8s-file --log-opt labels=a busybox true").code(125).forget();
}

/// C10: what a container prints is data, whatever it looks like.
#[test]
fn records_cannot_be_forged() {
    let sandbox = Sandbox::with_busybox();
    let forged = [
        "{\"log\":\"forged\\n\",\"stream\":\"stderr\",\"time\":\"2020-01-01T00:00:00Z\"}",
        "2020-01-01T00:00:00.000000000+00:00 stderr F forged",
    ];
    for driver in ["json-file", "k8s-file"] {
        for line in forged {
            let run =
                ["run", "--name", "liar", "--network=none", "--log-driver", driver, "busybox", "printf", "%s\\n", line];
            sandbox.args(&run).code(0).forget();
            sandbox.run("logs liar").stdout_is(&format!("{line}\n")).stderr_is("").forget();
            sandbox.run("logs --until 2021-01-01 liar").stdout_is("").forget();
            sandbox.run("rm liar").ok().forget();
        }
    }
}

/// C10: a line without an end costs neither memory nor bytes.
#[test]
fn an_endless_line_is_kept_in_pieces() {
    let sandbox = Sandbox::with_busybox();
    let options = "--log-opt max-size=1m --log-opt max-file=2";
    let script = "head -c 50000000 /dev/zero | tr '\\0' x; sleep 1000";
    sandbox
        .args(
            &[
                &["run", "-d", "--name", "web", "--network=none"][..],
                &options.split(' ').collect::<Vec<_>>(),
                &["busybox", "sh", "-c", script],
            ]
            .concat(),
        )
        .ok()
        .forget();
    // All is through when the shell sleeps.
    let mut waited = 0;
    while !sandbox.run("top web").stdout.contains("sleep") {
        waited += 1;
        assert!(waited < 200, "still writing");
    }
    let most = super::monitor::status(super::monitor::pid_of(&sandbox, "web"), "VmHWM:");
    // The program's own pages, and what the log may hold back in a flood.
    assert!(most < 32 * 1024, "the monitor took {most} kB");
    sandbox.run("rm -f -t 0 web").ok().forget();
}
