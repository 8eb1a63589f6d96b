//! Layers and the ids that there were when they were unpacked.

use crate::support::image::{Image, Layer};
use crate::support::{Finished, Sandbox, needs};
use std::os::unix::fs::PermissionsExt;

#[test]
fn layers_are_unpacked_anew_when_ranges_of_ids_appear() {
    needs![rootless];
    let mut sandbox = Sandbox::rootless();
    let layer = Layer::new().owned("mail", 0o640, 8, 12, "content");
    let image = Image::new("localhost/owners").from_busybox().layer(layer);
    let archive = sandbox.path("work").join("owners.tar");
    image.save(&archive);
    // Without ranges there is one id, and everything is root's.
    let owners = "run --rm --network=none owners stat -c '%u %g' /mail";
    without_ranges(&sandbox, "load -q -i owners.tar").code(0).forget();
    without_ranges(&sandbox, owners).code(0).stdout_is("0 0\n").forget();
    // The exact tar keeps what the disk can't.
    without_ranges(&sandbox, "save -q -o saved.tar owners").code(0).forget();
    // With ranges; in another runtime directory, so that it is another namespace.
    let runtime = sandbox.file("xdg2/empty", "");
    let runtime = runtime.parent().expect("it has one");
    std::os::unix::fs::chown(runtime, Some(sandbox.uid()), None).expect("root may chown");
    std::fs::set_permissions(runtime, std::fs::Permissions::from_mode(0o700)).expect("our own directory");
    sandbox.env("XDG_RUNTIME_DIR", &runtime.to_string_lossy());
    sandbox.run("run --rm --network=none --pull=never owners true").fails().forget();
    sandbox.run("load -q -i saved.tar").code(0).forget();
    sandbox.run(owners).code(0).stdout_is("8 12\n").forget();
    sandbox.run("system check").code(0).forget();
}

/// Runs a command where nobody has subordinate ids.
fn without_ranges(sandbox: &Sandbox, line: &str) -> Finished {
    let script = "mount --bind /dev/null /etc/subuid && mount --bind /dev/null /etc/subgid && exec \"$@\"";
    let (uid, gid) = (sandbox.uid().to_string(), sandbox.gid().to_string());
    let wanted = sandbox.command(&crate::support::words(line).iter().map(String::as_str).collect::<Vec<_>>());
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh", "setpriv", "--reuid", &uid, "--regid", &gid, "--clear-groups"]);
    command.arg(wanted.get_program()).args(wanted.get_args()).env_clear();
    command.envs(wanted.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(sandbox.path("work")).stdin(std::process::Stdio::null());
    sandbox.finish(command, b"")
}
