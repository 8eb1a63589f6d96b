//! Mounts, devices, links.

use crate::container::everywhere;

#[test]
fn dev_has_what_programs_expect() {
    everywhere(|sandbox| {
        let script = "for f in null zero full random urandom tty; do [ -c /dev/$f ] || echo no $f; done; \
                      readlink /dev/fd; readlink /dev/stdin; readlink /dev/ptmx; echo x > /dev/null; head -c 3 /dev/zero | wc -c; \
                      stat -f -c %T /dev/shm /dev/mqueue";
        sandbox
            .run(&format!("run --rm busybox sh -c '{script}'"))
            .ok()
            .has("/proc/self/fd\n/proc/self/fd/0\npts/ptmx\n3\ntmpfs")
            .lacks("no ")
            .forget();
    });
}

#[test]
fn bind_mounts_reach_the_place() {
    everywhere(|sandbox| {
        let dir = sandbox.file("work/dir/file", "from the host\n");
        let dir = dir.parent().unwrap().display().to_string();
        sandbox
            .run(&format!("run --rm -v {dir}:/a/b/c busybox cat /a/b/c/file"))
            .ok()
            .stdout_is("from the host\n")
            .forget();
        sandbox
            .run(&format!("run --rm -v {dir}/file:/x/f busybox cat /x/f"))
            .ok()
            .stdout_is("from the host\n")
            .forget();
        sandbox.run(&format!("run --rm -v {dir}:/d:ro busybox touch /d/new")).code(1).has("Read-only").forget();
        sandbox.run(&format!("run --rm -v {dir}:/d busybox touch /d/new")).ok().forget();
        for options in ["rslave", "rshared", "rprivate", "private", "nosuid,nodev,noexec", "ro,rslave"] {
            sandbox.run(&format!("run --rm -v {dir}:/d:{options} busybox cat /d/file")).ok().forget();
        }
        sandbox.run(&format!("run --rm -v {dir}:/d:noexec busybox grep /d /proc/mounts")).ok().has("noexec").forget();
    });
}

#[test]
fn nothing_is_mounted_inside_of_proc() {
    everywhere(|sandbox| {
        let dir = sandbox.path("work").display().to_string();
        for place in ["/proc/sys", "/proc/self", "/proc/../proc/1/x"] {
            sandbox.run(&format!("run --rm -v {dir}:{place} busybox true")).code(125).forget();
        }
        sandbox.run(&format!("run --rm -v {dir}:/proc busybox true")).code(125).forget();
    });
}

#[test]
fn tmpfs_begins_empty_or_as_its_place() {
    everywhere(|sandbox| {
        sandbox.run("run --rm --tmpfs /t:size=1m,mode=700 busybox stat -c %a /t").ok().stdout_is("700\n").forget();
        sandbox.run("run --rm --tmpfs /t:size=1m busybox grep ' /t ' /proc/mounts").ok().has("size=1024k").forget();
        sandbox.run("run --rm --tmpfs /etc:notmpcopyup busybox ls /etc").ok().lacks("passwd").forget();
        sandbox.run_as("podman", "run --rm --tmpfs /etc busybox ls /etc").ok().has("passwd").forget();
    });
}

#[test]
fn shared_memory_has_its_size() {
    everywhere(|sandbox| {
        sandbox.run("run --rm busybox grep /dev/shm /proc/mounts").ok().has("size=65536k").forget();
        sandbox.run("run --rm --shm-size 1m busybox grep /dev/shm /proc/mounts").ok().has("size=1024k").forget();
    });
}

#[test]
fn a_read_only_root_is_read_only() {
    everywhere(|sandbox| {
        sandbox.run("run --rm --read-only busybox touch /x").code(1).has("Read-only").forget();
        sandbox.run("run --rm --read-only busybox touch /dev/shm/x /tmp/x").ok().forget();
        sandbox.run("run --rm --read-only --read-only-tmpfs=false busybox touch /tmp/x").code(1).forget();
    });
}

#[test]
fn a_terminal_is_the_containers_own() {
    everywhere(|sandbox| {
        sandbox.run("run --rm -t busybox tty").code(0).has("/dev/pts/0").forget();
        sandbox.run("run --rm -t busybox sh -c 'stat -c %t /dev/console'").code(0).has("88").forget();
        sandbox.run("run --rm busybox tty").code(1).has("not a tty").forget();
        sandbox.start_sleeper("web");
        sandbox.run("exec -t web tty").code(0).has("/dev/pts/0").forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

#[test]
fn sysctls_of_its_namespaces_can_be_set_and_others_not() {
    everywhere(|sandbox| {
        sandbox
            .run("run --rm --sysctl net.ipv4.ip_default_ttl=33 busybox cat /proc/sys/net/ipv4/ip_default_ttl")
            .ok()
            .stdout_is("33\n")
            .forget();
        for wrong in ["kernel.core_pattern=x", "vm.swappiness=1", "net.ipv4/../../kernel/core_pattern=x"] {
            sandbox.run(&format!("run --rm --sysctl {wrong} busybox true")).code(125).has("sysctl").forget();
        }
        sandbox.args(&["run", "--rm", "--sysctl", "kernel.shm_rmid_forced=1\n2", "busybox", "true"]).code(125).forget();
        sandbox.run("run --rm --sysctl kernel.shm_rmid_forced=1+kernel.core_pattern=x busybox true").code(125).forget();
        sandbox.run("run --rm --network host --sysctl net.ipv4.ip_default_ttl=33 busybox true").code(125).forget();
    });
}
