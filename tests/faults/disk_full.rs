//! No space, no inodes: a clear error, the space given back, and removing things still works.

use super::disk::Disk;
use crate::support::image::{Image, Layer};
use crate::support::{Finished, Sandbox, needs};

/// Runs a command on a store that lies on `disk`.
fn on(disk: &Disk, sandbox: &Sandbox, line: &str) -> Finished {
    let mut command = std::process::Command::new(sandbox.program());
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", sandbox.path("home"));
    command.arg("--root").arg(disk.path().join("root")).arg("--runroot").arg(sandbox.run_root());
    command.args(crate::support::words(line)).current_dir(sandbox.path("work")).stdin(std::process::Stdio::null());
    sandbox.finish(command, b"")
}

fn save(sandbox: &Sandbox, image: &Image, name: &str) {
    image.save(&sandbox.path("work").join(name));
}

#[test]
fn a_full_disk_gets_its_space_back_and_lets_things_be_removed() {
    needs![root];
    let sandbox = Sandbox::new();
    let disk = Disk::new(&sandbox.path("work"), 24, &[]);
    let small = Image::new("small").layer(Layer::new().dir("d", 0o755).file("d/f", 0o644, vec![b'x'; 1 << 20]));
    let large = (0..64).fold(Layer::new(), |layer, at| {
        // Not all zeros: a sparse file would fit.
        layer.file(&format!("file{at}"), 0o644, vec![at as u8 + 1; 1 << 20])
    });
    save(&sandbox, &small, "small.tar");
    // A layer that fits goes with the one that doesn't.
    let fits = Layer::new().file("fits", 0o644, vec![b'y'; 1 << 20]);
    save(&sandbox, &Image::new("large").layer(fits).layer(large), "large.tar");
    on(&disk, &sandbox, "load -q -i small.tar").ok().forget();
    on(&disk, &sandbox, "create --name web small true").ok().forget();
    nix::unistd::syncfs(std::fs::File::open(disk.path()).unwrap()).unwrap();
    let before = disk.free();
    on(&disk, &sandbox, "load -q -i large.tar").fails().has("no space left on device").forget();
    nix::unistd::syncfs(std::fs::File::open(disk.path()).unwrap()).unwrap();
    let after = disk.free();
    assert!(before.0.abs_diff(after.0) <= 64 << 10, "{before:?} became {after:?}");
    on(&disk, &sandbox, "system check").ok().stdout_is("");
    disk.fill();
    assert_eq!(disk.free().0, 0);
    on(&disk, &sandbox, "ps -a --format '{{.Names}}'").ok().stdout_is("web\n");
    on(&disk, &sandbox, "create --name more small true").fails().has("No space left on device").forget();
    on(&disk, &sandbox, "load -q -i large.tar").fails().has("No space left on device").forget();
    on(&disk, &sandbox, "rm web").ok().forget();
    on(&disk, &sandbox, "image prune -f").ok().forget();
    on(&disk, &sandbox, "rmi small").ok().forget();
    std::fs::remove_file(disk.path().join("filling")).unwrap();
    on(&disk, &sandbox, "images -q").ok().stdout_is("");
    on(&disk, &sandbox, "system check").ok().stdout_is("");
    on(&disk, &sandbox, "load -q -i small.tar").ok().forget();
    on(&disk, &sandbox, "rmi small").ok().forget();
}

#[test]
fn running_out_of_inodes_is_said_and_undone() {
    needs![root];
    let sandbox = Sandbox::new();
    let disk = Disk::new(&sandbox.path("work"), 24, &["-N", "1000"]);
    let bomb = (0..2000).fold(Layer::new(), |layer, at| layer.file(&format!("file{at}"), 0o644, ""));
    save(&sandbox, &Image::new("bomb").layer(bomb), "bomb.tar");
    on(&disk, &sandbox, "images").ok().forget();
    let before = disk.free();
    on(&disk, &sandbox, "load -q -i bomb.tar").fails().has("no inodes left on device").forget();
    // The locks of loading stay.
    assert!(disk.free().1.abs_diff(before.1) <= 2, "{before:?} became {:?}", disk.free());
    on(&disk, &sandbox, "system check").ok().stdout_is("");
}

#[test]
fn a_pull_that_does_not_fit_gives_its_space_back() {
    needs![root];
    let sandbox = Sandbox::new();
    let disk = Disk::new(&sandbox.path("work"), 24, &[]);
    let fake = crate::support::fake::Fake::start();
    fake.put("app", "1", &crate::registry::image(&[3 << 20, 12 << 20, 14 << 20]));
    on(&disk, &sandbox, "images -q").ok().forget();
    nix::unistd::syncfs(std::fs::File::open(disk.path()).unwrap()).unwrap();
    let before = disk.free();
    on(&disk, &sandbox, &format!("pull -q --tls-verify=false {}", fake.image("app:1")))
        .fails()
        .has("left on device")
        .forget();
    nix::unistd::syncfs(std::fs::File::open(disk.path()).unwrap()).unwrap();
    let after = disk.free();
    assert!(before.0.abs_diff(after.0) <= 64 << 10, "{before:?} became {after:?}");
    on(&disk, &sandbox, "system check").ok().stdout_is("");
}
