//! Small archives that want to become large: in memory, on the disk, in depth, in number.

use super::{probe, times};
use crate::faults::disk::Disk;
use crate::support::image::{Image, Layer};
use crate::support::{Finished, Sandbox, needs};
use std::io::Write;
use std::time::{Duration, Instant};

/// The most memory that a hostile image may cost, in kB: the engine's, or that of its unpacker.
const MEMORY: u64 = 64 << 10;

/// The same where a layer makes it remember as much as it may: 48 MB, with the tables that hold it.
const REMEMBERING: u64 = 128 << 10;

/// A store on a small disk, and what is free there at first.
struct Store<'a> {
    sandbox: &'a Sandbox,
    disk: Disk,
    before: (u64, u64),
    memory: u64,
}

impl<'a> Store<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let disk = Disk::new(&sandbox.path("work"), 48, &["-N", "4000"]);
        let store = Store { sandbox, disk, before: (0, 0), memory: MEMORY };
        // The locks that any use leaves are made before.
        Image::new("bomb:latest").layer(Layer::new().file("f", 0o644, "")).save(&sandbox.path("work/bomb.tar"));
        store.run("load -q -i bomb.tar").0.ok().forget();
        store.run("rmi bomb").0.ok().forget();
        let before = store.free();
        Store { before, ..store }
    }

    fn free(&self) -> (u64, u64) {
        nix::unistd::syncfs(std::fs::File::open(self.disk.path()).expect("mounted")).expect("it can be synced");
        self.disk.free()
    }

    /// Runs a command on the disk: what it left, and the most memory that it had, in kB.
    fn run(&self, line: &str) -> (Finished, u64) {
        let usage = self.sandbox.path("work/usage");
        let mut command = self.sandbox.other(probe::program().to_str().expect("text"));
        command.arg("measure").arg(&usage).arg(self.sandbox.program());
        command.arg("--root").arg(self.disk.path().join("root")).arg("--runroot").arg(self.sandbox.run_root());
        let finished = self.sandbox.finish(command_with(command, line), b"");
        let memory = std::fs::read_to_string(usage).expect("it was written").trim().parse().expect("a number");
        (finished, memory)
    }

    /// Loads an image with this layer. It must end soon, in bounds, and leave nothing behind.
    fn load(&self, what: &str, layer: Vec<u8>) -> Finished {
        let path = self.sandbox.path("work/bomb.tar");
        Image::new("bomb:latest").tar(layer).save(&path);
        let start = Instant::now();
        let (finished, memory) = self.run("load -q -i bomb.tar");
        assert!(start.elapsed() < Duration::from_secs(120), "{what} took {:?}", start.elapsed());
        assert!(memory < self.memory, "{what} took {memory} kB of memory");
        if finished.status == 0 {
            self.run("rmi bomb").0.code(0).forget();
        }
        let after = self.free();
        let lost = (self.before.0.saturating_sub(after.0), self.before.1.saturating_sub(after.1));
        assert!(lost.0 <= 64 << 10 && lost.1 <= 2, "{what}: {lost:?} of bytes and inodes are gone");
        let check = self.run("system check").0;
        assert_eq!((check.status, check.stdout.as_str()), (0, ""), "{what}: {check}");
        finished
    }

    /// The same, and it must be refused with this word.
    fn refuse(&self, what: &str, layer: Vec<u8>, word: &str) {
        let finished = self.load(what, layer);
        assert!(finished.status != 0 && finished.stderr.contains(word), "{what}: {finished}");
        assert!(finished.stderr.lines().count() <= 2, "{what}: {finished}");
    }
}

fn command_with(mut command: std::process::Command, line: &str) -> std::process::Command {
    command.args(crate::support::words(line));
    command
}

fn gzip(parts: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    for part in parts {
        gzip.write_all(&part).expect("memory");
    }
    gzip.finish().expect("memory")
}

