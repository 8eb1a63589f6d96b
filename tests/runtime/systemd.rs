//! Containers in scopes of systemd's: as root, and in an ordinary user's session. `make vmtest` brings such a machine.

use crate::support::{Sandbox, needs, only_on};
use std::process::Command;

/// What `systemctl` says.
fn systemctl(line: &str) -> String {
    let output = Command::new("systemctl").args(line.split(' ')).output().expect("systemd brings it");
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

fn cgroup_of(sandbox: &Sandbox, name: &str) -> String {
    sandbox.run(&format!("inspect --format {{{{.State.CgroupPath}}}} {name}")).ok().text().to_string()
}

fn file(cgroup: &str, name: &str) -> String {
    let path = format!("/sys/fs/cgroup{cgroup}/{name}");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")).trim().to_string()
}

#[test]
fn a_container_is_in_a_scope_of_its_own() {
    needs![root];
    only_on![systemd];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("info --format {{.Host.CgroupManager}}").ok().is("systemd\n");
    let options = "-m 64m --cpus 0.5 --cpu-shares 512 --pids-limit 50 --stop-timeout 7";
    sandbox.run(&format!("run -d --name web {options} busybox sleep 1000")).ok().forget();
    let id = sandbox.run("inspect --format {{.Id}} web").ok().text().to_string();
    let cgroup = cgroup_of(&sandbox, "web");
    assert_eq!(cgroup, format!("/machine.slice/barge-{id}.scope/container"));
    let limits = ["memory.max", "cpu.max", "cpu.weight", "pids.max"].map(|name| file(&cgroup, name));
    assert_eq!(limits, ["67108864", "50000 100000", "20", "50"]);
    let shown = systemctl(&format!(
        "show barge-{id}.scope -p Slice -p ActiveState -p CPUWeight -p Delegate -p TimeoutStopUSec"
    ));
    for line in ["Slice=machine.slice", "ActiveState=active", "CPUWeight=20", "Delegate=yes", "TimeoutStopUSec=7s"] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
    sandbox.run("exec web cat /proc/self/cgroup").ok().is("0::/\n");
    sandbox.run("pause web").ok().forget();
    assert_eq!(file(&cgroup, "cgroup.freeze"), "1");
    sandbox.run("unpause web").ok().forget();
    // Again and again: the scope of the run before may still be going.
    for _ in 0..3 {
        sandbox.run("restart -t 0 web").ok().forget();
        assert_eq!(cgroup_of(&sandbox, "web"), cgroup);
    }
    sandbox.run("rm -f -t 0 web").ok().forget();
    assert_eq!(systemctl(&format!("show barge-{id}.scope -p LoadState --value")), "not-found");
}

#[test]
fn systemd_can_stop_it() {
    needs![root];
    only_on![systemd];
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.start_sleeper("web");
    systemctl(&format!("stop barge-{id}.scope"));
    // Its own exit code: the monitor was there to see it.
    sandbox.run("wait web").ok().is("0\n");
    sandbox.run("ps -a --format '{{.Names}} {{.State}}'").ok().is("web exited\n");
    sandbox.run("start web").ok().forget();
    sandbox.run("rm -f -t 0 web").ok().forget();
}

#[test]
fn its_slice_can_be_named() {
    needs![root];
    only_on![systemd];
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name web --cgroup-parent barge-test.slice busybox sleep 1000").ok().forget();
    assert!(cgroup_of(&sandbox, "web").starts_with("/barge.slice/barge-test.slice/barge-"));
    sandbox
        .run("run --rm --cgroup-parent /somewhere busybox true")
        .code(125)
        .has("did not receive systemd slice as cgroup parent when using systemd to manage cgroups")
        .forget();
    // The control: by our own hand, in a directory.
    sandbox
        .run("--cgroup-manager cgroupfs run -d --name own --cgroup-parent /somewhere busybox sleep 1000")
        .ok()
        .forget();
    assert!(cgroup_of(&sandbox, "own").starts_with("/somewhere/"));
    sandbox.run("rm -f -t 0 web own").ok().forget();
    let _ = std::fs::remove_dir("/sys/fs/cgroup/somewhere");
}

#[test]
fn an_ordinary_users_limits_are_applied_in_a_session() {
    needs![root, rootless];
    only_on![systemd];
    let mut sandbox = Sandbox::rootless().load_busybox();
    let bus = format!("/run/user/{}/bus", sandbox.uid());
    if !std::path::Path::new(&bus).exists() {
        return println!("skipped: the test user has no session");
    }
    // Whoever runs the tests is in a cgroup that is not this user's, as a login is.
    sandbox.env("DBUS_SESSION_BUS_ADDRESS", &format!("unix:path={bus}"));
    let options = "-m 64m --cpus 0.5 --cpuset-cpus 0 --pids-limit 50";
    sandbox.run(&format!("run -d --name web {options} busybox sleep 1000")).ok().forget();
    let cgroup = cgroup_of(&sandbox, "web");
    let uid = sandbox.uid();
    let service = format!("/user.slice/user-{uid}.slice/user@{uid}.service/user.slice/barge-");
    assert!(cgroup.starts_with(&service), "{cgroup}");
    let limits = ["memory.max", "cpu.max", "cpuset.cpus", "pids.max"].map(|name| file(&cgroup, name));
    assert_eq!(limits, ["67108864", "50000 100000", "0", "50"]);
    sandbox.run("exec -d web sleep 1000").ok().forget();
    assert_eq!(file(&cgroup, "cgroup.procs").lines().count(), 2);
    sandbox.run("exec web cat /sys/fs/cgroup/memory.max").ok().is("67108864\n");
    sandbox.run("pause web").ok().forget();
    assert!(file(&cgroup, "cgroup.events").contains("frozen 1"));
    sandbox.run("unpause web").ok().forget();
    sandbox.run("restart -t 0 web").ok().forget();
    sandbox.run("rm -f -t 0 web").ok().forget();
    sandbox.run("run --name big -m 16m busybox dd if=/dev/zero of=/dev/null bs=100M count=1").code(137).forget();
    sandbox.run("inspect --format {{.State.OOMKilled}} big").ok().is("true\n");
    sandbox.run("run --rm --userns keep-id -m 32m busybox cat /sys/fs/cgroup/memory.max").ok().is("33554432\n");
}

#[test]
fn without_a_session_there_is_one_line() {
    needs![root, rootless];
    only_on![systemd];
    // Its XDG_RUNTIME_DIR has no bus.
    let sandbox = Sandbox::rootless().load_busybox();
    let run = sandbox.run("--cgroup-manager systemd run --rm busybox echo hello").code(0);
    assert_eq!(run.stdout, "hello\n");
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("loginctl enable-linger"), "{}", run.stderr);
    assert_eq!(sandbox.run("run --rm busybox true").ok().stderr, "");
    sandbox.run("run --rm -m 64m busybox true").code(125).has("memory limit").forget();
}

