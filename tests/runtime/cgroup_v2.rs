//! Cgroups of version 2: every limit as the container's own files show it. `make vmtest` brings a machine that has them.

use crate::support::{Sandbox, needs, only_on};

/// What `cat FILE…` shows in a container with these options.
fn read(sandbox: &Sandbox, options: &str, files: &str) -> String {
    let script = format!("cd /sys/fs/cgroup && cat {files}");
    sandbox.run(&format!("run --rm {options} busybox sh -c '{script}'")).ok().text().to_string()
}

#[test]
fn every_limit_is_in_its_file() {
    needs![root];
    only_on![cgroup_v2];
    let sandbox = Sandbox::with_busybox();
    for (options, files, shown) in [
        (
            "-m 64m --memory-swap 96m --memory-reservation 32m --pids-limit 77",
            "memory.max memory.swap.max memory.low pids.max",
            "67108864\n33554432\n33554432\n77",
        ),
        ("", "pids.max memory.max", "2048\nmax"),
        ("-m 64m", "memory.swap.max", "67108864"),
        ("-m 64m --memory-swap -1", "memory.swap.max", "max"),
        (
            "--cpus 0.5 --cpu-shares 512 --cpuset-cpus 1 --cpuset-mems 0",
            "cpu.max cpuset.cpus cpuset.mems",
            "50000 100000\n1\n0",
        ),
        ("--cpu-shares 1024", "cpu.weight", "39"),
        ("--cpu-quota 20000 --cpu-period 50000", "cpu.max", "20000 50000"),
        ("--cgroup-conf memory.high=50000000 --cgroup-conf pids.max=9", "memory.high pids.max", "49999872\n9"),
        ("--cgroup-conf hugetlb.2MB.max=4194304", "hugetlb.2MB.max", "4194304"),
    ] {
        assert_eq!(read(&sandbox, options, files), shown, "{options}");
    }
}

#[test]
fn disks_are_throttled_and_weighed() {
    needs![root];
    only_on![cgroup_v2];
    let Some((device, number)) = a_disk() else { return println!("skipped: this host has no disk") };
    let sandbox = Sandbox::with_busybox();
    let options = format!(
        "--device-read-bps {device}:1mb --device-write-bps {device}:2mb --device-read-iops {device}:100 \
         --device-write-iops {device}:200"
    );
    assert_eq!(read(&sandbox, &options, "io.max"), format!("{number} rbps=1048576 wbps=2097152 riops=100 wiops=200"));
    assert!(read(&sandbox, "--blkio-weight 300", "io.bfq.weight io.weight 2>/dev/null").contains("300"));
}

/// The first disk that is not a loop device: its node and `major:minor`.
fn a_disk() -> Option<(String, String)> {
    let names = std::fs::read_dir("/sys/block").ok()?.flatten().map(|entry| entry.file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| ["vd", "sd", "nvme"].iter().any(|kind| name.starts_with(kind)));
    names.sort();
    let number = std::fs::read_to_string(format!("/sys/block/{}/dev", names.first()?)).ok()?;
    Some((format!("/dev/{}", names[0]), number.trim().to_string()))
}

#[test]
fn what_version_2_lacks_is_refused_by_name() {
    needs![root];
    only_on![cgroup_v2];
    let sandbox = Sandbox::with_busybox();
    for (options, word) in [
        ("--memory-swappiness 10", "the memory swappiness"),
        ("--oom-kill-disable -m 64m", "OOM killer"),
        ("--cpu-rt-runtime 1000", "real-time"),
        ("--cgroup-conf memory.nonsense=1", "cgroup setting"),
        ("--cpuset-cpus 99", "requested CPUs are not available - requested 99, available: 0"),
    ] {
        sandbox.run(&format!("run --rm {options} busybox true")).code(125).has(word).forget();
    }
}

#[test]
fn a_container_that_takes_too_much_is_killed_and_said_to_be() {
    needs![root];
    only_on![cgroup_v2];
    let sandbox = Sandbox::with_busybox();
    let eat = "dd if=/dev/zero of=/dev/null bs=100M count=1";
    sandbox.run(&format!("run --name big -m 16m busybox {eat}")).code(137).forget();
    sandbox.run("inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' big").ok().is("true 137\n");
    // Somebody else in it died, not its first process: said all the same, with its own exit code.
    sandbox.run(&format!("run --name part -m 16m busybox sh -c '{eat}; exit 3'")).code(3).forget();
    sandbox.run("inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' part").ok().is("true 3\n");
    sandbox.run("run --name small busybox true").ok().forget();
    sandbox.run("inspect --format '{{.State.OOMKilled}}' small").ok().is("false\n");
}

