//! Limits: applied, or refused by name.

use crate::support::{Sandbox, needs, only_on};

#[test]
fn limits_are_seen_by_the_kernel() {
    needs![root];
    only_on![cgroup_v1];
    let sandbox = Sandbox::with_busybox();
    let read = |options: &str, file: &str| {
        let run = sandbox.run(&format!("run --rm {options} busybox cat /sys/fs/cgroup/{file}"));
        run.ok().text().to_string()
    };
    assert_eq!(read("-m 64m", "memory/memory.limit_in_bytes"), "67108864");
    assert_eq!(read("-m 64m --memory-reservation 32m", "memory/memory.soft_limit_in_bytes"), "33554432");
    assert_eq!(read("--pids-limit 77", "pids/pids.max"), "77");
    assert_eq!(read("", "pids/pids.max"), "2048");
    assert_eq!(read("--cpus 0.5", "cpu/cpu.cfs_quota_us"), "50000");
    assert_eq!(read("--cpu-shares 512", "cpu/cpu.shares"), "512");
    assert_eq!(read("--cpuset-cpus 0", "cpuset/cpuset.cpus"), "0");
    assert_eq!(read("--memory-swappiness 10", "memory/memory.swappiness"), "10");
    assert_eq!(read("--oom-score-adj 500", "../../../proc/self/oom_score_adj"), "500");
}

#[test]
fn too_many_processes_and_too_much_memory_are_stopped() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox
        .run("run --rm --pids-limit 5 busybox sh -c 'for i in 1 2 3 4 5 6; do sleep 1 & done; wait'")
        .has("fork")
        .forget();
    sandbox
        .run("run --name big -m 16m busybox sh -c 'dd if=/dev/zero of=/dev/null bs=200M count=1'")
        .code(137)
        .forget();
    sandbox.run("inspect --format {{.State.OOMKilled}} big").ok().stdout_is("true\n").forget();
    sandbox.run("rm big").ok().forget();
}

#[test]
fn devices_are_limited_to_the_named_ones() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    let make = "mknod /x b 7 0 && head -c 1 /x";
    sandbox.run(&format!("run --rm --cap-add MKNOD busybox sh -c '{make}'")).code(1).has("not permitted").forget();
    sandbox.run("run --rm --device /dev/loop0 busybox sh -c 'ls -l /dev/loop0'").code(0).has("7,   0").forget();
    sandbox.run("run --rm busybox sh -c 'ls /dev/loop0'").code(1).forget();
}

#[test]
fn the_cgroup_file_systems_are_read_only() {
    needs![root];
    only_on![cgroup_v1];
    let sandbox = Sandbox::with_busybox();
    for options in ["", "--cgroupns=host", "-m 32m"] {
        let script = "touch /sys/fs/cgroup/x; mkdir /sys/fs/cgroup/*/x; \
                      for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs; do \
                      [ -e $f ] && echo 1 > $f && echo WROTE; done; true";
        sandbox.run(&format!("run --rm {options} busybox sh -c '{script}'")).code(0).lacks("WROTE").forget();
    }
    // The control: what may write, does.
    sandbox
        .run("run --rm --privileged busybox sh -c 'mkdir /sys/fs/cgroup/pids/x && rmdir /sys/fs/cgroup/pids/x && echo WROTE'")
        .has("WROTE")
        .forget();
}

#[test]
fn an_ordinary_user_without_cgroups_hears_why_a_limit_is_impossible() {
    needs![root, rootless];
    only_on![cgroup_v1];
    let sandbox = Sandbox::rootless().load_busybox();
    sandbox.run("run --rm busybox true").ok().forget();
    for (options, word) in [("-m 64m", "memory limit"), ("--cpus 1", "CPU limit"), ("--pids-limit 100", "pids limit")] {
        sandbox.run(&format!("run --rm {options} busybox true")).code(125).has(word).forget();
    }
}

#[test]
fn cpus_that_are_not_there_are_refused_in_podmans_words() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    sandbox
        .run("run --rm --cpuset-cpus 9999 busybox true")
        .code(125)
        .has("requested CPUs are not available - requested 9999, available: 0")
        .lacks("result not representable");
    sandbox.run("run --rm --cpuset-cpus x busybox true").code(125).has("invalid value x for cpuset cpus");
    sandbox.run("run --rm --cpus -1 busybox true").code(125).has("must not be negative");
}
