//! Images whose paths lead elsewhere.

use super::canary::{Canary, TOKEN};
use crate::container::everywhere;
use crate::support::image::{Image, Layer};
use crate::support::{Sandbox, needs};
use std::path::Path;

/// R10, R11: what the engine makes in `/dev` must not be made where the image's `/dev` points.
#[test]
fn an_image_whose_dev_is_a_link_harms_nobody() {
    everywhere(|sandbox| {
        let canary = Canary::new(sandbox);
        let host = canary.host();
        let up = format!("../../../../../../../..{host}");
        for (number, target) in [host.as_str(), &up, "/proc/1/root", "/", ".", "/etc"].iter().enumerate() {
            let name = format!("dev{number}:latest");
            let layer = Layer::new().file(".wh.dev", 0o644, "").symlink("dev", target);
            sandbox.load(&Image::new(&name).from_busybox().layer(layer));
            for command in ["run --rm", "run --rm --read-only", "run --rm -t"] {
                let run = sandbox
                    .run(&format!("{command} {name} sh -c 'cat /dev/hosts /dev/passwd 2>/dev/null | head -c 100'"));
                assert!(!run.stdout.contains(TOKEN), "{target}: read the host");
                canary.is_untouched(&format!("/dev -> {target} with {command}"));
            }
            sandbox.run(&format!("create --name c{number} {name} true")).code(0).forget();
            sandbox.run(&format!("start c{number}")).forget();
            sandbox.run(&format!("rm -f -t 0 c{number}")).code(0).forget();
            canary.is_untouched(&format!("/dev -> {target} with create"));
        }
    });
}

/// R4: what is written to /proc and /sys must reach the kernel and nothing else.
#[test]
fn an_image_whose_proc_is_a_link_is_refused() {
    everywhere(|sandbox| {
        let canary = Canary::new(sandbox);
        let host = canary.host();
        for (number, (path, target)) in
            [("proc", "/x"), ("proc", host.as_str()), ("sys", host.as_str()), ("sys", "/etc")].iter().enumerate()
        {
            let name = format!("proc{number}:latest");
            let layer = Layer::new().file(&format!(".wh.{path}"), 0o644, "").symlink(path, target);
            sandbox.load(&Image::new(&name).from_busybox().layer(layer));
            sandbox.run(&format!("run --rm {name} true")).code(125).has(&format!("/{path}")).forget();
            canary.is_untouched(&format!("/{path} -> {target}"));
        }
    });
}

/// R12, S13: files that the engine writes into a container, and the working directory.
#[test]
fn engine_files_follow_no_link_out_of_the_image() {
    everywhere(|sandbox| {
        let canary = Canary::new(sandbox);
        let host = canary.host();
        let files =
            ["etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/passwd", "run/.containerenv", "etc/localtime"];
        for (number, file) in files.iter().enumerate() {
            let name = format!("file{number}:latest");
            let target = format!("{host}/{}", Path::new(file).file_name().unwrap().to_str().unwrap());
            let mut layer = Layer::new();
            if *file == "etc/passwd" {
                layer = layer.file("etc/.wh.passwd", 0o644, "");
            }
            sandbox.load(&Image::new(&name).from_busybox().layer(layer.symlink(file, &target)));
            let run = sandbox.run(&format!("run --rm --tz UTC --user 1234 {name} cat /{file}"));
            assert!(!run.stdout.contains(TOKEN), "{file}: read the host");
            canary.is_untouched(file);
        }
        let layer = Layer::new().symlink("l", &host).file(".wh.etc", 0o644, "").symlink("etc", &host);
        sandbox.load(&Image::new("parent:latest").from_busybox().layer(layer).config("WorkingDir", "/l/x".into()));
        let run = sandbox.run("run --rm parent cat /etc/hosts /etc/passwd");
        assert!(!run.stdout.contains(TOKEN), "read the host");
        canary.is_untouched("a linked /etc and working directory");
    });
}

/// R3: a working directory that is a descriptor left open by the engine.
#[test]
fn no_working_directory_is_outside() {
    everywhere(|sandbox| {
        sandbox.start_sleeper("web");
        for number in 3..64 {
            let directory = format!("/proc/self/fd/{number}");
            for command in [
                format!("run --rm -w {directory} busybox sh -c 'pwd; ls ../../../..'"),
                format!("exec -w {directory} web sh -c 'pwd; ls ../../../..'"),
            ] {
                let run = sandbox.run(&command);
                assert!(
                    run.status != 0 || run.stdout.starts_with('/') && !run.stdout.contains("lost+found"),
                    "{command}: {}",
                    run.stdout
                );
            }
            if number % 8 == 0 && number > 16 {
                continue;
            }
        }
        for (number, target) in ["/proc/self/fd/7", "/proc/self/cwd", "/proc/1/root"].iter().enumerate() {
            let name = format!("cwd{number}:latest");
            let layer = Layer::new().symlink("w", target);
            sandbox.load(&Image::new(&name).from_busybox().layer(layer).config("WorkingDir", "/w".into()));
            let run = sandbox.run(&format!("run --rm {name} pwd"));
            assert!(run.status != 0 || !run.stdout.contains("unreachable"), "{target}: {}", run.stdout);
        }
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}

/// A bind mount's place may be a link in the image; it ends within the container.
#[test]
fn mounts_follow_links_within_the_container_only() {
    needs![root];
    let sandbox = Sandbox::with_busybox();
    let canary = Canary::new(&sandbox);
    let host = canary.host();
    let layer = Layer::new().symlink("l", &host).symlink("up", "../../../..").symlink("d", "/target/missing");
    sandbox.load(&Image::new("links:latest").from_busybox().layer(layer));
    let source = sandbox.file("work/source/file", "the source\n");
    let source = source.parent().unwrap().display().to_string();
    for (place, seen) in [
        ("/l/new", format!("{host}/new/file")),
        ("/up/up/x", "/x/file".to_string()),
        ("/d", "/target/missing/file".to_string()),
        ("/var/../l/y", format!("{host}/y/file")),
    ] {
        let run = sandbox.run(&format!("run --rm -v {source}:{place} links cat {place}/file"));
        assert_eq!(run.stdout, "the source\n", "{place}: {}", run.stderr);
        sandbox.run(&format!("run --rm -v {source}:{place} links cat {seen}")).code(0).has("the source").forget();
        canary.is_untouched(place);
    }
}