#[test]
fn devices_are_limited_by_a_program() {
    needs![root];
    only_on![cgroup_v2];
    let sandbox = Sandbox::with_busybox();
    // Full is allowed to be opened; a loop device only when it was named, and only in the way that was named.
    let script = "mknod /x b 7 0; mknod /y c 1 7; head -c 1 /y | wc -c; head -c 0 /x && echo READ; true";
    let plain = sandbox.run(&format!("run --rm --cap-add MKNOD busybox sh -c '{script}'"));
    plain.code(0).has("1\n").lacks("READ").forget();
    let script = "mknod /x b 7 0; head -c 0 /x && echo READ; ( : >/x ) 2>/dev/null && echo WROTE; true";
    for (rule, shown) in [("b 7:0 r", "READ\n"), ("b 7:* rw", "READ\nWROTE\n"), ("b *:* w", "WROTE\n")] {
        let run = format!("run --rm --cap-add MKNOD --device-cgroup-rule '{rule}' busybox sh -c \"{script}\"");
        assert_eq!(sandbox.run(&run).code(0).stdout, shown, "{rule}");
    }
    sandbox.run(&format!("run --rm --privileged busybox sh -c '{script}'")).code(0).has("READ").forget();
    // What enters later is bound by it, too.
    sandbox.start_sleeper("web");
    sandbox.run("exec --privileged web sh -c 'mknod /x b 7 0; head -c 0 /x'").code(1).has("not permitted").forget();
}

#[test]
fn nothing_of_the_cgroups_can_be_written() {
    needs![root];
    only_on![cgroup_v2];
    let sandbox = Sandbox::with_busybox();
    let script = "cd /sys/fs/cgroup; mkdir x; echo 1 > cgroup.procs; echo max > pids.max; echo +pids > cgroup.subtree_control; \
                  [ -d x ] && echo MADE; true";
    for options in ["", "--cgroupns=host"] {
        let run = sandbox.run(&format!("run --rm {options} busybox sh -c '{script}'"));
        run.code(0).lacks("MADE").has("Read-only file system").forget();
    }
    sandbox.run(&format!("run --rm --privileged busybox sh -c '{script}'")).code(0).has("MADE").forget();
    sandbox.run("run --rm busybox cat /proc/self/cgroup").ok().is("0::/\n");
    sandbox.run("run --rm --cgroupns=host busybox cat /proc/self/cgroup").ok().has("barge").forget();
}

#[test]
fn freezing_is_seen_in_the_file() {
    needs![root];
    only_on![cgroup_v2];
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    let path = sandbox.run("inspect --format {{.State.CgroupPath}} web").ok().text().to_string();
    let frozen = || std::fs::read_to_string(format!("/sys/fs/cgroup{path}/cgroup.events")).unwrap_or_default();
    assert!(frozen().contains("frozen 0"), "{path}");
    sandbox.run("pause web").ok().forget();
    assert!(frozen().contains("frozen 1"), "{path}");
    sandbox.run("unpause web").ok().forget();
    assert!(frozen().contains("frozen 0"), "{path}");
    // Its exec'd processes are in it: so are they stopped, counted and killed.
    sandbox.run("exec -d web sleep 1000").ok().forget();
    let procs = std::fs::read_to_string(format!("/sys/fs/cgroup{path}/cgroup.procs")).unwrap_or_default();
    assert!(procs.lines().count() >= 3, "{procs}");
    sandbox.run("rm -f -t 0 web").ok().forget();
    assert!(!std::path::Path::new(&format!("/sys/fs/cgroup{path}")).exists());
}

#[test]
fn containers_in_containers_have_limits_too() {
    needs![root];
    only_on![cgroup_v2];
    let sandbox = Sandbox::with_busybox();
    let (program, store) = (sandbox.program().display().to_string(), sandbox.path("work").display().to_string());
    std::fs::create_dir_all(sandbox.path("work/tree/bin")).expect("the sandbox is writable");
    std::fs::copy("/bin/busybox", sandbox.path("work/tree/bin/busybox")).expect("busybox-static is installed");
    let inner = format!("/barge --root {store}/inner --runroot /run/inner");
    let options = format!("--privileged -v {program}:/barge:ro -v {store}:{store} -m 256m");
    sandbox.run(&format!("run -d --name outer {options} busybox sleep 1000")).ok().forget();
    let script = format!("{inner} run --rm -m 32m --pids-limit 20 --rootfs {store}/tree /bin/busybox cat");
    for (file, shown) in [("memory.max", "33554432\n"), ("pids.max", "20\n")] {
        sandbox.run(&format!("exec outer {script} /sys/fs/cgroup/{file}")).ok().is(shown);
    }
    // Its processes have made room for the inner ones' limits; more can come in all the same.
    sandbox.run("exec outer cat /proc/self/cgroup").ok().is("0::/init\n");
    sandbox.run("exec outer cat /sys/fs/cgroup/memory.max").ok().is("268435456\n");
    sandbox.run("rm -f -t 0 outer").ok().forget();
}