fn zstd(parts: impl Iterator<Item = Vec<u8>>, window: u32) -> Vec<u8> {
    let mut zstd = zstd::Encoder::new(Vec::new(), 1).expect("memory");
    zstd.window_log(window).expect("a window");
    zstd.long_distance_matching(true).expect("an option");
    for part in parts {
        zstd.write_all(&part).expect("memory");
    }
    zstd.finish().expect("memory")
}

/// The header of an entry, with a size that need not be true.
fn header(path: &str, kind: u8, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path).expect("a path");
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A PAX header with these records, for the next entry.
fn pax(records: &[(String, String)]) -> Vec<u8> {
    extension(b'x', records)
}

fn extension(kind: u8, records: &[(String, String)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length += 1;
        }
        text.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
    }
    [header("PaxHeaders/x", kind, text.len() as u64), padded(text)].concat()
}

/// A file of zeros, `megabytes` long, as parts of a tar.
fn zeros(megabytes: u64) -> impl Iterator<Item = Vec<u8>> {
    let content = (0..megabytes).map(|_| vec![0u8; 1 << 20]);
    std::iter::once(header("zeros", b'0', megabytes << 20)).chain(content).chain([vec![0; 1024]])
}

/// S6, G24.
#[test]
fn compressed_bombs_end_at_the_reserve_and_give_everything_back() {
    needs![root, gcc];
    let sandbox = Sandbox::new();
    let store = Store::new(&sandbox);
    let megabytes = times(200, 2_000) as u64;
    store.refuse("gzip", gzip(zeros(megabytes)), "left on device");
    store.refuse("zstd", zstd(zeros(megabytes), 20), "left on device");
    // What is before the file, and behind the end: all of it is kept, for the exact tar.
    let extensions = (0..megabytes).map(|_| extension(b'g', &[("comment".into(), "x".repeat(1_000_000))]));
    let file = [header("file", b'0', 0), vec![0; 1024]];
    let finished = store.load("extension headers", gzip(extensions.chain(file)));
    assert_ne!(finished.status, 0, "{finished}");
    let mut random = crate::faults::Random(7);
    let mut noise = vec![0u8; 1 << 20];
    noise.fill_with(|| random.below(256) as u8);
    let behind = (0..megabytes).map(|_| noise.clone());
    let finished = store.load("bytes behind the end", zstd([vec![0; 1024]].into_iter().chain(behind), 24));
    assert_ne!(finished.status, 0, "{finished}");
    let twice = gzip(std::iter::once(gzip(zeros(megabytes))));
    store.refuse("gzip of gzip", twice, "not a valid tar");
}

/// The control: without its guard the unpacker goes on until the disk is full.
#[test]
fn without_its_guard_a_bomb_fills_the_disk() {
    needs![root, gcc];
    let mut sandbox = Sandbox::new();
    sandbox.env("BARGE_TRIP", "store.layer.room:off");
    let store = Store::new(&sandbox);
    // Fits, but not above the reserve.
    let finished = store.load("a file that fits", gzip(zeros(store.before.0 / (1 << 20) - 2)));
    assert!(!finished.stderr.contains("left on device"), "{finished}");
}

/// S6: a window that takes gigabytes to decode.
#[test]
fn zstd_windows_are_bounded() {
    needs![root, gcc];
    let sandbox = Sandbox::new();
    let store = Store::new(&sandbox);
    store.refuse("a window of 2 GB", zstd(zeros(times(40, 4_000) as u64), 31), "decompressed");
}

