//! What layers must do, on real directories: exact tars, stacks, whiteouts, and everything a hostile tar may try.
#![allow(clippy::print_stdout)]

use super::artefact::{Spec, Tar};
use super::extract::{Extractor, Options};
use super::*;
use crate::store::{ContainerDirs, Roots, StagedLayer, Store};
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::Mode;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

pub(super) struct Fixture {
    pub dir: tempfile::TempDir,
    pub store: Store,
}

impl Fixture {
    pub(super) fn new(driver: Driver) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let roots =
            Roots { root: dir.path().join("root"), run: dir.path().join("run"), driver: Some(driver), rootless: false };
        let store = Store::open(&roots).unwrap();
        Fixture { dir, store }
    }

    fn options(&self) -> Options {
        Options { plain_marks: self.store.driver() == Driver::Vfs, squash: !is_root() }
    }

    /// Unpacks as the worker does, but in this process.
    pub(super) fn stage(&self, tar: &[u8]) -> Result<StagedLayer> {
        let (dir, lock) = self.store.staging_dir()?;
        let input = dir.join("input");
        fs::write(&input, tar)?;
        let handle = open(&dir, OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty())?;
        let unpacked = worker::unpack(fs::File::open(&input)?.into(), &handle, self.options())?;
        fs::remove_file(&input)?;
        let record = self.store.stage(&dir, unpacked, String::new())?;
        drop(lock);
        Ok(StagedLayer::for_test(record, &self.store))
    }

    pub(super) fn layer(&self, tar: &Tar) -> Digest {
        let staged = self.stage(&tar.0).unwrap();
        let diff_id = staged.record.diff_id.clone();
        self.store.commit_layers(vec![staged]).unwrap();
        diff_id
    }

    fn diff(&self, diff_id: &Digest) -> PathBuf {
        self.store.layout.layer(diff_id).join("diff")
    }
}

pub(super) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn give_back(store: &Store, diff_id: &Digest) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.layer_tar(diff_id).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_map_of_one_id_squashes() {
    for (map, squashes) in [
        ("", false),
        ("uids 0 1000 1 gids 0 1000 1", true),
        ("uids 0 1000 1 1 100000 65536 gids 0 1000 1 1 100000 65536", false),
        ("uids 0 1000 1 1 100000 65536 gids 0 1000 1", true),
        ("uids 0 0 4294967295 gids 0 0 4294967295", false),
    ] {
        assert_eq!(map_squashes(map), squashes, "{map}");
    }
}

#[test]
fn the_exact_tar_is_given_back() {
    let long = "x/".repeat(60) + "end";
    let big = "0123456789abcdef".repeat(50_000);
    let cases: Vec<(&str, Tar)> = vec![
        ("hard links", Tar::default().file("a", "one").hard_link("b", "a").hard_link("c/d", "./b").end()),
        (
            "PAX",
            Tar::default().pax(&[("path", &long), ("mtime", "1.5"), ("SCHILY.xattr.user.a", "b")]).file("x", "y").end(),
        ),
        ("unsorted", Tar::default().file("z/y/x", "1").file("a", "2").dir("z", 0o700).file("z/y/w", "3").end()),
        (
            "duplicates",
            Tar::default().file("a", "first").file("a", "second").file("b/c", "x").symlink("b", "/etc").end(),
        ),
        ("a linked name replaced", Tar::default().file("a", "first").hard_link("b", "a").file("a", "second").end()),
        ("a tree replaced", Tar::default().file("d/e/f", "one").file("d/e/g", "two").file("d", "file now").end()),
        ("through a link", Tar::default().dir("usr/lib", 0o755).symlink("lib", "usr/lib").file("lib/so", "elf").end()),
        ("a link that moves", {
            let first = Tar::default().symlink("l", "one").file("l/a", "first");
            first.symlink("l", "two").file("l/a", "second").end()
        }),
        ("trailing garbage", Tar::default().file("a", "1").end().bytes(b"whatever").bytes(&[0; 5000])),
        ("no end", Tar::default().file("a", "1")),
        ("nothing", Tar::default()),
        ("only an end", Tar::default().end()),
        ("padding that is not zero", {
            let mut tar = Tar::default().file("a", "1");
            let last = tar.0.len() - 1;
            tar.0[last] = 7;
            tar.end()
        }),
        ("large", Tar::default().file("big", &big).file("after", "x").end()),
        ("whiteouts with content", Tar::default().file("d/.wh.x", "content").file(".wh..wh.plnk/1.2", "aufs").end()),
        ("devices and fifos", {
            let device = Spec { path: "null", kind: b'3', device: (1, 3), ..Spec::default() };
            let fifo = Spec { path: "fifo", kind: b'6', ..Spec::default() };
            Tar::default().add(&device).add(&fifo).end()
        }),
    ];
    for driver in [Driver::Overlay, Driver::Vfs] {
        let fixture = Fixture::new(driver);
        for (what, tar) in &cases {
            let diff_id = fixture.layer(tar);
            assert_eq!(diff_id, Digest::of(&tar.0), "{what}");
            assert!(give_back(&fixture.store, &diff_id) == tar.0, "{what}: other bytes");
        }
    }
}

