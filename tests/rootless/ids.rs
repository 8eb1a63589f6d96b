//! User namespaces of a container's own, for an ordinary user: the image's files have the owners that the image says.

use crate::support::image::{Image, Layer};
use crate::support::{Sandbox, needs};
use std::path::PathBuf;

/// Files of several owners in two layers; the upper one hides a directory's content and a file of the lower one.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::rootless();
    let lower = Layer::new()
        .owned("mail", 0o640, 8, 12, "mail")
        .owned("su", 0o4755, 8, 12, "su")
        .owned("gone", 0o644, 8, 12, "")
        .owned("big", 0o600, 3000, 3000, "")
        .dir("data", 0o755)
        .file("data/old", 0o644, "old")
        .hardlink("mail2", "mail");
    let upper = Layer::new()
        .file(".wh.gone", 0o644, "")
        .dir("data", 0o755)
        .file("data/.wh..wh..opq", 0o644, "")
        .owned("data/new", 0o644, 1000, 1000, "new");
    let image = Image::new("localhost/owners").from_busybox().layer(lower).layer(upper);
    sandbox.load(&image.config("Volumes", serde_json::json!({"/data": {}})));
    sandbox
}

/// The copies of layers that the store has.
fn copies(sandbox: &Sandbox) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(sandbox.root().join("moved")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[test]
fn image_files_have_the_images_owners_whatever_the_map() {
    needs![rootless];
    let sandbox = sandbox();
    let script =
        "stat -c '%n %u %g %a %h' / /bin/busybox /mail /mail2 /su /data /data/* /etc/hosts /big; ls /gone; touch /x";
    let own = [
        "/ 0 0 755 1",
        "/bin/busybox 0 0 755 1",
        "/mail 8 12 640 2",
        "/mail2 8 12 640 2",
        "/su 8 12 4755 1",
        "/data 0 0 755 2",
        "/data/new 1000 1000 644 1",
        "/etc/hosts 0 0 644 1",
        "/big 3000 3000 600 1",
    ];
    let id = sandbox.uid();
    for (flags, writes, overflow) in [
        ("--userns=keep-id", false, false),
        ("--userns=keep-id:uid=7,gid=9", false, false),
        ("--userns=keep-id -u 0", true, false),
        ("--userns=nomap", true, false),
        ("--userns=auto:size=4000", true, false),
        ("--userns=auto", true, true),
        ("--uidmap 0:1:2000", true, true),
        // Over two ranges of the user's: the user's own id, and the first of /etc/subuid.
        ("--uidmap 0:0:2000", true, true),
        ("--uidmap 0:1:100 --uidmap 1000:0:1 --uidmap 3000:200:1", true, false),
    ] {
        let run = sandbox.args(
            &["run", "--rm", "--network=none"]
                .into_iter()
                .chain(flags.split(' '))
                .chain(["owners", "sh", "-c", script])
                .collect::<Vec<_>>(),
        );
        let mut lines = own.to_vec();
        if overflow {
            lines[8] = "/big 65534 65534 600 1";
        }
        // The root of an overlay counts no links.
        let seen: Vec<String> = run.lines().iter().map(|line| line.to_string()).collect();
        assert_eq!(seen, lines, "{flags} of user {id}:\n{run}");
        assert!(run.stderr.contains("ls: /gone: No such file"), "{run}");
        assert_eq!(!run.stderr.contains("touch: /x: Permission denied"), writes, "{flags}:\n{run}");
    }
}

#[test]
fn keep_id_is_the_caller_inside_and_outside() {
    needs![rootless];
    let sandbox = Sandbox::rootless().load_busybox();
    let (uid, gid) = (sandbox.uid(), sandbox.gid());
    let dir = sandbox.path("work").join("shared");
    std::fs::create_dir(&dir).expect("a directory");
    std::os::unix::fs::chown(&dir, Some(uid), Some(gid)).expect("root may chown");
    let mount = format!("{}:/shared", dir.display());
    let script = "id -u; id -un; id -gn; touch /shared/mine; tail -n 1 /etc/passwd";
    let run = sandbox.args(&[
        "run",
        "--rm",
        "--network=none",
        "--userns=keep-id",
        "-v",
        &mount,
        "busybox",
        "sh",
        "-c",
        script,
    ]);
    let line = format!("{uid}\nbarge-test\nbarge-test\nbarge-test:*:{uid}:{gid}::/:/bin/sh\n");
    run.ok().stdout_is(&line).forget();
    let made = std::fs::metadata(dir.join("mine")).expect("it was made");
    assert_eq!((std::os::unix::fs::MetadataExt::uid(&made), std::os::unix::fs::MetadataExt::gid(&made)), (uid, gid));
    // Root inside, but the caller is known.
    let line = "run --rm --network=none --userns=keep-id -u 0 busybox grep -c barge-test /etc/passwd /etc/group";
    sandbox.run(line).ok().stdout_is("/etc/passwd:1\n/etc/group:1\n").forget();
}

#[test]
fn copies_are_made_once_and_go_with_the_image_or_a_prune() {
    needs![rootless];
    let sandbox = sandbox();
    sandbox.run("run --rm --network=none --userns=keep-id owners true").ok().forget();
    let first = copies(&sandbox);
    assert_eq!(first.len(), 3, "one for each layer: {first:?}");
    sandbox.run("run --rm --network=none --userns=keep-id owners true").ok().forget();
    assert_eq!(copies(&sandbox), first);
    sandbox.run("create --network=none --userns=auto:size=5000 --name a owners true").ok().forget();
    sandbox.run("start -a a").ok().forget();
    assert!(copies(&sandbox).len() > 3);
    sandbox.run("system check").ok().stdout_is("").forget();
    // A prune leaves those of containers that are there.
    sandbox.run("image prune -f").ok().forget();
    assert_eq!(copies(&sandbox).len(), 3);
    sandbox.run("start -a a").ok().forget();
    sandbox.run("rm a").ok().forget();
    sandbox.run("rmi owners").ok().forget();
    assert_eq!(copies(&sandbox), Vec::<PathBuf>::new());
}

#[test]
fn a_copy_that_was_cut_short_is_not_taken_for_whole() {
    needs![rootless];
    let mut sandbox = sandbox();
    sandbox.env("BARGE_TRIP", "store.moved.synced");
    sandbox.run("run --rm --network=none --userns=keep-id owners true").code(137).forget();
    sandbox.unset("BARGE_TRIP");
    assert_eq!(copies(&sandbox), Vec::<PathBuf>::new());
    let line = "run --rm --network=none --userns=keep-id owners stat -c %u /mail";
    sandbox.run(line).ok().stdout_is("8\n").forget();
    sandbox.run("system check").code(0).forget();
    sandbox.run("system check").ok().stdout_is("").forget();
}

#[test]
fn no_two_containers_get_the_same_range() {
    needs![rootless];
    let sandbox = sandbox();
    let line = "create --network=none --userns=auto:size=300 owners true";
    let running: Vec<_> = (0..8).map(|_| sandbox.spawn(line)).collect();
    running.into_iter().for_each(|one| one.finish().ok().forget());
    let ids = sandbox.run("ps -aq").ok();
    let args: Vec<&str> =
        ["inspect", "-f", "{{index .HostConfig.IDMappings.UidMap 0}}"].into_iter().chain(ids.lines()).collect();
    let maps = sandbox.args(&args).ok();
    let unique: std::collections::BTreeSet<&str> = maps.lines().into_iter().collect();
    assert_eq!(unique.len(), 8, "{maps}");
}

#[test]
fn ids_that_the_user_has_not_are_named() {
    needs![rootless, rootless_single];
    let sandbox = Sandbox::rootless().load_busybox();
    sandbox
        .run("run --rm --uidmap 0:70000:5 busybox true")
        .is("Error: --uidmap 0:70000:5: the user has only the ids 0 to 65536\n")
        .code(125)
        .forget();
    let sandbox = Sandbox::rootless_single().load_busybox();
    sandbox
        .run("run --rm --uidmap 0:1:5 busybox true")
        .is("Error: --uidmap 0:1:5: the user has only id 0\n")
        .code(125)
        .forget();
    // With one id the files are the caller's, whoever that is inside.
    let line = "run --rm --network=none --userns=keep-id busybox stat -c %u /bin/busybox";
    sandbox.run(line).ok().stdout_is(&format!("{}\n", sandbox.uid())).forget();
}

#[test]
fn copies_without_an_overlay_have_the_owners_too() {
    needs![rootless];
    let sandbox = Sandbox::rootless();
    sandbox
        .args(&["--storage-driver=vfs", "load", "-q", "-i", &crate::support::image::busybox().to_string_lossy()])
        .code(0)
        .forget();
    let line = "--storage-driver=vfs run --rm --network=none --userns=keep-id busybox stat -c %u / /bin/busybox";
    sandbox.run(line).ok().stdout_is("0\n0\n").forget();
}
