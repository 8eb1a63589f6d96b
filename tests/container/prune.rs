//! `container prune`

use crate::support::Sandbox;

#[test]
fn what_does_not_run_goes() {
    let sandbox = Sandbox::with_busybox();
    sandbox.start_sleeper("web");
    sandbox.run("create --name kept --label keep busybox").ok();
    sandbox.run("create --name gone busybox").ok();
    sandbox.run("run --name done busybox true").ok();
    sandbox.run("container prune -f --filter label!=keep").ok();
    let mut names = sandbox.run("ps -a --format {{.Names}}").ok().lines().join(" ");
    assert!(["web kept", "kept web"].contains(&names.as_str()), "{names}");
    sandbox.run("container prune -f --filter until=1h").ok();
    names = sandbox.run("ps -a --format {{.Names}}").ok().lines().join(" ");
    assert_eq!(names.split(' ').count(), 2, "{names}");
    sandbox.run("container prune -f").ok();
    sandbox.run("ps -a --format {{.Names}}").ok().is("web\n");
    sandbox.run("container prune -f --filter nonsense=1").fails().code(125);
    sandbox.run("rm -f -t 0 web").ok();
}