#[test]
fn compressed_layers_are_told_by_their_first_bytes() {
    use std::io::Write;
    let fixture = Fixture::new(Driver::Overlay);
    let tar = Tar::default().file("a", "content").end();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar.0[..700]).unwrap();
    let mut members = gzip.finish().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar.0[700..]).unwrap();
    members.extend(gzip.finish().unwrap());
    for bytes in [members.clone(), zstd::encode_all(tar.0.as_slice(), 3).unwrap()] {
        assert_eq!(fixture.stage(&bytes).unwrap().record.diff_id, Digest::of(&tar.0));
        let cut = fixture.stage(&bytes[..bytes.len() - 5]).unwrap_err();
        assert_eq!(Fault::kind_of(&cut), Kind::Invalid, "{cut:#}");
    }
    let error = fixture.stage(b"\xfd7zXZ\0whatever").unwrap_err();
    assert!(format!("{error:#}").contains("xz is not supported"), "{error:#}");
}

#[test]
fn entries_arrive_with_modes_times_and_links() {
    let fixture = Fixture::new(Driver::Overlay);
    let tar = Tar::default()
        .dir("d", 0o1777)
        .add(&Spec { path: "d/suid", mode: 0o4755, content: b"x", mtime: 77, ..Spec::default() })
        .pax(&[("mtime", "1234.000000005")])
        .file("d/f", "content")
        .hard_link("d/g", "d/f")
        .symlink("s", "d/f")
        .add(&Spec { path: "closed/", kind: b'5', mode: 0, mtime: 5, ..Spec::default() })
        .file("closed/inside", "x")
        .end();
    let diff = fixture.diff(&fixture.layer(&tar));
    let stat = |path: &str| fs::symlink_metadata(diff.join(path)).unwrap();
    assert_eq!(stat("d").mode() & 0o7777, 0o1777);
    assert_eq!((stat("d").mtime(), stat("d/suid").mode() & 0o7777, stat("d/suid").mtime()), (1000, 0o4755, 77));
    assert_eq!((stat("d/f").mtime(), stat("d/f").mtime_nsec()), (1234, 5));
    assert_eq!((stat("d/f").ino(), stat("d/f").nlink()), (stat("d/g").ino(), 2));
    assert_eq!(fs::read_link(diff.join("s")).unwrap(), Path::new("d/f"));
    assert_eq!((stat("closed").mode() & 0o7777, stat("closed").mtime()), (0, 5));
}

