use super::with_two;

#[test]
fn templates_are_filled_in() {
    let sandbox = with_two();
    for (line, expected) in [
        (vec!["ps", "-a", "--format", "{{.Names}}\\t{{.Image}}"], "one\t\ntwo\t\n"),
        (
            vec!["ps", "-a", "--format", "table {{.Names}}\\t{{.Status}}"],
            "NAMES       STATUS\none         Created\ntwo         Created\n",
        ),
        (
            vec!["ps", "-a", "--noheading", "--format", "table {{.Names}}\\t{{.Status}}"],
            "one         Created\ntwo         Created\n",
        ),
        (vec!["ps", "-a", "--format", "{{.Names}}{{if .Labels}} labelled{{end}}"], "one labelled\ntwo\n"),
        (vec!["ps", "-a", "--filter", "name=one", "--format", "{{.Labels}} {{.Label \"b\"}}"], "map[a:1 b:2] 2\n"),
        (
            vec!["inspect", "one", "two", "--format", "{{.State.Status}} {{.State.Running}}"],
            "created false\ncreated false\n",
        ),
        (vec!["inspect", "one", "-f", "{{index .Config.Labels \"a\"}}"], "1\n"),
        (vec!["inspect", "one", "-f", "{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}"], "a=1 b=2 \n"),
        (vec!["inspect", "one", "-f", "{{json .Config.Cmd}}"], "[\"sleep\",\"1000\"]\n"),
        (
            vec!["inspect", "two", "-f", "{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}}{{end}}"],
            "bind /tmp /x\n",
        ),
        // A line end may be typed in a string of the template, too; outside of one it is the shell's.
        (vec!["ps", "-a", "--format", r#"{{.Names}}{{"\n"}}x\ty"#], "one\nx\ty\ntwo\nx\ty\n"),
        // Notes are left out where there are none; to go through them is no mistake.
        (vec!["info", "--format", r#"{{range .Host.Notes}}{{break}}{{"\n"}}{{end}}x"#], "x\n"),
        (vec!["info", "--format", r#"{{range (split "a,b" ",")}}{{.}}{{"\n"}}{{end}}"#], "a\nb\n\n"),
        (vec!["inspect", "one", "-f", r#"{{.Name}}{{"\n\""}}"#], "one\n\"\n"),
        (vec!["inspect", "one", "-f", "{{len .Mounts}} {{.RestartCount}} {{upper .State.Status}}"], "0 0 CREATED\n"),
    ] {
        sandbox.args(&line).ok().is(expected);
    }
}

#[test]
fn the_state_has_health_only_with_a_check() {
    let sandbox = with_two();
    let asked = "inspect one -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}'";
    for (program, expected, in_json) in
        [("barge", "none\n", false), ("docker", "none\n", false), ("podman", "\n", true)]
    {
        sandbox.run_as(program, asked).ok().is(expected);
        let document = sandbox.run_as(program, "inspect one").ok();
        assert_eq!(document.stdout.contains("\"Health\""), in_json, "{program}");
    }
}

#[test]
fn what_is_wrong_with_a_template_is_said_in_gos_words() {
    let sandbox = with_two();
    for (line, words) in [
        (
            vec!["ps", "-a", "--format", "{{.Frob}}"],
            "template: ps:1:2: executing \"ps\" at <.Frob>: can't evaluate field Frob in type",
        ),
        (vec!["ps", "--format", "{{.Names"], "template: ps:1: unclosed action"),
        (vec!["inspect", "one", "--format", "{{frob .Id}}"], "function \"frob\" not defined"),
        (vec!["inspect", "one", "--format", "{{.State.Frob}}"], "can't evaluate field Frob in type"),
        (
            vec!["version", "--format", "{{.Frob}}"],
            "template: version:1:2: executing \"version\" at <.Frob>: can't evaluate field Frob",
        ),
        (
            vec!["info", "--format", "{{.Host.Frob}}"],
            "template: info:1:2: executing \"info\" at <.Host.Frob>: can't evaluate field Frob",
        ),
    ] {
        sandbox.args(&line).fails().has(words).code(125);
    }
}

#[test]
fn info_has_podmans_names() {
    let sandbox = with_two();
    sandbox
        .run("info --format '{{.Host.OS}} {{.Store.ContainerStore.Number}} {{.Host.NetworkBackend}}'")
        .ok()
        .is("linux 2 none\n");
    for field in [
        ".Host.Arch",
        ".Host.Hostname",
        ".Host.Kernel",
        ".Host.CPUs",
        ".Host.MemTotal",
        ".Host.CgroupsVersion",
        ".Host.CgroupManager",
        ".Host.CgroupControllers",
        ".Host.EventLogger",
        ".Host.LogDriver",
        ".Host.OCIRuntime.Name",
        ".Host.Conmon.Path",
        ".Host.RemoteSocket.Path",
        ".Host.Security.Rootless",
        ".Host.Security.SECCOMPEnabled",
        ".Host.IDMappings",
        ".Host.Distribution",
        ".Store.GraphDriverName",
        ".Store.GraphRoot",
        ".Store.RunRoot",
        ".Store.VolumePath",
        ".Store.GraphOptions",
        ".Store.ConfigFile",
        ".Store.ImageStore.Number",
        ".Version.Version",
    ] {
        sandbox.run(&format!("info --format {{{{{field}}}}}")).ok().lacks("no value");
    }
    let yaml = sandbox.run("info").ok();
    assert!(yaml.stdout.starts_with("host:\n  arch: "), "{yaml}");
    assert_eq!(sandbox.run("info --format json").ok().json()["store"]["containerStore"]["number"], 2);
}
