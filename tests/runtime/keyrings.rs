//! Session keyrings, and the quota of keys.

use crate::support::{Sandbox, needs};

/// A user has 200 keys by default; each container takes one.
#[test]
fn three_hundred_containers_of_an_ordinary_user_run_at_once() {
    needs![rootless];
    let sandbox = Sandbox::rootless().load_busybox();
    let mut without = 0;
    for number in 0..300 {
        let run = sandbox.run(&format!("run -d --network=none --name c{number} busybox sleep 10000")).code(0);
        without += usize::from(run.stderr.contains("quota of keys"));
    }
    assert_eq!(sandbox.run("ps -q").ok().lines().len(), 300);
    let most: usize = std::fs::read_to_string("/proc/sys/kernel/keys/maxkeys").unwrap().trim().parse().unwrap();
    if most < 300 {
        assert!(without >= 300 - most, "{without} of 300 had none, with {most} keys to have");
    }
    assert!(without < 300, "some have their own");
    // One more process in one that has none works, too.
    sandbox.run("exec c299 true").code(0).forget();
    sandbox.run("rm -a -f -t 0").code(0).forget();
}