#[test]
fn what_steers_the_host_never_arrives() {
    let fixture = Fixture::new(Driver::Overlay);
    let evil = [
        ("SCHILY.xattr.trusted.overlay.opaque", "y"),
        ("SCHILY.xattr.user.overlay.redirect", "/etc"),
        ("SCHILY.xattr.security.selinux", "x"),
        ("SCHILY.xattr.user.kept", "yes"),
    ];
    let tar = Tar::default().pax(&evil).dir("d", 0o755).pax(&evil).file("f", "x").end();
    let diff = fixture.diff(&fixture.layer(&tar));
    for name in ["d", "f"] {
        let names = crate::sys::xattr::list(fs::File::open(diff.join(name)).unwrap()).unwrap();
        let names: Vec<_> = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        assert!(names.iter().all(|name| name == "user.kept"), "{names:?}");
    }
    let device = Spec { path: "gone", kind: b'3', ..Spec::default() };
    for (what, tar) in [
        ("device 0:0", Tar::default().add(&device).end()),
        (".wh.", Tar::default().file("d/.wh.", "").end()),
        (".wh...", Tar::default().file(".wh...", "").end()),
        ("out of the layer", Tar::default().file("a/../../b", "").end()),
        ("link out of the layer", Tar::default().hard_link("a", "../../b").end()),
        ("beneath a file", Tar::default().file("a", "x").file("a/b", "y").end()),
        ("root is a file", Tar::default().file("./", "x").end()),
        ("links in a circle", Tar::default().symlink("a", "b").symlink("b", "a").file("a/x", "y").end()),
    ] {
        let error = fixture.stage(&tar.0).unwrap_err();
        assert!(matches!(Fault::kind_of(&error), Kind::Invalid | Kind::Internal), "{what}: {error:#}");
    }
}

/// Mounts nothing: looks a path up in a stack as the overlay would.
fn find(mount: &RootMount, path: &str) -> Option<PathBuf> {
    let RootMount::Overlay { lower, .. } = mount else { panic!("not an overlay") };
    lower.iter().map(|dir| dir.join(path)).find(|path| path.symlink_metadata().is_ok())
}

fn mount_of(fixture: &Fixture, layers: &[Digest]) -> RootMount {
    let dirs = ContainerDirs { disk: fixture.dir.path().join("disk"), run: fixture.dir.path().join("run-of-it") };
    fixture.store.root_mount(layers, &dirs, false, None).unwrap()
}

#[test]
fn implicit_directories_do_not_hide_those_below() {
    let fixture = Fixture::new(Driver::Overlay);
    let bottom = Spec { path: "etc", kind: b'5', mode: 0o2750, mtime: 42, ..Spec::default() };
    let bottom = Tar::default().pax(&[("SCHILY.xattr.user.mark", "below")]).add(&bottom).file("etc/a", "1").end();
    let bottom = fixture.layer(&bottom);
    let top = fixture.layer(&Tar::default().file("etc/x", "2").file("new/dir/y", "3").end());
    let mount = mount_of(&fixture, &[bottom.clone(), top.clone()]);
    let etc = find(&mount, "etc").unwrap();
    let stat = etc.metadata().unwrap();
    assert_eq!((stat.mode() & 0o7777, stat.mtime()), (0o2750, 42));
    let mark = crate::sys::xattr::get(fs::File::open(&etc).unwrap(), c"user.mark").unwrap();
    assert_eq!(mark.as_deref(), Some(&b"below"[..]));
    assert!(!etc.join("x").exists(), "the fix has no files");
    // Nothing to settle: nothing on top.
    for layers in [vec![bottom.clone()], vec![top.clone()], vec![top.clone(), bottom.clone()]] {
        let RootMount::Overlay { lower, .. } = mount_of(&fixture, &layers) else { panic!() };
        assert_eq!(lower.len(), layers.len(), "{layers:?}");
    }
    // An implicit one above what was taken away and made anew is the new one.
    let gone = fixture.layer(&Tar::default().file(".wh.etc", "").end());
    let RootMount::Overlay { lower, .. } = mount_of(&fixture, &[bottom, gone, top]) else { panic!() };
    assert_eq!(lower.len(), 3);
}

