use super::with_two;
use crate::support::{Sandbox, needs};

#[test]
fn the_table_is_podmans() {
    let sandbox = with_two();
    let listed = sandbox.run("ps -a").ok();
    let lines = listed.lines();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(lines[0].starts_with("CONTAINER ID  IMAGE       COMMAND               CREATED "), "{listed}");
    assert!(lines[0].ends_with("STATUS      PORTS       NAMES"), "{listed}");
    assert!(
        lines[1].contains("              sleep 1000            ") && lines[1].ends_with("Created                 one"),
        "{listed}"
    );
    assert!(lines[2].contains(" sh -c echo hello ...  "), "{listed}");
    // Those that run: none.
    assert_eq!(sandbox.run("ps").ok().lines().len(), 1);
    assert_eq!(sandbox.run("ps -a --noheading").ok().lines().len(), 2);
    for line in ["container ls -a", "container list -a", "container ps -a"] {
        assert_eq!(sandbox.run(line).ok().lines().len(), 3);
    }
    let quiet = sandbox.run("ps -aq").ok();
    assert!(quiet.lines().iter().all(|id| id.len() == 12), "{quiet}");
    let whole = sandbox.run("ps -aq --no-trunc").ok();
    assert!(whole.lines().iter().all(|id| id.len() == 64), "{whole}");
    sandbox
        .run("ps -a --no-trunc --format {{.Command}}")
        .ok()
        .is("sleep 1000\nsh -c echo hello to everybody out there\n");
}

#[test]
fn rows_are_filtered_and_sorted() {
    let sandbox = with_two();
    for (line, names) in [
        ("--sort names", "one two"),
        ("--sort created", "one two"),
        ("--filter name=one", "one"),
        ("--filter name=^tw", "two"),
        ("--filter label=a", "one"),
        ("--filter label=a=1 --filter label=b=2", "one"),
        ("--filter label=a=2", ""),
        ("--filter status=created", "one two"),
        ("--filter status=running", ""),
        ("--filter since=one", "two"),
        ("--filter before=two", "one"),
        ("--filter volume=/x", "two"),
        ("--filter name=one --filter name=two", "one two"),
        ("-n 1", "two"),
        ("--latest", "two"),
    ] {
        let listed = sandbox.run(&format!("ps -a {line} --format {{{{.Names}}}}")).ok();
        assert_eq!(listed.lines().join(" "), names, "{line}");
    }
    sandbox
        .run("ps --sort frob")
        .has("\"frob\" is not a valid value.  Choose from: \"command, created, id, image, names")
        .code(125);
    sandbox.run("ps -n 1 -l").fails().has("last and latest are mutually exclusive");
}

#[test]
fn json_is_typed() {
    let sandbox = with_two();
    let rows = sandbox.run("ps -a --format json --filter name=one").ok().json();
    let row = &rows[0];
    assert_eq!(rows.as_array().map(Vec::len), Some(1));
    assert_eq!(row["Names"], serde_json::json!(["one"]));
    assert_eq!(row["Command"], serde_json::json!(["sleep", "1000"]));
    assert_eq!(row["Labels"], serde_json::json!({"a": "1", "b": "2"}));
    assert_eq!(row["State"], "created");
    assert_eq!(row["Exited"], false);
    assert_eq!(row["ExitedAt"], -62_135_596_800_i64);
    assert_eq!(row["Id"].as_str().map(str::len), Some(64));
    assert!(row["Created"].is_i64());
    assert_eq!(sandbox.run("ps --format json").ok().json(), serde_json::json!([]));
}

#[test]
fn a_template_wins_over_quiet() {
    let sandbox = with_two();
    sandbox.run("ps -q -a --no-trunc --filter label=a --format {{.Names}}").ok().is("one\n");
}

/// Labels may hold anything; a terminal must not obey it.
#[test]
fn hostile_words_do_not_drive_the_terminal() {
    let sandbox = Sandbox::new();
    sandbox.file("work/fs/marker", "");
    sandbox
        .args(&[
            "create",
            "--name",
            "c",
            "--label",
            "x=\u{1b}[2J\u{7}",
            "--rootfs",
            "fs",
            "sh\u{1b}]0;x\u{7}\r",
            "a\tb\nc",
        ])
        .ok();
    for line in [
        "ps -a",
        "ps -a --no-trunc",
        "ps -a --format {{.Labels}}",
        "ps -a --format '{{.Label \"x\"}} {{.Command}}'",
        "ps -a --format json",
        "inspect c",
    ] {
        let finished = sandbox.run(line).ok();
        assert!(finished.stdout.bytes().all(|byte| byte >= 0x20 || byte == b'\n'), "{line}: {:?}", finished.stdout);
    }
}

#[test]
fn the_status_tells_how_long() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let status = sandbox.run("ps --format {{.Status}}").ok();
    assert!(status.text().starts_with("Up ") && !status.text().ends_with("ago"), "{status}");
    sandbox.run("ps --format {{.State}}").ok().is("running\n");
    sandbox.run("pause web").ok();
    sandbox.run("ps --format '{{.State}} {{.Status}}'").ok().is("paused Paused\n");
    sandbox.run("unpause web").ok();
    sandbox.run("kill web").ok();
    sandbox.run("wait web").ok().is("137\n");
    let status = sandbox.run("ps -a --format {{.Status}}").ok();
    assert!(status.text().starts_with("Exited (137) ") && status.text().ends_with(" ago"), "{status}");
    sandbox.run("ps -a --filter exited=137 --format {{.Names}}").ok().is("web\n");
    sandbox.run("rm web").ok();
}
