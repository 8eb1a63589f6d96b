//! A container that swaps a directory for a link, as fast as it can, under the hands of an engine that uses it.

use super::canary::{Canary, TOKEN};
use super::probe;
use super::times;
use crate::support::{Sandbox, needs};
use std::path::PathBuf;

/// A volume that two containers share, with a directory and a link that one of them swaps.
struct Race<'a> {
    sandbox: &'a Sandbox,
    canary: Canary,
    volume: PathBuf,
    racers: usize,
}

impl<'a> Race<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let canary = Canary::new(sandbox);
        let marker = sandbox.file("work/vol/marker", "");
        Race { sandbox, canary, volume: marker.parent().expect("a file").to_path_buf(), racers: 0 }
    }

    /// Swaps `name`, which has `content`, with a link to `target`.
    fn swap(&mut self, name: &str, is_directory: bool, target: &str) {
        if is_directory {
            self.sandbox.file(&format!("work/vol/{name}/inside"), "");
        } else {
            self.sandbox.file(&format!("work/vol/{name}"), "plain\n");
        }
        let link = self.volume.join(format!("{name}.link"));
        std::os::unix::fs::symlink(target, &link).expect("the sandbox is writable");
        let line = format!(
            "run -d --name racer{} -v {}:/vol probe /probe race /vol/{}.count /vol/{name} /vol/{name}.link",
            self.racers,
            self.volume.display(),
            self.racers
        );
        self.sandbox.run(&line).ok().forget();
        self.racers += 1;
    }

    /// Runs a command again and again; what it does may fail, but must not reach the host.
    fn run(&self, line: &str, count: usize) {
        let line = line.replace("VOL", &self.volume.display().to_string());
        for _ in 0..count {
            let run = self.sandbox.run(&line);
            assert!(run.status != 124 && run.status < 128, "{run}");
            assert!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "read the host: {run}");
        }
        self.canary.is_untouched(&line);
    }

    /// Ends the racers; how often they have swapped.
    fn end(self) -> u64 {
        let mut swaps = 0;
        for entry in std::fs::read_dir(&self.volume).expect("ours").flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "count") {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                swaps += text.trim().parse::<u64>().unwrap_or(0);
            }
        }
        for number in 0..self.racers {
            self.sandbox.run(&format!("rm -f -t 0 racer{number}")).ok().forget();
        }
        self.canary.is_untouched("the race");
        assert!(swaps > 0, "nothing was swapped");
        println!("{swaps} swaps");
        swaps
    }
}

/// Where the link leads: out, by every way that there is.
fn targets(canary: &Canary) -> Vec<String> {
    vec![canary.host(), format!("../../../../../../../..{}", canary.host()), "/proc/self/root".into(), "/".into()]
}

/// R5, R6, S13: mounts, tmpfs and working directories below a directory that is swapped for a link.
#[test]
fn a_place_that_is_swapped_leads_nowhere_else() {
    needs![gcc];
    probe::everywhere(|sandbox| {
        for target in targets(&Canary::new(sandbox)) {
            let mut race = Race::new(sandbox);
            race.swap("d", true, &target);
            let source = sandbox.file("work/source/file", "the source\n");
            let source = source.parent().expect("a file").display().to_string();
            let count = times(3, 1_250);
            let check = format!("sh -c 'grep -c {} /proc/self/mountinfo; ls -a /vol/d/; true'", race.canary.host());
            for option in [
                format!("-v {source}:/vol/d/x"),
                format!("-v {source}/file:/vol/d/f"),
                "--tmpfs /vol/d/t".to_string(),
                "--tmpfs /vol/d".to_string(),
                "-w /vol/d/w".to_string(),
                "--security-opt mask=/vol/d/inside".to_string(),
            ] {
                race.run(&format!("run --rm --network=none -v VOL:/vol {option} busybox {check}"), count);
            }
            race.run("exec -w /vol/d racer0 sh -c 'pwd; ls; cat passwd'", times(5, 2_000));
            race.end();
            let _ = std::fs::remove_dir_all(sandbox.path("work/vol"));
            let _ = std::fs::remove_dir_all(sandbox.path("work/canary"));
        }
    });
}

/// R4, R7, R8, R10, R12: a root directory on the host, whose /dev, /proc, /sys and /etc another container swaps.
#[test]
fn a_root_that_is_swapped_under_way_harms_nobody() {
    needs![root, gcc, tar];
    let sandbox = Sandbox::with_busybox();
    probe::load(&sandbox);
    let mut race = Race::new(&sandbox);
    let root = race.volume.join("root");
    std::fs::create_dir_all(&root).expect("the sandbox is writable");
    let tar = sandbox.file("work/root.tar", crate::support::image::busybox_layer().bytes());
    let mut untar = sandbox.other("tar");
    untar.arg("-xf").arg(tar).arg("-C").arg(&root);
    sandbox.finish(untar, b"").code(0).forget();
    let host = race.canary.host();
    for name in ["root/dev", "root/proc", "root/sys", "root/etc"] {
        race.swap(name, true, &host);
    }
    for options in ["", "-t", "--read-only", "--user 7", "--tz UTC", "--security-opt unmask=ALL"] {
        race.run(
            &format!("run --rm --network=none {options} --rootfs VOL/root sh -c 'cat /dev/passwd /etc/passwd; true'"),
            times(10, 400),
        );
    }
    race.end();
}

/// How often a user of the host's was found in a container that swaps its `/etc` for a link to the host's, in at most
/// `count` looks.
fn found_on_the_host(sandbox: &Sandbox, canary: &Canary, count: usize, enough: usize) -> usize {
    // A directory of the container's own: an overlay swaps no other.
    let script = format!(
        "mkdir /x && cp /etc/passwd /x && ln -sf ../x/passwd /etc/passwd && ln -s {} /link && exec /probe race /count /x /link",
        canary.host()
    );
    sandbox.args(&["run", "-d", "--name", "web", "--network=none", "probe", "sh", "-c", &script]).ok().forget();
    let swaps = || sandbox.run("exec web cat /count").text().parse::<u64>().unwrap_or(0);
    while swaps() == 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut found = 0;
    for _ in 0..count {
        let run = sandbox.run("exec -u intruder web id -u");
        found += usize::from(run.text() == "4242");
        if found == enough {
            break;
        }
    }
    println!("{} swaps", swaps());
    sandbox.run("rm -f -t 0 web").ok().forget();
    found
}

/// R9, R12, C1: users are looked up in the container, whatever it swaps meanwhile.
#[test]
fn users_are_looked_up_in_the_container() {
    needs![gcc];
    probe::everywhere(|sandbox| {
        let canary = Canary::new(sandbox);
        assert_eq!(found_on_the_host(sandbox, &canary, times(150, 5_000), 1), 0, "the host's passwd was read");
        canary.is_untouched("looking users up");
    });
}

/// The control: with the guard out the host's passwd is read, and the test above would see it.
#[test]
fn without_its_guard_users_are_looked_up_on_the_host() {
    needs![root, gcc];
    let mut sandbox = Sandbox::with_busybox();
    probe::load(&sandbox);
    let canary = Canary::new(&sandbox);
    sandbox.env("BARGE_TRIP", "sys.path.resolve:off");
    assert_ne!(found_on_the_host(&sandbox, &canary, 2_000, 1), 0, "the attack can not succeed: it shows nothing");
}