#[test]
fn hard_links_into_lower_layers_are_settled() {
    let fixture = Fixture::new(Driver::Overlay);
    let bottom = fixture.layer(&Tar::default().dir("bin", 0o711).file("bin/tool", "program").end());
    let top = Tar::default().file("other", "x").hard_link("bin/alias", "bin/tool").hard_link("copy", "/bin/tool").end();
    let top_id = fixture.layer(&top);
    let layers = [bottom.clone(), top_id.clone()];
    let mount = mount_of(&fixture, &layers);
    for path in ["bin/alias", "copy"] {
        assert_eq!(fs::read_to_string(find(&mount, path).unwrap()).unwrap(), "program", "{path}");
    }
    assert_eq!(find(&mount, "bin").unwrap().metadata().unwrap().mode() & 0o777, 0o711);
    assert!(give_back(&fixture.store, &top_id) == top.0);
    // A layer above takes one of them away.
    let above = fixture.layer(&Tar::default().file(".wh.copy", "").end());
    let mount = mount_of(&fixture, &[bottom, top_id, above]);
    assert!(find(&mount, "bin/alias").is_some());
    let copy = find(&mount, "copy").unwrap().symlink_metadata().unwrap();
    assert!(extract_is_whiteout(&copy));
}

fn extract_is_whiteout(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    meta.file_type().is_char_device() && meta.rdev() == 0
}

#[test]
#[allow(clippy::print_stderr)]
fn whiteouts_and_own_entries_of_one_layer_get_along() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let fixture = Fixture::new(Driver::Overlay);
    let opaque = |path: &Path| {
        let dir = fs::File::open(path).unwrap();
        crate::sys::xattr::get(dir, c"trusted.overlay.opaque").unwrap().as_deref() == Some(&b"y"[..])
    };
    for tar in [
        Tar::default().file(".wh.d", "").dir("d", 0o755).file("d/x", "1").file(".wh.f", "").file("f", "new").end(),
        Tar::default().dir("d", 0o755).file("d/x", "1").file(".wh.d", "").file("f", "new").file(".wh.f", "").end(),
        Tar::default().file("d/.wh..wh..opq", "").dir("d", 0o755).file("d/x", "1").file("f", "new").end(),
    ] {
        let diff = fixture.diff(&fixture.layer(&tar));
        assert!(opaque(&diff.join("d")));
        assert_eq!(fs::read_to_string(diff.join("d/x")).unwrap(), "1");
        assert_eq!(fs::read_to_string(diff.join("f")).unwrap(), "new");
    }
    let diff = fixture.diff(&fixture.layer(&Tar::default().file("a/.wh.b", "").end()));
    assert!(extract_is_whiteout(&diff.join("a/b").symlink_metadata().unwrap()));
}

#[test]
fn staged_layers_are_good_in_one_boot_only() {
    let mut fixture = Fixture::new(Driver::Overlay);
    let tar = Tar::default().file("a", "1").end();
    let diff_id = fixture.stage(&tar.0).unwrap().record.diff_id.clone();
    assert!(fixture.store.layer(&diff_id).unwrap().is_some());
    let boot = std::mem::replace(&mut fixture.store.boot_id, "another".into());
    assert!(fixture.store.layer(&diff_id).unwrap().is_none());
    fixture.store.boot_id = boot;
    fixture.store.settle_layers(std::slice::from_ref(&diff_id)).unwrap();
    fixture.store.boot_id = "another".into();
    assert!(fixture.store.layer(&diff_id).unwrap().is_some());
}

