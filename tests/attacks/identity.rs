//! Who a process in a container is, whatever its image and its caller write.

use super::probe;
use crate::container::everywhere;
use crate::support::{Sandbox, needs};

/// User specs, and the uid they mean; `None`: refused.
const USERS: &[(&str, Option<u32>)] = &[
    ("", Some(0)),
    ("0", Some(0)),
    ("root", Some(0)),
    ("0:0", Some(0)),
    ("root:root", Some(0)),
    ("root:0", Some(0)),
    ("0:extra", Some(0)),
    ("1", Some(1)),
    ("1:", Some(1)),
    ("1:1", Some(1)),
    ("1:extra", Some(1)),
    ("00", Some(0)),
    ("01", Some(1)),
    ("0001000", Some(1000)),
    ("ann", Some(1000)),
    ("ann:", Some(1000)),
    ("ann:ann", Some(1000)),
    ("ann:extra", Some(1000)),
    ("ann:2000", Some(1000)),
    ("ann:0", Some(1000)),
    ("1000", Some(1000)),
    ("1000:1000", Some(1000)),
    ("1001", Some(1001)),
    ("nobody", Some(65534)),
    ("65534", Some(65534)),
    (":1", None),
    (":", None),
    ("::", None),
    ("1:1:1", None),
    ("ann:ann:ann", None),
    ("-1", None),
    ("-0", None),
    ("+0", None),
    ("+1", None),
    ("1:-1", None),
    ("1:+1", None),
    ("4294967295", None),
    ("1:4294967295", None),
    ("4294967296", None),
    ("1:4294967296", None),
    ("4294968296", None),
    ("18446744073709551616", None),
    ("99999999999999999999999999", None),
    ("0x0", None),
    ("0x3e8", None),
    ("0o0", None),
    ("1e3", None),
    ("0.0", None),
    ("1_000", None),
    ("١", None),
    ("０", None),
    ("1 ", None),
    (" 1", None),
    ("1\t", None),
    ("root ", None),
    (" root", None),
    ("root\n", None),
    ("0\n", None),
    ("ROOT", None),
    ("no-such-user", None),
    ("ann:no-such-group", None),
    ("*", None),
    ("root:x:0", None),
    ("../root", None),
    ("$(id -u)", None),
];

