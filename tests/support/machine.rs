//! Another machine on the sandbox's network: a namespace with one link into it.

use super::Sandbox;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

/// A machine with an address in 192.0.2.0/24 and 2001:db8::/64, of which the sandbox's host is number 1.
pub struct Machine {
    network: File,
}

impl Machine {
    /// Connects a machine of this number (2 …) to the sandbox's host. Needs `ip`.
    pub fn beside(sandbox: &Sandbox, number: u8) -> Machine {
        let network = std::thread::spawn(|| {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("root may make namespaces");
            File::open("/proc/thread-self/ns/net").expect("a namespace is a file")
        })
        .join()
        .expect("a namespace can be made");
        let machine = Machine { network };
        let path = format!("/proc/{}/fd/{}", std::process::id(), machine.network.as_raw_fd());
        let host = |line: &str| {
            let mut command = Command::new("sh");
            command.args(["-ec", line]);
            sandbox.move_into_network(&mut command);
            finish(&mut command);
        };
        // One switch for all of them.
        host(
            "ip link show lan >/dev/null 2>&1 || { ip link add lan type bridge; ip link set lan up; \
              ip addr add 192.0.2.1/24 dev lan; ip -6 addr add 2001:db8::1/64 dev lan nodad; }",
        );
        host(&format!(
            "ip link add lan{number} type veth peer name eth0; ip link set lan{number} master lan up; \
             ip link set eth0 netns {path}"
        ));
        machine.run(&format!(
            "ip link set lo up; ip link set eth0 up; ip addr add 192.0.2.{number}/24 dev eth0; \
             ip -6 addr add 2001:db8::{number}/64 dev eth0 nodad"
        ));
        machine
    }

    /// Lets a program run there.
    pub fn enter(&self, command: &mut Command) {
        let network = self.network.try_clone().expect("a descriptor can be copied");
        let join = move || Ok(nix::sched::setns(&network, nix::sched::CloneFlags::CLONE_NEWNET)?);
        // SAFETY: between fork and exec only one system call is made; nothing is allocated.
        unsafe { command.pre_exec(join) };
    }

    /// Runs a line of shell there, which must succeed; its output.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        let mut command = Command::new("sh");
        command.args(["-ec", line]);
        self.enter(&mut command);
        String::from_utf8_lossy(&finish(&mut command).stdout).into_owned()
    }

    /// Runs a line of shell there; whether it succeeded.
    pub fn tries(&self, line: &str) -> bool {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        self.enter(&mut command);
        command.output().expect("sh runs").status.success()
    }
}

#[track_caller]
fn finish(command: &mut Command) -> Output {
    let output = command.output().expect("sh runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