/// A layer that is unpacked anew for other ids replaces one that a container may be running on: its files stay until
/// the first sweep after the container's end. The control: without a container they go at once.
#[test]
fn a_replaced_layer_stays_while_a_container_runs_on_it() {
    use crate::model::lifecycle::Change;
    for running in [false, true] {
        let fixture = Fixture::new(Driver::Overlay);
        let tar = Tar::default().file("a", "1").end();
        let diff_id = fixture.layer(&tar);
        let file = fs::File::open(fixture.diff(&diff_id)).unwrap();
        let container = running.then(|| {
            let record = crate::store::containers::record_for_test(1, "web", vec![diff_id.clone()]);
            let mut container = fixture.store.create_container(record, crate::store::Place::Disk).unwrap();
            for change in [Change::Made, Change::Start] {
                container.set_phase(change).unwrap();
            }
            container.save().unwrap();
            container
        });
        let again = fixture.layer(&tar);
        assert_eq!(again, diff_id);
        let trash = || fs::read_dir(fixture.store.layout.trash()).unwrap().count();
        let there = || nix::sys::stat::fstatat(&file, "a", AtFlags::empty()).is_ok();
        assert_eq!((there(), trash()), (running, usize::from(running)));
        fixture.store.sweep().unwrap();
        assert_eq!((there(), trash()), (running, usize::from(running)));
        assert_eq!(fixture.store.check(true, true).unwrap().leftovers, []);
        if let Some(mut container) = container {
            container.set_phase(Change::Exit { code: Some(0) }).unwrap();
            container.save().unwrap();
            fixture.store.sweep().unwrap();
            assert_eq!((there(), trash()), (false, 0));
        }
    }
}

#[test]
fn garbage_goes_and_what_is_held_stays() {
    let fixture = Fixture::new(Driver::Overlay);
    let diff_id = fixture.layer(&Tar::default().file("etc/a", "1").end());
    mount_of(&fixture, std::slice::from_ref(&diff_id));
    let hold = fixture.store.hold().unwrap();
    assert!(fixture.store.sweep().unwrap().layers.is_empty());
    assert!(fixture.store.layer(&diff_id).unwrap().is_some());
    drop(hold);
    assert_eq!(fixture.store.sweep().unwrap().layers, std::slice::from_ref(&diff_id));
    assert!(fixture.store.layer(&diff_id).unwrap().is_none());
    for dir in ["layers", "chains", "staging", "trash"] {
        assert_eq!(fs::read_dir(fixture.store.layout.root().join(dir)).unwrap().count(), 0, "{dir}");
    }
}

#[test]
fn check_names_what_crashes_leave_and_cries_wolf_at_nothing() {
    let fixture = Fixture::new(Driver::Overlay);
    let root = fixture.store.layout.root().to_path_buf();
    assert_eq!(fixture.store.check(false, true).unwrap().leftovers, []);
    let diff_id = fixture.layer(&Tar::default().file("a", "1").end());
    drop(fixture.stage(&Tar::default().file("b", "1").end().0).unwrap());
    fs::create_dir_all(root.join("staging/999999999-0.another-boot/diff")).unwrap();
    fs::create_dir_all(root.join("trash/x/y")).unwrap();
    fs::write(root.join("blobs").join("0".repeat(64)), "x").unwrap();
    fs::write(root.join("images.json.999999999.tmp"), "x").unwrap();
    fs::create_dir_all(root.join("containers").join("1".repeat(64))).unwrap();
    std::os::unix::fs::symlink("2".repeat(64), root.join("names/web")).unwrap();
    fs::create_dir_all(fixture.dir.path().join("run/containers").join("3".repeat(64))).unwrap();
    let found = fixture.store.check(false, true).unwrap();
    assert_eq!(found.leftovers.len(), 9, "{found:#?}");
    assert!(found.leftovers.iter().all(|leftover| !leftover.healed));
    let healed = fixture.store.check(true, true).unwrap();
    assert_eq!(healed.leftovers.len(), 9);
    assert!(healed.is_clean(), "{healed:#?}");
    assert_eq!(fixture.store.check(false, true).unwrap().leftovers, []);
    assert!(fixture.store.layer(&diff_id).unwrap().is_none());
}

