use super::with_two;
use crate::support::Sandbox;

#[test]
fn as_docker_errors_are_dockers() {
    let sandbox = with_two();
    for (line, words, code) in [
        ("stop nosuch", "Error response from daemon: No such container: nosuch\n", 1),
        ("rm nosuch", "Error response from daemon: No such container: nosuch\n", 1),
        ("rmi nosuch", "Error response from daemon: No such image: nosuch\n", 1),
        (
            "run --pull never nosuch",
            "docker: Error response from daemon: No such image: nosuch\n\nRun 'docker run --help' for more information\n",
            125,
        ),
        ("frob", "docker: unknown command: docker frob\n\nRun 'docker --help' for more information\n", 1),
        ("ps --frob", "unknown flag: --frob\n\nRun 'docker ps --help' for more information\n", 125),
        (
            "rm",
            "docker: 'docker rm' requires at least 1 argument\n\nUsage:  docker rm [OPTIONS] CONTAINER [CONTAINER...]\n\n\
             See 'docker rm --help' for more information\n",
            1,
        ),
        (
            "rename x",
            "docker: 'docker rename' requires 2 arguments\n\nUsage:  docker rename [OPTIONS] CONTAINER NAME\n\n\
             See 'docker rename --help' for more information\n",
            1,
        ),
        (
            "create --name one --rootfs fs true",
            "Error response from daemon: Conflict. The container name \"/one\" is already in use by container \
             \"[ID]\". You have to remove (or rename) that container to be able to reuse that name.\n",
            125,
        ),
    ] {
        sandbox.run_as("docker", line).stderr_is(words).stdout_is("").code(code);
    }
    sandbox.run_as("docker", "inspect nosuch").is("[]\nError response from daemon: No such object: nosuch\n").code(1);
}

#[test]
fn as_docker_lists_are_dockers() {
    let sandbox = with_two();
    let listed = sandbox.run_as("docker", "ps -a").ok();
    let lines = listed.lines();
    assert!(lines[0].starts_with("CONTAINER ID   IMAGE     COMMAND "), "{listed}");
    // The newest first, commands in quotes, cut with one character.
    assert!(lines[1].ends_with("two") && lines[1].contains("\"sh -c echo hello to…\""), "{listed}");
    assert!(lines[2].ends_with("one") && lines[2].contains("\"sleep 1000\""), "{listed}");
    let json = sandbox.run_as("docker", "ps -a --format json").ok();
    assert_eq!(json.lines().len(), 2);
    for line in json.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        for field in
            ["Command", "CreatedAt", "ID", "Image", "Labels", "Mounts", "Names", "Ports", "Size", "State", "Status"]
        {
            assert!(row[field].is_string(), "{field}: {line}");
        }
    }
    sandbox.run_as("docker", "ps -a --filter name=one --format {{.Labels}}").ok().is("a=1,b=2\n");
    let info = sandbox.run_as("docker", "info --format '{{.Swarm.LocalNodeState}} {{.OSType}} {{.NCPU}}'").ok();
    assert!(info.stdout.starts_with("inactive linux "), "{info}");
    sandbox.run_as("docker", "version --format {{.Server.Version}}").ok();
}

#[test]
fn as_podman_everything_says_podman() {
    let sandbox = Sandbox::new();
    sandbox
        .run_as("podman", "frob")
        .is("Error: unrecognized command `podman frob`\nTry 'podman --help' for more information\n")
        .code(125);
    sandbox.run_as("podman", "rm --help").ok().has("\n  podman rm [options] CONTAINER");
    sandbox.run_as("podman", "version").ok().has("Client:       Podman Engine\n");
    sandbox.run_as("podman", "info --format {{.Host.LogDriver}}").ok().is("k8s-file\n");
    sandbox.run("info --format {{.Host.LogDriver}}").ok().is("json-file\n");
}
