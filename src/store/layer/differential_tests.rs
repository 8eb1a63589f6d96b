//! The same tars read by us and by others: GNU tar, libarchive, Python, and Go (by umoci). Where we take one, everybody who
//! takes it sees the same files: an entry list that depends on the reader smuggles files past whoever looked at them.

use super::Driver;
use super::artefact::{Spec, Tar};
use super::tests::{Fixture, is_root};
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

/// Path → type, permissions, content or target.
type Tree = BTreeMap<Vec<u8>, (char, u32, Vec<u8>)>;

fn walk(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            let stat = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
            let what = if stat.is_dir() {
                todo.push(path);
                // Those that nobody described are made as everybody likes.
                ('d', 0, Vec::new())
            } else if stat.is_symlink() {
                ('l', 0, std::fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec())
            } else {
                let content = std::fs::read(&path).unwrap();
                (if stat.nlink() > 1 { 'h' } else { 'f' }, stat.permissions().mode() & 0o7777, content)
            };
            tree.insert(name, what);
        }
    }
    tree
}

/// What others make of a tar; `None`: they refuse it.
struct Readers {
    dir: tempfile::TempDir,
}

const PYTHON: &str = "import sys, tarfile
tarfile.open(sys.argv[1], 'r:').extractall(sys.argv[2], **({'filter': 'fully_trusted'} if hasattr(tarfile, 'fully_trusted_filter') else {}))";

impl Readers {
    fn read(&self, reader: &str, tar: &[u8]) -> Option<Tree> {
        let archive = self.dir.path().join("archive.tar");
        std::fs::write(&archive, tar).unwrap();
        let out = self.dir.path().join("out");
        let _ = std::fs::remove_dir_all(&out);
        std::fs::create_dir(&out).unwrap();
        let mut root = out.clone();
        let mut command = Command::new(reader);
        match reader {
            "tar" => command.arg("-xpf").arg(&archive).arg("-C").arg(&out),
            "bsdtar" => command.arg("-xpf").arg(&archive).arg("-C").arg(&out),
            "python3" => command.arg("-c").arg(PYTHON).arg(&archive).arg(&out),
            _ => {
                let layout = self.layout(tar);
                root = out.join("tree");
                command.args(["raw", "unpack", "--image"]).arg(layout).arg(&root)
            }
        };
        let output = command.env("LC_ALL", "C").output().unwrap();
        output.status.success().then(|| walk(&root))
    }

