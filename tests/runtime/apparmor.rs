//! AppArmor profiles. `make vmtest` brings a machine where it is on.

use crate::support::{Sandbox, needs, only_on};
use std::io::Write;
use std::process::{Command, Stdio};

const LABEL: &str = "cat /proc/self/attr/apparmor/current";

#[test]
fn containers_get_a_profile() {
    needs![root];
    only_on![apparmor];
    let sandbox = Sandbox::with_busybox();
    sandbox.run(&format!("run --rm busybox {LABEL}")).ok().is("barge-default (enforce)\n");
    sandbox.start_sleeper("web");
    sandbox.run(&format!("exec web {LABEL}")).ok().is("barge-default (enforce)\n");
    sandbox.run("inspect --format {{.AppArmorProfile}} web").ok().is("barge-default\n");
    sandbox.run("stop -t 5 web").ok().forget();
    for options in ["--privileged", "--security-opt apparmor=unconfined"] {
        sandbox.run(&format!("run --rm {options} busybox {LABEL}")).ok().is("unconfined\n");
    }
    sandbox
        .run(&format!("run --rm --security-opt no-new-privileges busybox {LABEL}"))
        .ok()
        .is("barge-default (enforce)\n");
}

#[test]
fn the_default_profile_forbids_mounts() {
    needs![root];
    only_on![apparmor];
    let sandbox = Sandbox::with_busybox();
    let run = |more: &str| {
        let options = "--cap-add SYS_ADMIN --security-opt seccomp=unconfined";
        sandbox.run(&format!(
            "run --rm {options} {more} busybox sh -c 'mkdir /m && mount -t tmpfs none /m && echo MOUNTED'"
        ))
    };
    run("").code(255).has("denied").forget();
    run("--security-opt apparmor=unconfined").ok().has("MOUNTED").forget();
}

#[test]
fn a_profile_of_ones_own_holds_for_run_and_exec() {
    needs![root, rootless];
    only_on![apparmor];
    let name = format!("barge-test-{}", std::process::id());
    let profile = format!(
        "profile {name} flags=(attach_disconnected,mediate_deleted) {{\n  network,\n  capability,\n  file,\n  signal,\n  \
         deny /etc/passwd r,\n}}\n"
    );
    let parser = |option: &str| {
        let mut child =
            Command::new("apparmor_parser").arg(option).stdin(Stdio::piped()).spawn().expect("it is installed");
        child.stdin.take().expect("piped").write_all(profile.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success());
    };
    parser("-Kr");
    for sandbox in [Sandbox::new(), Sandbox::rootless()] {
        let sandbox = sandbox.load_busybox();
        let option = format!("--security-opt apparmor={name}");
        sandbox.run(&format!("run --rm {option} busybox {LABEL}")).ok().is(&format!("{name} (enforce)\n"));
        sandbox.run(&format!("run --rm {option} busybox cat /etc/passwd")).code(1).has("denied").forget();
        sandbox.run(&format!("run -d --name web {option} busybox sleep 1000")).ok().forget();
        sandbox.run("exec web cat /etc/passwd").code(1).has("denied").forget();
        sandbox.run(&format!("exec web {LABEL}")).ok().is(&format!("{name} (enforce)\n"));
        sandbox.run("run --rm busybox cat /etc/passwd").ok().has("root").forget();
        sandbox
            .run("run --rm --security-opt apparmor=nobody-has-this busybox true")
            .code(125)
            .has("AppArmor profile \"nobody-has-this\" specified but not loaded")
            .forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    }
    parser("-R");
}