/// S5, S6: sizes that are not true, sparse files, numbers that overflow.
#[test]
fn sizes_that_are_not_true_are_refused() {
    needs![root, gcc];
    let sandbox = Sandbox::new();
    let store = Store::new(&sandbox);
    let size = |value: &str| [pax(&[("size".into(), value.into())]), header("f", b'0', 1), vec![0; 2048]].concat();
    for value in ["18446744073709551615", "18446744073709551616", "-1", "9223372036854775807", "1e9", "0x10", " 5", "٥"]
    {
        store.refuse(&format!("PAX size {value}"), size(value), "layer");
    }
    store.refuse("a huge size", [header("f", b'0', 8 << 30), vec![0; 2048]].concat(), "layer");
    let mut largest = header("f", b'0', 0);
    largest[124..136].copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
    largest[148..156].copy_from_slice(b"        ");
    let sum: u32 = largest.iter().map(|byte| u32::from(*byte)).sum();
    largest[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    store.refuse("the largest size", [largest, vec![0; 2048]].concat(), "layer");
    store.refuse("a sparse file", [header("f", b'S', 512), vec![0; 2048]].concat(), "sparse");
    let sparse =
        [pax(&[("GNU.sparse.major".into(), "1".into()), ("GNU.sparse.realsize".into(), "1099511627776".into())])];
    store.refuse("a sparse file by PAX", [&sparse[0][..], &header("f", b'0', 512), &[0; 2048]].concat(), "sparse");
    store.refuse("a PAX header of 2 MB", [header("x", b'x', 2 << 20), vec![0; 2 << 20]].concat(), "longer than 1 MB");
    store.refuse("a long name of 2 MB", [header("x", b'L', 2 << 20), vec![b'x'; 2 << 20]].concat(), "longer than 1 MB");
}

/// S5: what takes a long time or much memory to remember.
#[test]
fn what_must_be_remembered_is_bounded() {
    needs![root, gcc];
    let sandbox = Sandbox::new();
    let store = Store { memory: REMEMBERING, ..Store::new(&sandbox) };
    let end = || vec![0u8; 1024];
    // Each in 1 MB: keys that differ, so that each must be compared with all others.
    let keys: Vec<_> = (0..80_000).map(|at| (format!("k{at}"), "v".to_string())).collect();
    store.load("many PAX keys", [pax(&keys), header("f", b'0', 0), end()].concat()).code(0).forget();
    let attribute = |at: usize| (format!("SCHILY.xattr.user.a{at}"), "v".repeat(60_000));
    let attributes: Vec<_> = (0..16).map(attribute).collect();
    let directories = (0..times(300, 3_000)).flat_map(|at| [pax(&attributes), header(&format!("d{at}/"), b'5', 0)]);
    let finished = store.load("directories with attributes", gzip(directories.chain([end()])));
    assert_ne!(finished.status, 0, "{finished}");
    // Hard links to what a layer below may have.
    let long = "y/".repeat(2_000);
    let links = (0..times(40_000, 400_000)).flat_map(|at| {
        let target = pax(&[("linkpath".into(), format!("{long}{at}"))]);
        [target, header(&format!("l{at}"), b'1', 0)]
    });
    let finished = store.load("links into lower layers", gzip(links.chain([end()])));
    assert_ne!(finished.status, 0, "{finished}");
    // Whiteouts take an inode each.
    let gone = (0..times(10_000, 1_000_000)).map(|at| header(&format!(".wh.f{at}"), b'0', 0));
    store.refuse("whiteouts", gzip(gone.chain([end()])), "no inodes left");
    let files = (0..times(10_000, 1_000_000)).map(|at| header(&format!("f{at}"), b'0', 0));
    store.refuse("files", gzip(files.chain([end()])), "no inodes left");
    // The same name again and again: one inode.
    let same = (0..times(10_000, 1_000_000)).map(|_| header("same", b'0', 0));
    store.load("one file many times", same.chain([end()]).flatten().collect()).code(0).forget();
}

/// S1: deeper and longer than a path can be.
#[test]
fn depth_and_length_are_bounded() {
    needs![root, gcc];
    let sandbox = Sandbox::new();
    let store = Store::new(&sandbox);
    let named = |path: String, kind| [pax(&[("path".into(), path)]), header("f", kind, 0)].concat();
    let end = vec![0u8; 1024];
    store.load("1,000 levels", [named("d/".repeat(1_000), b'5'), end.clone()].concat()).code(0).forget();
    for (what, path) in [
        ("10,000 levels", "d/".repeat(10_000)),
        ("a name of 300 bytes", "n".repeat(300)),
        ("a name of 100,000 bytes", "n".repeat(100_000)),
    ] {
        store.refuse(what, [named(path, b'0'), end.clone()].concat(), "layer");
    }
    // Ever deeper through links: a tree that no path reaches.
    let deep = "d/".repeat(900);
    let mut parts = vec![named(deep.clone(), b'5')];
    let mut above = deep.clone();
    for at in 0..3 {
        let link =
            [pax(&[("linkpath".into(), above.trim_end_matches('/').to_string())]), header(&format!("l{at}"), b'2', 0)];
        parts.push(link.concat());
        parts.push(named(format!("l{at}/{deep}"), b'5'));
        above = format!("l{at}/{deep}");
    }
    parts.push(end);
    store.load("levels through links", parts.concat()).forget();
}

/// S10: documents that are too large or too deep, in an archive.
#[test]
fn documents_are_bounded() {
    needs![root, gcc];
    let sandbox = Sandbox::new();
    let store = Store::new(&sandbox);
    let large = times(20, 1_000) << 20;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let spaces = " ".repeat(large);
    let archives: Vec<(&str, Layer)> = vec![
        ("a large manifest.json", Layer::new().file("manifest.json", 0o644, &spaces)),
        ("a deep manifest.json", Layer::new().file("manifest.json", 0o644, &deep)),
        (
            "a large config",
            Layer::new().file("c.json", 0o644, &spaces).file(
                "manifest.json",
                0o644,
                r#"[{"Config":"c.json","RepoTags":["x:1"],"Layers":[]}]"#,
            ),
        ),
        (
            "a deep config",
            Layer::new().file("c.json", 0o644, &deep).file(
                "manifest.json",
                0o644,
                r#"[{"Config":"c.json","RepoTags":["x:1"],"Layers":[]}]"#,
            ),
        ),
        (
            "a large index.json",
            Layer::new().file("oci-layout", 0o644, r#"{"imageLayoutVersion":"1.0.0"}"#).file(
                "index.json",
                0o644,
                &spaces,
            ),
        ),
        (
            "a deep index.json",
            Layer::new().file("oci-layout", 0o644, r#"{"imageLayoutVersion":"1.0.0"}"#).file(
                "index.json",
                0o644,
                &deep,
            ),
        ),
    ];
    for (what, archive) in archives {
        std::fs::write(sandbox.path("work/archive.tar"), archive.bytes()).expect("the sandbox is writable");
        let (finished, memory) = store.run("load -q -i archive.tar");
        assert!(finished.status == 125 && finished.stderr.starts_with("Error: "), "{what}: {finished}");
        assert!(memory < MEMORY, "{what} took {memory} kB of memory");
    }
    let after = store.free();
    assert!(store.before.0.saturating_sub(after.0) <= 64 << 10, "{:?} became {after:?}", store.before);
}

/// C10: a line without an end does not fill the monitor.
#[test]
fn a_line_without_an_end_costs_little_memory() {
    needs![gcc];
    probe::everywhere(|sandbox| {
        let megabytes = times(50, 10_000);
        let script = format!("/probe line {megabytes}; echo; echo done; sleep 1000");
        let line =
            ["run", "-d", "--name", "web", "--network=none", "--log-opt", "max-size=1m", "probe", "sh", "-c", &script];
        sandbox.args(&line).ok().forget();
        let monitor = crate::container::monitor::pid_of(sandbox, "web");
        let deadline = Instant::now() + Duration::from_secs(times(60, 1_200) as u64);
        while !sandbox.run("logs --tail 1 web").stdout.contains("done") {
            assert!(Instant::now() < deadline, "the line does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
        let most = crate::container::monitor::status(monitor, "VmHWM:");
        // The program's own pages, and what the log may hold back in a flood.
        assert!(most < 32 << 10, "the monitor had {most} kB");
        sandbox.run("rm -f -t 0 web").ok().forget();
    });
}
