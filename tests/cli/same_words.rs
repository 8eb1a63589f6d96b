//! Where podman is installed, it is asked: the same line gives the same words and the same exit code.

use crate::support::{Sandbox, needs};

#[test]
fn refusals_are_podmans_to_the_letter() {
    needs![root, podman, runc];
    let sandbox = Sandbox::new();
    sandbox.file("work/fs/marker", "");
    sandbox.run_as("podman", "create --name one --rootfs fs true").ok();
    let podman = |line: &str| {
        let mut command = sandbox.other("podman");
        for name in ["CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF"] {
            command.env_remove(name);
        }
        command.args(["--root", &sandbox.path("podman-root").display().to_string()]);
        command.args(["--runroot", &sandbox.path("podman-run").display().to_string()]);
        command.args(["--tmpdir", &sandbox.path("podman-tmp").display().to_string()]);
        command.args(["--runtime", "runc", "--cgroup-manager", "cgroupfs"]);
        command.args(line.split_whitespace());
        sandbox.finish(command, b"")
    };
    podman("create --name one --rootfs fs true").code(0);
    let mut different = Vec::new();
    for line in LINES {
        let theirs = podman(line);
        let ours = sandbox.run_as("podman", line);
        let same = (&ours.stdout, &ours.stderr, ours.status) == (&theirs.stdout, &theirs.stderr, theirs.status);
        if !same {
            different.push(format!("podman says:\n{theirs}\nwe say:\n{ours}\n"));
        }
    }
    podman("rm --all --force").code(0);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

const LINES: &[&str] = &[
    "ps --frob",
    "ps -Q",
    "ps x",
    "ps --last",
    "ps -n",
    "ps -n x",
    "ps --all=x",
    "ps -n 1 -l",
    "ps --filter frob=x",
    "ps --filter name",
    "ps -a --format {{.Names}}",
    "ps -a --noheading --format {{.Names}}",
    "container exists nosuch",
    "container exists",
    "container frob",
    "inspect",
    "inspect nosuch",
    "inspect one nosuch --format {{.Name}}",
    "inspect --type frob one",
    "inspect --type image one",
    "inspect --type container nosuch",
    "inspect -s --type image one",
    "inspect -l one",
    "container inspect nosuch",
    "image inspect nosuch",
    "image exists nosuch",
    "images x y",
    "info x",
    "kill nosuch",
    "kill -s FROB one",
    "pause",
    "pause one",
    "port",
    "port nosuch",
    "rename one",
    "rename nosuch x",
    "restart nosuch",
    "rm",
    "rm -a x",
    "rm -a -l",
    "rm -f nosuch",
    "rm -i nosuch",
    "rm nosuch",
    "run",
    "run --frob",
    "run --name",
    "start",
    "start nosuch",
    "stop",
    "stop -a -l",
    "stop nosuch",
    "stop one",
    "tag",
    "top",
    "wait",
    "wait nosuch",
    "create -v a --rootfs fs x",
    "create -v /a:/b:frob --rootfs fs x",
    "create -v /a:/b:ro,rw --rootfs fs x",
    "create -v :/b --rootfs fs x",
    "create -v /a:/b:ro:x --rootfs fs x",
    "create -v /tmp:/b -v /usr:/b --rootfs fs x",
    "create --mount type=frob,dst=/x --rootfs fs x",
    "create --mount type=bind,src=/nosuch,dst=/x --rootfs fs x",
    "create --ulimit frob=1 --rootfs fs x",
    "create --ulimit nofile=5:3 --rootfs fs x",
    "create --cap-add frob --rootfs fs x",
    "create --device /dev/nosuch --rootfs fs x",
    "create --device /dev/null:/x:q --rootfs fs x",
    "create --security-opt frob --rootfs fs x",
    "create --security-opt seccomp=/nosuch --rootfs fs x",
    "create --pid frob --rootfs fs x",
    "create --memory frob --rootfs fs x",
    "create --memory-swap 1m --rootfs fs x",
    "create --shm-size frob --rootfs fs x",
    "create --restart frob --rootfs fs x",
    "create --pull frob --rootfs fs x",
    "create --log-driver frob --rootfs fs x",
    "create --label =x --rootfs fs x",
    "create --env =x --rootfs fs x",
    "create --env-file /nosuch --rootfs fs x",
    "create --sysctl kernel.frob=1 --rootfs fs x",
    "create --umask 99 --rootfs fs x",
    "create --name -x --rootfs fs x",
    "create --device-cgroup-rule x --rootfs fs x",
    "create --cpu-period 1 --cpus 2 --rootfs fs x",
];
