//! exec, and terminals.

use super::Bundle;
use crate::support::needs;
use serde_json::json;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener;

#[test]
fn exec_is_the_containers_process_but_for_what_it_says() {
    needs![root, busybox];
    let bundle = Bundle::new(&["sleep", "1000"]);
    let id = bundle.id();
    bundle.run(&format!("run -d {id}")).ok().forget();
    bundle.run(&format!("exec {id} hostname")).ok().stdout_is("bundle\n").forget();
    bundle.run(&format!("exec {id} sh -c 'exit 3'")).code(3).forget();
    bundle.run(&format!("exec {id} nosuch")).code(255).has("nosuch").forget();
    bundle
        .run(&format!("exec -e A=b --cwd /tmp -u 5:6 -g 7 {id} sh -c 'echo $A $PWD; id'"))
        .ok()
        .stdout_is("b /tmp\nuid=5 gid=6 groups=6,7\n")
        .forget();
    bundle.run(&format!("exec {id} grep NoNewPrivs /proc/self/status")).ok().has("1").forget();
    bundle.run(&format!("exec -t {id} tty")).ok().has("/dev/pts/0").forget();
    let process = json!({"args": ["id", "-u"], "cwd": "/", "user": {"uid": 9, "gid": 9}, "env": ["PATH=/bin"]});
    let file = bundle.sandbox.file("work/process.json", process.to_string());
    bundle.run(&format!("exec -p {} {id}", file.display())).ok().stdout_is("9\n").forget();
    let pid_file = bundle.sandbox.path("work/pid");
    bundle.run(&format!("exec -d --pid-file {} {id} sleep 1000", pid_file.display())).ok().forget();
    let pid = std::fs::read_to_string(&pid_file).unwrap();
    bundle.run(&format!("ps -f json {id}")).ok().has(&pid).forget();
    bundle.run(&format!("delete -f {id}")).ok().forget();
    bundle.run(&format!("exec {id} true")).code(255).has("does not exist").forget();
}

/// Takes one descriptor, as containerd's shim and conmon do.
fn take(listener: &UnixListener) -> std::fs::File {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    use std::os::fd::AsRawFd;
    let (socket, _) = listener.accept().unwrap();
    let mut bytes = [0; 64];
    let mut space = nix::cmsg_space!([i32; 1]);
    let mut slices = [std::io::IoSliceMut::new(&mut bytes)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC).unwrap();
    for control in message.cmsgs().unwrap() {
        if let ControlMessageOwned::ScmRights(fds) = control {
            // SAFETY: the kernel has just made this descriptor for us.
            return unsafe { OwnedFd::from_raw_fd(fds[0]) }.into();
        }
    }
    panic!("no descriptor came");
}

#[test]
fn a_terminal_is_sent_to_who_listens() {
    needs![root, busybox];
    let bundle = Bundle::new(&["sh", "-c", "tty; stat -c %a /dev/console"])
        .with(|config| config["process"]["terminal"] = json!(true));
    let id = bundle.id();
    bundle.run(&format!("create {id}")).code(1).has("console socket").forget();
    bundle.run("list -q").ok().stdout_is("").forget();
    let path = bundle.sandbox.path("work/console");
    let listener = UnixListener::bind(&path).unwrap();
    bundle.run(&format!("create --console-socket {} {id}", path.display())).ok().forget();
    let mut terminal = take(&listener);
    bundle.run(&format!("start {id}")).ok().forget();
    let mut text = Vec::new();
    let mut buffer = [0; 256];
    // The end of a terminal's other side is an error.
    while let Ok(count) = terminal.read(&mut buffer) {
        text.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(String::from_utf8_lossy(&text), "/dev/pts/0\r\n620\r\n");
    bundle.wait_for(&id, "stopped");
    bundle.run(&format!("delete {id}")).ok().forget();
}
