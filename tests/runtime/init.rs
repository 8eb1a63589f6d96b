//! `--init`

use crate::container::everywhere;

#[test]
fn init_starts_buries_and_hands_on() {
    everywhere(|sandbox| {
        sandbox.run("run --rm --init busybox cat /proc/1/comm").ok().stdout_is("init\n").forget();
        sandbox.run("run --rm --init busybox sh -c 'exit 7'").code(7).forget();
        sandbox.run("run --rm --init busybox sh -c 'kill -TERM $$'").code(143).forget();
        sandbox.run("run --rm --init busybox nosuch").code(127).forget();
        // An orphan that ends is buried by process 1.
        let script = "(sleep 0.05 & ) ; sleep 0.3; ps -o stat,comm | grep -c ^Z";
        sandbox.run(&format!("run --rm --init busybox sh -c '{script}'")).stdout_is("0\n").forget();
        sandbox.run("run -d --init --name web busybox sleep 1000").ok().forget();
        // sleep as process 1 would ignore SIGTERM; as a child of init it ends.
        sandbox.run("stop -t 20 web").ok().forget();
        sandbox.run("inspect --format {{.State.ExitCode}} web").ok().stdout_is("143\n").forget();
        sandbox.run("rm web").ok().forget();
    });
}

#[test]
fn inits_program_can_not_be_written() {
    everywhere(|sandbox| {
        sandbox.run("run -d --init --name web --cap-add SYS_PTRACE busybox sleep 1000").ok().forget();
        sandbox.run("exec web sh -c 'echo x >> /proc/1/exe'").code(1).forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}
