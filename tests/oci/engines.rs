//! Other engines with this runtime: containerd, dockerd, podman, each with directories of its own.

use crate::support::{Finished, Sandbox, image, needs};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// An engine's daemon, ended with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.0.id() as i32);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        for _ in 0..500 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Engine {
    // First, so that it is gone when the sandbox looks for what is left.
    _daemon: Option<Daemon>,
    sandbox: Sandbox,
    program: &'static str,
    options: Vec<String>,
}

impl Engine {
    /// Our program under a runtime's name.
    fn runtime(sandbox: &Sandbox) -> PathBuf {
        let link = sandbox.path("bin/runc");
        let _ = symlink(sandbox.program(), &link);
        link
    }

    #[track_caller]
    fn run(&self, line: &str) -> Finished {
        self.command("", line)
    }

    /// With a terminal in front.
    #[track_caller]
    fn run_on_terminal(&self, line: &str) -> Finished {
        self.command("script -qec", line)
    }

    /// Output goes by files: what stays behind (a shim, conmon) keeps the streams that it was given.
    #[track_caller]
    fn command(&self, wrapper: &str, line: &str) -> Finished {
        let whole = format!("{} {} {line}", self.program, self.options.join(" "));
        let whole = if wrapper.is_empty() { whole } else { format!("{wrapper} \"{whole}\" /dev/null") };
        let mut command = self.sandbox.other("/bin/sh");
        // Ours say that there are none, which podman does not take.
        for name in ["CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF"] {
            command.env_remove(name);
        }
        command.args([
            "-c",
            &format!("{{ {whole}; }} >../out 2>../err </dev/null; code=$?; cat ../out; cat ../err >&2; exit $code"),
        ]);
        self.sandbox.finish(command, b"")
    }
}

fn daemon(sandbox: &Sandbox, words: &[&str]) -> Daemon {
    let log = std::fs::File::create(sandbox.path("work/daemon.log")).unwrap();
    // Networks and mounts of its own, so that nothing of the machine's is seen or changed.
    let mut command = Command::new("unshare");
    command.args(["-n", "-m"]).args(words).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    Daemon(command.spawn().unwrap())
}

