//! The power is cut while a command works, or the moment it has said yes. Then: all that was promised is there, byte
//! for byte; what was under way is there whole or not at all; and no hand is needed.

use super::disk::Disk;
use super::{Random, all};
use crate::support::image::{Image, Layer};
use crate::support::{Finished, Sandbox, needs};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A store on a disk whose power is cut, and what it must have.
struct Machine<'a> {
    sandbox: &'a Sandbox,
    disk: Disk,
    /// How often it was switched on; each time is a boot of its own.
    boots: u32,
    images: BTreeSet<String>,
    containers: BTreeSet<String>,
}

impl Machine<'_> {
    /// The command in this boot: with a boot id of its own, and a run directory that was not there before.
    fn command(&self, line: &str, wrap: &[&str]) -> Command {
        let boot = self.sandbox.path("work").join("boot-id");
        let script = "mount --bind \"$1\" /proc/sys/kernel/random/boot_id && shift && exec \"$@\"";
        let mut command = self.sandbox.other("unshare");
        command.args(["--mount", "--propagation", "slave", "sh", "-c", script, "sh"]).arg(boot).args(wrap);
        command.arg(self.sandbox.program()).arg("--root").arg(self.disk.path().join("root"));
        command.arg("--runroot").arg(self.sandbox.path(&format!("run/{}", self.boots)));
        command.args(crate::support::words(line)).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Finished {
        self.sandbox.finish(self.command(line, &[]), b"")
    }

    fn boot(&mut self) {
        self.boots += 1;
        let id = format!("00000000-0000-4000-8000-{:012}\n", self.boots);
        std::fs::write(self.sandbox.path("work").join("boot-id"), id).expect("the sandbox is writable");
        std::fs::create_dir_all(self.sandbox.path("run")).expect("the sandbox is writable");
    }

    fn cut(&mut self) {
        self.disk.cut();
        self.wait_for_the_dead();
        self.disk.power_on();
        self.boot();
    }

    /// Processes that were at work when the power went must not go on in the next life.
    fn wait_for_the_dead(&self) {
        let words = self.sandbox.path("").to_string_lossy().into_owned();
        for _ in 0..500 {
            let alive = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter(|entry| {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).into_owned();
                line.contains(&words) && line.contains("--root") && entry.file_name() != *std::process::id().to_string()
            });
            if alive.count() == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What is there now; every file of every layer is read and compared with its digest on the way.
    fn look(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let set = |finished: Finished| finished.stdout.lines().map(str::to_string).collect();
        let images = set(self.run("images --format '{{.Repository}}:{{.Tag}}'").ok());
        let containers = set(self.run("ps -a --format '{{.Names}}'").ok());
        (images, containers)
    }

    /// After a cut; `wanted` is what the command that was cut off would have made of it, if it may be there.
    fn verify(&mut self, context: &str, wanted: Option<(BTreeSet<String>, BTreeSet<String>)>) {
        let check = self.run("system check");
        assert_eq!(check.status, 0, "{context}: {check}");
        let found = self.look();
        let before = (self.images.clone(), self.containers.clone());
        let whole = found == before || wanted.as_ref().is_some_and(|wanted| found == *wanted);
        assert!(whole, "{context}: {found:?} is neither {before:?} nor {wanted:?}");
        (self.images, self.containers) = found;
        let again = self.run("system check");
        assert_eq!((again.status, again.stdout.as_str()), (0, ""), "{context}: {again}");
        // An image that is listed is one that works.
        if let Some(image) = self.images.iter().next() {
            self.run(&format!("save -q -o /dev/null {image}")).ok().forget();
        }
    }
}

fn images(sandbox: &Sandbox) {
    for (name, seed) in [("red", 1u8), ("green", 2)] {
        let mut random = Random(u64::from(seed) * 7919);
        let mut bottom = Layer::new().dir("etc", 0o755).file("shared", 0o644, vec![b's'; 200_000]);
        let mut top = Layer::new();
        for at in 0..60 {
            let content: Vec<u8> = (0..random.below(20_000)).map(|_| random.below(256) as u8).collect();
            bottom = bottom.file(&format!("etc/file{at}"), 0o644, &content[..content.len() / 2]);
            top = top.file(&format!("{name}/file{at}"), 0o600, &content);
        }
        let image = Image::new(&format!("localhost/{name}")).layer(bottom).layer(top);
        image.save(&sandbox.path("work").join(format!("{name}.tar")));
    }
}

/// The next command, and what images and containers there are when it is done.
fn next_command(machine: &Machine<'_>, random: &mut Random) -> Option<(String, BTreeSet<String>, BTreeSet<String>)> {
    let (mut images, mut containers) = (machine.images.clone(), machine.containers.clone());
    let name = ["red", "green"][random.below(2) as usize];
    let image = format!("localhost/{name}:latest");
    let other = format!("localhost/{name}:other");
    let container = ["one", "two"][random.below(2) as usize];
    let line = match random.below(8) {
        0..=2 if !images.contains(&image) => {
            images.insert(image);
            format!("load -q -i {name}.tar")
        }
        3 if images.contains(&image) && !images.contains(&other) => {
            images.insert(other);
            format!("tag localhost/{name} localhost/{name}:other")
        }
        4 if images.contains(&image) && containers.is_empty() => {
            images.retain(|one| *one != image);
            format!("rmi localhost/{name}")
        }
        5 if images.contains(&image) && !containers.contains(container) => {
            containers.insert(container.into());
            format!("create --name {container} localhost/{name} true")
        }
        6 if containers.contains(container) => {
            containers.remove(container);
            format!("rm {container}")
        }
        7 if containers.contains(container) && !containers.contains("renamed") => {
            containers.remove(container);
            containers.insert("renamed".into());
            format!("rename {container} renamed")
        }
        _ if containers.contains("renamed") => {
            containers.remove("renamed");
            "rm renamed".into()
        }
        _ => return None,
    };
    Some((line, images, containers))
}

fn machine(sandbox: &Sandbox) -> Machine<'_> {
    images(sandbox);
    let disk = Disk::new(&sandbox.path("work"), 48, &[]);
    let (images, containers) = Default::default();
    let mut machine = Machine { sandbox, disk, boots: 0, images, containers };
    machine.boot();
    machine
}