/// A unit for a moment.
struct Service(String);

impl Service {
    fn start(sandbox: &Sandbox, name: &str, kind: &str) -> Service {
        let service = Service(format!("barge-test-{}-{name}", std::process::id()));
        std::fs::write(
            format!("/run/systemd/system/{}.service", service.0),
            format!("[Service]\nEnvironment=HOME={}\n{kind}\n", sandbox.path("home").display()),
        )
        .expect("root may write units");
        systemctl("daemon-reload");
        systemctl(&format!("start {}", service.0));
        service
    }

    fn state(&self) -> String {
        systemctl(&format!("is-active {}", self.0))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        systemctl(&format!("stop {}", self.0));
        let _ = std::fs::remove_file(format!("/run/systemd/system/{}.service", self.0));
        systemctl("daemon-reload");
    }
}

#[test]
fn a_service_can_be_a_container() {
    needs![root];
    only_on![systemd];
    let sandbox = Sandbox::with_busybox();
    let program = format!(
        "{} --root {} --runroot {}",
        sandbox.program().display(),
        sandbox.root().display(),
        sandbox.run_root().display()
    );
    let script = "trap \"exit 0\" TERM; while :; do sleep 1000 & wait; done";
    let pid_file = sandbox.path("work/monitor.pid");
    for (name, kind) in [
        ("simple", format!("Type=simple\nExecStart={program} run --rm --name simple busybox sh -c '{script}'")),
        (
            "forking",
            format!(
                "Type=forking\nPIDFile={0}\nExecStart={program} run -d --rm --name forking --conmon-pidfile {0} busybox \
                 sh -c '{script}'\nExecStop={program} stop -t 5 forking",
                pid_file.display()
            ),
        ),
    ] {
        let service = Service::start(&sandbox, name, &kind);
        let running = || sandbox.run("ps --format {{.Names}}").ok().text().to_string();
        let up = |what: &str| {
            let mut tries = 0;
            while running() != name {
                tries += 1;
                assert!(
                    tries < 100,
                    "{name} does not run after {what}: {}",
                    systemctl(&format!("status {}", service.0))
                );
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            assert_eq!(service.state(), "active", "{name} after {what}");
        };
        up("start");
        systemctl(&format!("restart {}", service.0));
        up("restart");
        systemctl(&format!("stop {}", service.0));
        assert_eq!(service.state(), "inactive", "{name}");
        assert_eq!(sandbox.run("ps -a --format {{.Names}}").ok().text(), "", "{name}");
    }
}