    /// An OCI layout with this one layer.
    fn layout(&self, tar: &[u8]) -> String {
        let layout = self.dir.path().join("layout");
        let _ = std::fs::remove_dir_all(&layout);
        let blobs = layout.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let put = |bytes: &[u8]| {
            let digest = crate::model::digest::Digest::of(bytes);
            std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
            (digest.to_string(), bytes.len())
        };
        let layer = put(tar);
        let config = json!({"architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer.0]}, "history": [{"created_by": "x"}]});
        let config = put(&serde_json::to_vec(&config).unwrap());
        let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.0, "size": config.1},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer.0, "size": layer.1}]});
        let manifest = put(&serde_json::to_vec(&manifest).unwrap());
        let index = json!({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": manifest.0, "size": manifest.1, "annotations": {"org.opencontainers.image.ref.name": "x"}}]});
        std::fs::write(layout.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
        std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        format!("{}:x", layout.display())
    }
}

/// A header whose bytes are changed before its sum is taken.
fn header(spec: &Spec<'_>, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = Tar::default().add(spec).0;
    change(&mut bytes[..512]);
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes[..512].iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

fn extension(kind: u8, content: &[u8]) -> Vec<u8> {
    Tar::default().add(&Spec { path: "././@LongLink", kind, content, ..Spec::default() }).0
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    Tar::default().pax(records).0
}

/// What stands before an entry.
fn before() -> Vec<(&'static str, Vec<u8>)> {
    let long = "n".repeat(120);
    let global = |records: &[(&str, &str)]| {
        let mut bytes = pax(records);
        bytes[156] = b'g';
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        bytes[148..156].fill(b' ');
        let sum = sum(&bytes[..512]);
        bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes
    };
    vec![
        ("nothing", Vec::new()),
        ("PAX path", pax(&[("path", "renamed")])),
        ("PAX long path", pax(&[("path", &long)])),
        ("PAX size as it is", pax(&[("size", "5")])),
        ("PAX size of a block", pax(&[("size", "512")])),
        ("PAX size 0", pax(&[("size", "0")])),
        ("PAX size with zeros", pax(&[("size", "0000005")])),
        ("PAX path twice", pax(&[("path", "first"), ("path", "second")])),
        ("PAX empty path", pax(&[("path", "")])),
        ("PAX empty size", pax(&[("size", "")])),
        ("PAX link path", pax(&[("linkpath", "elsewhere")])),
        ("PAX, then PAX", [pax(&[("path", "first")]), pax(&[("size", "5")])].concat()),
        ("PAX nothing", extension(b'x', b"")),
        ("GNU long name", extension(b'L', b"long-name\0")),
        ("GNU long name without end", extension(b'L', b"long-name")),
        ("GNU long link", extension(b'K', b"long-link\0")),
        ("GNU both", [extension(b'K', b"long-link\0"), extension(b'L', b"long-name\0")].concat()),
        ("GNU, then PAX", [extension(b'L', b"gnu-name\0"), pax(&[("path", "pax-name")])].concat()),
        ("PAX, then GNU", [pax(&[("path", "pax-name")]), extension(b'L', b"gnu-name\0")].concat()),
        ("PAX size, then GNU", [pax(&[("size", "512")]), extension(b'L', b"gnu-name\0")].concat()),
        ("global path", global(&[("path", "global")])),
        ("global size", global(&[("size", "512")])),
        ("global comment", global(&[("comment", "x")])),
    ]
}

/// Entries; the first is there for the links.
fn entries() -> Vec<(&'static str, Vec<u8>)> {
    let file = Spec { path: "entry", content: b"hello", ..Spec::default() };
    let kind =
        |kind: u8, path, link, content| Tar::default().add(&Spec { path, kind, link, content, ..Spec::default() }).0;
    let block = [b'b'; 512];
    vec![
        ("a file", Tar::default().add(&file).0),
        ("a file of one block", kind(b'0', "entry", "", &block)),
        ("an empty file", kind(b'0', "entry", "", b"")),
        ("an old file", kind(0, "entry", "", b"hello")),
        ("a contiguous file", kind(b'7', "entry", "", b"hello")),
        ("a directory", kind(b'5', "entry/", "", b"")),
        ("a directory with content", kind(b'5', "entry/", "", &block)),
        ("an old directory", kind(0, "entry/", "", b"")),
        ("a file with a slash", kind(b'0', "entry/", "", b"hello")),
        ("a hard link", kind(b'1', "entry", "target", b"")),
        ("a hard link with content", kind(b'1', "entry", "target", &block)),
        ("a symbolic link", kind(b'2', "entry", "target", b"")),
        ("a symbolic link with content", kind(b'2', "entry", "target", &block)),
        (
            "a size of base 256",
            header(&file, |block| {
                block[124..136].fill(0);
                block[124] = 0x80;
                block[135] = 5;
            }),
        ),
        ("a size with spaces", header(&file, |block| block[124..136].copy_from_slice(b"         5 \0"))),
        ("a size without end", header(&file, |block| block[124..136].copy_from_slice(b"000000000005"))),
        ("a name without end", header(&file, |block| block[..100].fill(b'x'))),
        ("a prefix", header(&file, |block| block[345..351].copy_from_slice(b"prefix"))),
        (
            "a prefix in GNU's form",
            header(&file, |block| {
                block[257..265].copy_from_slice(b"ustar  \0");
                block[345..351].copy_from_slice(b"prefix");
            }),
        ),
        (
            "a prefix in the oldest form",
            header(&file, |block| {
                block[257..265].fill(0);
                block[345..351].copy_from_slice(b"prefix");
            }),
        ),
        ("GNU's form", header(&file, |block| block[257..265].copy_from_slice(b"ustar  \0"))),
        ("the oldest form", header(&file, |block| block[257..265].fill(0))),
        ("a dotted path", kind(b'0', "././entry", "", b"hello")),
        ("slashes", kind(b'0', "d//entry", "", b"hello")),
        ("a sum of signed bytes", header(&file, |block| block[6] = 0xe9)),
        ("bytes after the name's end", header(&file, |block| block[6..9].copy_from_slice(b"abc"))),
    ]
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

#[test]
#[allow(clippy::print_stdout)]
fn all_readers_see_the_same_files_or_we_refuse() {
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let names: Vec<&str> = ["tar", "bsdtar", "python3", "umoci"].into_iter().filter(|name| has(name)).collect();
    assert!(std::env::var("TEST_REQUIRE").as_deref() != Ok("all") || names.len() == 4, "only {names:?} are installed");
    let readers = Readers { dir: tempfile::tempdir().unwrap() };
    let fixture = Fixture::new(Driver::Overlay);
    let all = std::env::var("ATTACKS").as_deref() == Ok("all");
    let (mut taken, mut refused, mut compared, mut wrong) = (0, 0, 0, Vec::new());
    let target = Tar::default().file("target", "the target");
    let sentinel = Tar::default().file("sentinel", "comes after").end();
    for (one, (before, first)) in before().iter().enumerate() {
        for (other, (what, entry)) in entries().iter().enumerate() {
            if !all && (one * 5 + other) % 13 != 0 {
                continue;
            }
            let tar = [&target.0[..], first, entry, &sentinel.0].concat();
            let Ok(staged) = fixture.stage(&tar) else {
                refused += 1;
                continue;
            };
            let ours = walk(&fixture.store.staged_dir(&staged.record.diff_id).join("diff"));
            taken += 1;
            for name in &names {
                let Some(theirs) = readers.read(name, &tar) else { continue };
                compared += 1;
                if ours != theirs {
                    let show = |tree: &Tree| {
                        let line = |(path, (kind, mode, content)): (&Vec<u8>, &(char, u32, Vec<u8>))| {
                            let content = String::from_utf8_lossy(&content[..content.len().min(20)]).into_owned();
                            format!("{kind} {mode:o} {} {content:?}", String::from_utf8_lossy(path))
                        };
                        tree.iter().map(line).collect::<Vec<_>>().join(", ")
                    };
                    wrong.push(format!("{before}, {what}: {name} has {}; we have {}", show(&theirs), show(&ours)));
                }
            }
        }
    }
    println!("{taken} tars taken, {refused} refused, {compared} times compared with {names:?}");
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
    assert!(taken > 15 && (compared > taken || names.len() < 2));
}

/// The control: two readers that differ are told apart.
#[test]
fn a_difference_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in [("one", "x"), ("two", "y")] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join(name).join("f"), content).unwrap();
    }
    assert_ne!(walk(&dir.path().join("one")), walk(&dir.path().join("two")));
    std::fs::write(dir.path().join("two/f"), "x").unwrap();
    assert_eq!(walk(&dir.path().join("one")), walk(&dir.path().join("two")));
    std::fs::set_permissions(dir.path().join("two/f"), std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_ne!(walk(&dir.path().join("one")), walk(&dir.path().join("two")));
}
