//! Capabilities, seccomp, masks, no-new-privileges.

use crate::container::everywhere;
use crate::support::{Sandbox, needs};

fn status(sandbox: &Sandbox, options: &str, field: &str) -> String {
    let run = sandbox.run(&format!("run --rm {options} busybox sh -c 'grep ^{field}: /proc/self/status'"));
    let text = run.ok().text().to_string();
    text.split_whitespace().nth(1).unwrap_or_default().to_string()
}

#[test]
fn capabilities_are_few_and_never_inherited() {
    everywhere(|sandbox| {
        for options in ["", "--privileged", "--cap-add NET_ADMIN", "--user 1000", "--user 1000 --cap-add SYS_ADMIN"] {
            for field in ["CapInh", "CapAmb"] {
                assert_eq!(status(sandbox, options, field), "0000000000000000", "{field} with {options:?}");
            }
        }
        assert_eq!(status(sandbox, "", "CapEff"), "00000000800405fb");
        assert_eq!(status(sandbox, "", "CapBnd"), "00000000800405fb");
        for field in ["CapEff", "CapPrm"] {
            assert_eq!(status(sandbox, "--user 1000", field), "0000000000000000");
            assert_eq!(status(sandbox, "--user 1000 --privileged", field), "0000000000000000");
        }
        assert_eq!(status(sandbox, "--cap-drop ALL", "CapBnd"), "0000000000000000");
        // The control: the test can see one that is there.
        assert_eq!(status(sandbox, "--cap-drop ALL --cap-add SYS_TIME", "CapBnd"), "0000000002000000");
    });
}

#[test]
fn capabilities_of_an_exec_are_the_containers() {
    everywhere(|sandbox| {
        sandbox.start_sleeper("web");
        let read = |options: &str, field: &str| {
            let run = sandbox.run(&format!("exec {options} web sh -c 'grep ^{field}: /proc/self/status'"));
            run.ok().text().split_whitespace().nth(1).unwrap_or_default().to_string()
        };
        assert_eq!(read("", "CapEff"), "00000000800405fb");
        assert_eq!(read("", "CapInh"), "0000000000000000");
        assert_eq!(read("", "CapAmb"), "0000000000000000");
        assert_eq!(read("--user 1000", "CapEff"), "0000000000000000");
        assert_eq!(read("--user 1000", "CapPrm"), "0000000000000000");
        assert_eq!(read("", "Seccomp"), "2");
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

#[test]
fn system_calls_are_filtered_unless_asked_otherwise() {
    everywhere(|sandbox| {
        assert_eq!(status(sandbox, "", "Seccomp"), "2");
        assert_eq!(status(sandbox, "--security-opt seccomp=unconfined", "Seccomp"), "0");
        sandbox.run("run --rm busybox unshare -U true").code(1).has("not permitted").forget();
        sandbox.run("run --rm busybox mount -t tmpfs x /mnt").code(1).forget();
        let profile = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}"#;
        let path = sandbox.file("work/profile.json", profile);
        sandbox
            .run(&format!("run --rm --security-opt seccomp={} busybox mkdir /x", path.display()))
            .code(1)
            .has("No space left")
            .forget();
        let broken = sandbox.file("work/broken.json", r#"{"defaultAction": "SCMP_ACT_NONSENSE"}"#);
        sandbox
            .run(&format!("run --rm --security-opt seccomp={} busybox true", broken.display()))
            .code(125)
            .has("SCMP_ACT_NONSENSE")
            .forget();
    });
}

#[test]
fn no_new_privileges_holds_for_exec_too() {
    everywhere(|sandbox| {
        assert_eq!(status(sandbox, "", "NoNewPrivs"), "0");
        assert_eq!(status(sandbox, "--security-opt no-new-privileges", "NoNewPrivs"), "1");
        assert_eq!(status(sandbox, "--security-opt no-new-privileges --user 1000", "Seccomp"), "2");
        sandbox.run("run -d --name web --security-opt no-new-privileges busybox sleep 1000").ok().forget();
        sandbox.run("exec web grep NoNewPrivs /proc/self/status").ok().has("1").forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

#[test]
fn no_new_privileges_can_be_the_default() {
    needs![root];
    let mut sandbox = Sandbox::with_busybox();
    let file = sandbox.file("work/containers.conf", "[containers]\nno_new_privileges = true\n");
    sandbox.env("CONTAINERS_CONF", &file.to_string_lossy());
    assert_eq!(status(&sandbox, "", "NoNewPrivs"), "1");
    assert_eq!(status(&sandbox, "--security-opt no-new-privileges=false", "NoNewPrivs"), "0");
}

#[test]
fn masked_and_read_only_paths_hold() {
    everywhere(|sandbox| {
        let script = "wc -c < /proc/keys; wc -c < /proc/timer_list; ls /sys/firmware | wc -l; \
                      wc -c < /proc/interrupts";
        sandbox.run(&format!("run --rm busybox sh -c '{script}'")).ok().stdout_is("0\n0\n0\n0\n").forget();
        for path in
            ["/proc/sys/kernel/domainname", "/proc/sys/vm/swappiness", "/sys/kernel/mm/transparent_hugepage/enabled"]
        {
            sandbox.run(&format!("run --rm busybox sh -c 'echo x > {path}'")).code(1).has("Read-only").forget();
        }
        for path in ["/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs"] {
            sandbox.run(&format!("run --rm busybox touch {path}/x")).code(1).forget();
        }
    });
}

#[test]
fn each_container_has_its_own_keyring() {
    everywhere(|sandbox| {
        // /proc/keys is masked, so the keyrings are looked at from a container that may see it.
        let keys = |name: &str| {
            let run = sandbox.run(&format!(
                "run --rm --name {name} --security-opt unmask=/proc/keys busybox sh -c 'grep _ses /proc/keys; true'"
            ));
            run.ok().text().to_string()
        };
        let (first, second) = (keys("one"), keys("two"));
        assert!(first.contains("_ses."), "{first}");
        assert_ne!(first, second);
    });
}