#[test]
fn what_a_command_has_promised_survives_a_power_cut() {
    needs![root, strace];
    let sandbox = Sandbox::new();
    let mut machine = machine(&sandbox);
    let mut random = Random(0x2026_1121);
    let cuts = if all() { 1000 } else { 54 };
    let (mut done, mut promised) = (0, 0);
    while done < cuts {
        let Some((line, images, containers)) = next_command(&machine, &mut random) else { continue };
        let context = format!("cut {done}, `{line}`");
        if random.below(2) == 0 {
            // It has said yes: from now on it counts.
            machine.run(&line).ok().forget();
            (machine.images, machine.containers) = (images, containers);
            machine.cut();
            machine.verify(&context, None);
            promised += 1;
        } else {
            let mut command = machine.command(&line, &[]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("barge can be started");
            std::thread::sleep(Duration::from_micros(random.below(90_000)));
            // One that is already done has promised.
            let ended = child.try_wait().expect("our child").is_some_and(|status| status.success());
            machine.disk.cut();
            let _ = child.kill();
            let _ = child.wait();
            if ended {
                (machine.images, machine.containers) = (images, containers);
                machine.cut_again();
                machine.verify(&context, None);
            } else {
                machine.cut_again();
                machine.verify(&context, Some((images, containers)));
            }
        }
        done += 1;
    }
    println!("{done} cuts, {promised} of them after the command had ended");
    machine.run("rm -fa").ok().forget();
}

impl Machine<'_> {
    /// The rest of [`Machine::cut`], when the disk is cut off already.
    fn cut_again(&mut self) {
        self.wait_for_the_dead();
        self.disk.power_on();
        self.boot();
    }
}

/// The control: without its syncs the same command loses what it promised, so the test above can fail.
#[test]
fn without_syncs_a_power_cut_takes_what_was_promised() {
    needs![root, strace];
    let sandbox = Sandbox::new();
    let mut machine = machine(&sandbox);
    machine.run("images").ok().forget();
    nix::unistd::syncfs(std::fs::File::open(machine.disk.path()).unwrap()).unwrap();
    let no_syncs = "inject=fsync,fdatasync,syncfs:retval=0";
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", no_syncs];
    let command = machine.command("load -q -i red.tar", &strace);
    sandbox.finish(command, b"").ok().forget();
    machine.cut();
    let (images, _) = machine.look();
    assert!(images.is_empty(), "nothing was synced, and yet it is there: {images:?}");
    // Even so nothing of it is in the way.
    machine.run("load -q -i red.tar").ok().forget();
    machine.run("system check").ok().forget();
}
