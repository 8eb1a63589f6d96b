//! The one test binary: one link, one place to look. One file per verb; the test below fails when one is not listed.

#![allow(clippy::print_stdout)] // `skipped: needs X`

mod architecture;
mod attacks;
mod cli;
mod container;
mod faults;
mod generated;
mod image;
mod journey;
mod network;
mod oci;
mod packaging;
mod registry;
mod rootless;
mod runtime;
mod support;
mod system;
mod threats;

/// A file below tests/ that no `mod` line reaches would never be compiled, and so never fail.
#[test]
fn every_file_is_listed() {
    let mut missing = Vec::new();
    unlisted(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), "main.rs", &mut missing);
    assert!(missing.is_empty(), "not reached by a `mod` line: {missing:?}");
}

/// Looks at every `.rs` file and directory beside `list` (main.rs or mod.rs) and wants a `mod name;` in it.
fn unlisted(dir: &std::path::Path, list: &str, missing: &mut Vec<String>) {
    let text = std::fs::read_to_string(dir.join(list)).unwrap_or_default();
    for entry in std::fs::read_dir(dir).expect("tests/ is a directory").flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_module = if path.is_dir() {
            name != "data"
        } else {
            path.extension().is_some_and(|extension| extension == "rs") && !["main", "mod"].contains(&&*name)
        };
        if !is_module {
            continue;
        }
        if !text.lines().any(|line| line.trim_start_matches("pub ").trim() == format!("mod {name};")) {
            missing.push(format!("{} (in {})", path.display(), dir.join(list).display()));
        } else if path.is_dir() {
            unlisted(&path, "mod.rs", missing);
        }
    }
}