/// A directory that nothing may reach, beside the one in which layers are unpacked.
struct Pit {
    dir: tempfile::TempDir,
    canary: PathBuf,
}

impl Pit {
    fn new() -> Pit {
        let dir = tempfile::tempdir_in(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }).unwrap();
        let canary = dir.path().join("canary");
        fs::create_dir(&canary).unwrap();
        fs::write(canary.join("x"), "canary").unwrap();
        fs::set_permissions(&canary, fs::Permissions::from_mode(0o711)).unwrap();
        fs::create_dir(dir.path().join("layer")).unwrap();
        Pit { dir, canary }
    }

    fn look(&self) -> Vec<(u32, i64, i64, u64, u64)> {
        let of = |path: &Path| {
            let meta = path.symlink_metadata().unwrap();
            (meta.mode(), meta.ctime(), meta.ctime_nsec(), meta.nlink(), meta.size())
        };
        let count = fs::read_dir(self.dir.path()).unwrap().count() as u64;
        vec![of(&self.canary), of(&self.canary.join("x")), (0, 0, 0, count, 0)]
    }

    /// Unpacks these entries; whether they were taken.
    fn unpack(&self, entries: &[&[u8]]) -> bool {
        let layer = self.dir.path().join("layer");
        for name in ["diff", "kept"] {
            fs::create_dir(layer.join(name)).unwrap();
        }
        let open = |name: &str| open(&layer.join(name), OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty()).unwrap();
        let stream = headers::Writer::new(fs::File::create(layer.join("headers")).unwrap()).unwrap();
        let tar = [&entries.concat()[..], &[0; 1024]].concat();
        let mut reader = tarball::Reader::new(tar.as_slice());
        let options = Options { plain_marks: false, squash: !is_root() };
        let outcome = Extractor::new(open("diff"), open("kept"), stream, options).run(&mut reader);
        let beside = fs::read_dir(&layer).unwrap().count();
        assert_eq!(beside, 3, "something lies beside the layer: {outcome:?}");
        for name in ["diff", "kept"] {
            crate::store::tree::remove(&layer.join(name)).unwrap();
        }
        outcome.is_ok()
    }
}

/// An entry of every kind for each of these names, links to each of these targets.
fn hostile_entries(names: &[&str], links: &[&str]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for name in names {
        for kind in [b'0', b'5', b'6', b'3'] {
            let spec = Spec { path: name, kind, device: (1, 3), ..Spec::default() };
            entries.push(Tar::default().add(&spec).0);
        }
        entries.push(Tar::default().file(name, "content").0);
        for link in links {
            entries.push(Tar::default().symlink(name, link).0);
            entries.push(Tar::default().hard_link(name, link).0);
        }
    }
    entries
}

fn all() -> bool {
    std::env::var("ATTACKS").as_deref() == Ok("all")
}

/// Every pair of entries of these kinds and names; nothing outside the layer may change. All of them with
/// `ATTACKS=all`, else a sixth.
#[test]
fn no_pair_of_entries_reaches_outside() {
    let pit = Pit::new();
    let absolute = pit.canary.join("x").to_str().unwrap().to_string();
    let names = [
        "a",
        "a/x",
        "a/b/x",
        "/a",
        "./a",
        "a/../a",
        "../canary/x",
        "../../canary/x",
        &absolute,
        "a/../../canary/x",
        ".",
        "a/.wh.x",
        ".wh.a",
        "a/.wh..wh..opq",
    ];
    let entries = hostile_entries(&names, &[pit.canary.to_str().unwrap(), "../../canary", "a", "/", &absolute]);
    let before = pit.look();
    let (mut tried, mut taken) = (0, 0);
    for (one, first) in entries.iter().enumerate() {
        for (other, second) in entries.iter().enumerate() {
            if all() || (one * 7 + other) % 6 == 0 {
                tried += 1;
                taken += u32::from(pit.unpack(&[first, second]));
                assert_eq!(pit.look(), before, "entries {one} and {other}");
            }
        }
    }
    println!("{tried} pairs, {taken} of them taken");
    assert!(taken > 1000, "{taken}");
}