/// R13: a name or number is exactly that one; nobody becomes root who was not called so.
#[test]
fn every_user_spec_means_one_user_or_is_refused() {
    assert!(USERS.len() >= 60);
    everywhere(|sandbox| {
        sandbox.start_sleeper("web");
        for (user, uid) in USERS {
            for command in [&["run", "--rm", "--network=none"][..], &["exec"]] {
                let name = if command[0] == "exec" { "web" } else { "busybox" };
                let words = [command, &["--user", user, name, "sh", "-c", "id -u"]].concat();
                let run = sandbox.args(&words);
                match uid {
                    Some(uid) => assert_eq!((run.status, run.text()), (0, &*uid.to_string()), "{user:?}: {run}"),
                    None => assert!(run.status != 0 && run.stdout.is_empty(), "{user:?} was taken: {run}"),
                }
            }
        }
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

/// R13 (CVE-2024-40635): ids from 2^31 on are what they are, where the map has them, else refused; never 0.
#[test]
fn large_ids_do_not_wrap() {
    everywhere(|sandbox| {
        for user in ["2147483647", "2147483648", "4294967294", "2147483648:2147483648"] {
            let run = sandbox.args(&["run", "--rm", "--network=none", "--user", user, "busybox", "id", "-u"]);
            let uid = user.split(':').next().unwrap_or_default();
            let is_it = run.status == 0 && run.text() == uid;
            assert!(is_it || run.status != 0 && run.stdout.is_empty(), "{user}: {run}");
        }
    });
}

/// R13: the same from an image's config.
#[test]
fn an_images_user_is_read_as_strictly() {
    everywhere(|sandbox| {
        for (number, user) in ["-1", "4294967296", "0x0", "root\n", "١", ":0"].iter().enumerate() {
            let name = format!("user{number}:latest");
            let image = crate::support::image::Image::new(&name).from_busybox().config("User", (*user).into());
            sandbox.load(&image);
            let run = sandbox.run(&format!("run --rm --network=none {name} id -u"));
            assert!(run.status != 0 && run.stdout.is_empty(), "{user:?} was taken: {run}");
        }
    });
}

/// R23: with no-new-privileges a set-user-id program gives nothing; without, it does: the control.
#[test]
fn set_user_id_programs_give_nothing_where_told_so() {
    needs![gcc];
    probe::everywhere(|sandbox| {
        sandbox.run("run --rm --user 1000 probe /suid who").ok().stdout_is("1000 0 0\n").forget();
        let options = "--security-opt no-new-privileges --user 1000";
        sandbox.run(&format!("run --rm {options} probe /suid who")).ok().stdout_is("1000 1000 1\n").forget();
        sandbox.run(&format!("run -d --name web {options} probe sleep 1000")).ok().forget();
        sandbox.run("exec web /suid who").ok().stdout_is("1000 1000 1\n").forget();
        sandbox.run("exec --privileged web /suid who").ok().stdout_is("1000 1000 1\n").forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

/// R23, S2: nobody else reaches a set-user-id program, or anything, in the store.
#[test]
fn the_store_is_closed_to_others() {
    needs![root, gcc, find];
    probe::everywhere(|sandbox| {
        sandbox.run("run -d --name web probe sleep 1000").ok().forget();
        let look = |user: u32, dir: &std::path::Path| {
            use std::os::unix::process::CommandExt;
            let mut find = std::process::Command::new("find");
            find.arg(dir).args(["-name", "suid"]).uid(user).gid(user).current_dir("/");
            sandbox.finish(find, b"")
        };
        for dir in [sandbox.root(), sandbox.run_root()] {
            let seen = look(65534, &dir);
            assert!(seen.status != 0 && seen.stdout.is_empty(), "another user sees {}", seen.stdout);
        }
        // The control: its owner does.
        assert!(look(sandbox.uid(), &sandbox.root()).stdout.contains("suid"));
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

/// R15, R22: a file closed to a group that the process is in stays closed, also to who drops that group.
#[test]
fn negative_permissions_hold() {
    everywhere(|sandbox| {
        let script = "echo secret > /f; chown 0:1000 /f; chmod 604 /f; echo ready; sleep 1000";
        sandbox.args(&["run", "-d", "--name", "web", "busybox", "sh", "-c", script]).ok().forget();
        sandbox
            .run("exec web sh -c 'while ! [ -e /f ] || [ $(stat -c %a /f) != 604 ]; do sleep 0.01; done'")
            .ok()
            .forget();
        for user in ["ann", "1000:1000", "ann:ann"] {
            sandbox.run(&format!("exec -u {user} web cat /f")).code(1).lacks("secret").forget();
        }
        // The control: others may read it.
        sandbox.run("exec -u 5:5 web cat /f").ok().has("secret").forget();
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

/// R17: names that are paths, and other things that are none.
#[test]
fn names_are_no_paths() {
    everywhere(|sandbox: &Sandbox| {
        let long = "x".repeat(300);
        for name in ["../x", "a/b", ".", "..", "-x", "_", "", "a b", "a\nb", "ä", "//x", "x:y", "\u{1b}[2J", &long] {
            let run = sandbox.args(&["create", &format!("--name={name}"), "busybox", "true"]);
            // podman gives a name of its own where it is empty.
            assert!(run.status == 125 || name.is_empty(), "{name:?} was taken: {run}");
            for command in ["rm", "start", "inspect", "logs"] {
                let run = sandbox.args(&[command, "--", name]);
                assert_ne!(run.status, 0, "{command} {name:?}: {run}");
            }
        }
    });
}