#[track_caller]
fn answers(engine: &Engine, line: &str) {
    let end = Instant::now() + Duration::from_secs(50);
    while engine.run(line).status != 0 {
        let log = std::fs::read_to_string(engine.sandbox.path("work/daemon.log")).unwrap_or_default();
        assert!(Instant::now() < end, "it does not answer:\n{log}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

const SERVE: &str = "sh -c 'trap \"exit 3\" TERM; while :; do sleep 0.1; done'";
const GREEDY: &str = "sh -c 'x=a; while :; do x=$x$x; done'";

#[test]
fn podman_runs_on_it() {
    needs![root, podman, busybox];
    let sandbox = Sandbox::new();
    let path = |name: &str| sandbox.path(name).display().to_string();
    // Not by --runtime-flag: podman forgets it when it deletes a container that it stopped.
    let script = format!("#!/bin/sh\nexec {} --root {} \"$@\"\n", Engine::runtime(&sandbox).display(), path("state"));
    let runtime = sandbox.file("runtime/runc", script);
    std::fs::set_permissions(&runtime, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let options = [
        format!("--root {} --runroot {} --tmpdir {}", path("podman/root"), path("podman/run"), path("podman/tmp")),
        "--events-backend file --storage-driver vfs --cgroup-manager cgroupfs".into(),
        format!("--runtime {}", runtime.display()),
    ];
    let podman = Engine { program: "podman", options: options.into(), sandbox, _daemon: None };
    podman.run(&format!("load -q -i {}", image::busybox().display())).ok().forget();
    podman.run("run --rm --network=none busybox echo hello").ok().stdout_is("hello\n").forget();
    podman.run("run --rm --network=none busybox sh -c 'exit 9'").code(9).forget();
    podman.run("run --rm --network=none busybox nosuch").code(127).has("nosuch").forget();
    podman.run("run --rm --network=none busybox /etc").code(126).forget();
    podman.run(&format!("run -d --name web --network=none busybox {SERVE}")).ok().forget();
    podman.run("exec web echo inside").ok().stdout_is("inside\n").forget();
    podman.run_on_terminal("exec -it web tty").ok().has("/dev/pts/0").forget();
    podman.run("exec web nosuch").code(127).forget();
    podman.run("pause web").ok().forget();
    podman.run("ps -a --format {{.Status}}").ok().has("aused").forget();
    podman.run("unpause web").ok().forget();
    podman.run("restart -t 2 web").ok().forget();
    podman.run("exec web echo again").ok().stdout_is("again\n").forget();
    podman.run("kill web").ok().forget();
    podman.run("wait web").ok().stdout_is("137\n").forget();
    podman.run(&format!("run --rm --memory 20m --network=none busybox {GREEDY}")).code(137).forget();
    podman.run("rm -f -a -t 0").ok().forget();
}

#[test]
fn containerd_runs_on_it() {
    needs![root, containerd, ctr, busybox];
    let sandbox = Sandbox::new();
    let dir = sandbox.path("containerd").display().to_string();
    let config = format!(
        "version = 2\nroot = \"{dir}/root\"\nstate = \"{dir}/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n\
         [grpc]\naddress = \"{dir}/sock\"\n[ttrpc]\naddress = \"{dir}/sock.ttrpc\"\n"
    );
    let file = sandbox.file("work/containerd.toml", config).display().to_string();
    let daemon = daemon(&sandbox, &["containerd", "-c", &file]);
    let runtime = Engine::runtime(&sandbox).display().to_string();
    let ctr = Engine { program: "ctr", options: vec![format!("-a {dir}/sock")], sandbox, _daemon: Some(daemon) };
    answers(&ctr, "version");
    ctr.run(&format!("images import {}", image::busybox().display())).ok().forget();
    let image = ctr.run("images ls -q").ok().text().to_string();
    let run =
        format!("--snapshotter native --runtime io.containerd.runc.v2 --runc-binary {runtime} --runc-root {dir}/runc");
    ctr.run(&format!("run --rm {run} {image} one echo hello")).ok().stdout_is("hello\n").forget();
    ctr.run(&format!("run --rm {run} {image} one sh -c 'exit 9'")).code(9).forget();
    ctr.run(&format!("run --rm {run} {image} one nosuch")).code(1).has("nosuch").forget();
    ctr.run(&format!("run -d {run} {image} web {SERVE}")).ok().forget();
    ctr.run("task exec --exec-id e1 web echo inside").ok().stdout_is("inside\n").forget();
    ctr.run_on_terminal("task exec -t --exec-id e2 web tty").has("/dev/pts/0").forget();
    ctr.run("task pause web").ok().forget();
    ctr.run("task ls").ok().has("PAUSED").forget();
    ctr.run("task resume web").ok().forget();
    ctr.run("task metrics web").ok().has("memory").forget();
    ctr.run("task kill -s TERM web").ok().forget();
    std::thread::sleep(Duration::from_millis(500));
    ctr.run("task rm web").has("3").forget();
    ctr.run("task start -d web").ok().forget();
    ctr.run("task ls").ok().has("RUNNING").forget();
    ctr.run("task kill -s KILL web").ok().forget();
    std::thread::sleep(Duration::from_millis(500));
    ctr.run("task rm web").forget();
    ctr.run("container rm web").ok().forget();
    ctr.run(&format!("run --rm --memory-limit 20971520 {run} {image} big {GREEDY}")).code(137).forget();
}

#[test]
fn dockerd_runs_on_it() {
    needs![root, dockerd, docker, busybox];
    let sandbox = Sandbox::new();
    let dir = sandbox.path("docker").display().to_string();
    std::fs::create_dir(&dir).unwrap();
    let runtime = format!("barge={}", Engine::runtime(&sandbox).display());
    let (root, run, pid, socket) =
        (format!("{dir}/root"), format!("{dir}/run"), format!("{dir}/pid"), format!("unix://{dir}/sock"));
    let daemon = daemon(
        &sandbox,
        &[
            "dockerd",
            "--data-root",
            &root,
            "--exec-root",
            &run,
            "-H",
            &socket,
            "-p",
            &pid,
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
            "--storage-driver",
            "vfs",
            "--add-runtime",
            &runtime,
            "--default-runtime",
            "barge",
        ],
    );
    let docker = Engine { program: "docker", options: vec![format!("-H {socket}")], sandbox, _daemon: Some(daemon) };
    answers(&docker, "version");
    docker.run(&format!("load -q -i {}", image::busybox().display())).ok().forget();
    docker.run("run --rm --network none busybox echo hello").ok().stdout_is("hello\n").forget();
    docker.run("run --rm --network none busybox sh -c 'exit 9'").code(9).forget();
    docker.run("run --rm --network none busybox nosuch").code(127).has("nosuch").forget();
    docker.run("run --rm --network none busybox /etc").code(126).forget();
    docker.run(&format!("run -d --name web --network none busybox {SERVE}")).ok().forget();
    docker.run("exec web echo inside").ok().stdout_is("inside\n").forget();
    docker.run_on_terminal("exec -it web tty").ok().has("/dev/pts/0").forget();
    docker.run("pause web").ok().forget();
    docker.run("ps --format {{.Status}}").ok().has("Paused").forget();
    docker.run("unpause web").ok().forget();
    docker.run("update --pids-limit 99 web").ok().forget();
    docker.run("restart -t 2 web").ok().forget();
    docker.run("exec web echo again").ok().stdout_is("again\n").forget();
    docker.run("kill web").ok().forget();
    docker.run("wait web").ok().stdout_is("137\n").forget();
    docker.run(&format!("run --name big --memory 20m --network none busybox {GREEDY}")).code(137).forget();
    docker.run("inspect big --format {{.State.OOMKilled}}").ok().stdout_is("true\n").forget();
    docker.run("rm -f web big").ok().forget();
}