/// The same of three entries, with fewer names; all 200,000 with `ATTACKS=all`, else a hundredth.
#[test]
fn no_three_entries_reach_outside() {
    let pit = Pit::new();
    let absolute = pit.canary.join("x").to_str().unwrap().to_string();
    let names = ["a", "a/x", "a/b/x", "../canary/x", "a/.wh.x", ".wh.a"];
    let entries = hostile_entries(&names, &[pit.canary.to_str().unwrap(), "../../canary", &absolute]);
    let before = pit.look();
    let (mut tried, mut taken) = (0, 0);
    let mut number = 0;
    for first in &entries {
        for second in &entries {
            for third in &entries {
                number += 1;
                if all() || number % 101 == 0 {
                    tried += 1;
                    taken += u32::from(pit.unpack(&[first, second, third]));
                    assert_eq!(pit.look(), before, "number {number}");
                }
            }
        }
    }
    println!("{tried} threes, {taken} of them taken");
    assert!(number > 200_000 && taken > 300, "{number} {taken}");
}

/// The control: what the two above look for is seen.
#[test]
fn a_touched_canary_is_seen() {
    for touch in [
        |pit: &Pit| fs::write(pit.canary.join("x"), "canary").unwrap(),
        |pit: &Pit| fs::set_permissions(&pit.canary, fs::Permissions::from_mode(0o700)).unwrap(),
        |pit: &Pit| fs::hard_link(pit.canary.join("x"), pit.dir.path().join("layer/y")).unwrap(),
        |pit: &Pit| fs::write(pit.dir.path().join("new"), "").unwrap(),
    ] {
        let pit = Pit::new();
        let before = pit.look();
        std::thread::sleep(std::time::Duration::from_millis(10));
        assert_eq!(pit.look(), before);
        touch(&pit);
        assert_ne!(pit.look(), before);
    }
}

#[test]
fn a_copy_shows_what_an_overlay_would() {
    let fixture = Fixture::new(Driver::Vfs);
    let bottom = Tar::default()
        .dir("etc", 0o750)
        .file("etc/a", "1")
        .file("etc/b", "2")
        .dir("hidden", 0o755)
        .file("hidden/x", "3")
        .file("file", "was a file")
        .dir("again", 0o755)
        .file("again/old", "4")
        .symlink("link", "etc")
        .end();
    let top = Tar::default()
        .file("etc/.wh.a", "")
        .file("etc/c", "5")
        .file("hidden/.wh..wh..opq", "")
        .file("file/now-a-directory", "6")
        .file(".wh.again", "")
        .dir("again", 0o711)
        .hard_link("alias", "etc/b")
        .file("one", "7")
        .hard_link("two", "one")
        .dir("link", 0o755)
        .end();
    let layers = [fixture.layer(&bottom), fixture.layer(&top)];
    let RootMount::Directory(root) = mount_of(&fixture, &layers) else { panic!("not a copy") };
    let mut names: Vec<String> = Vec::new();
    let mut todo = vec![root.clone()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            names.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_string());
            todo.extend(path.symlink_metadata().unwrap().is_dir().then_some(path));
        }
    }
    names.sort();
    let expected = "again alias etc etc/b etc/c file file/now-a-directory hidden link one two";
    assert_eq!(names.join(" "), expected);
    let mode = |path: &str| root.join(path).symlink_metadata().unwrap().mode() & 0o777;
    assert_eq!((mode("etc"), mode("again"), mode("hidden")), (0o750, 0o711, 0o755));
    let ino = |path: &str| root.join(path).metadata().unwrap().ino();
    assert_eq!((ino("one"), ino("alias")), (ino("two"), ino("etc/b")));
    assert_eq!(fs::read_to_string(root.join("alias")).unwrap(), "2");
}
