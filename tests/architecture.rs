//! The house rules that a compiler does not know: who may use whom, where `unsafe`, printing and the environment are.

use std::path::{Path, PathBuf};

/// Module → what it may use besides itself, fault, undo and trip. Not listed: anything.
const LAYERS: &[(&str, &[&str])] = &[
    ("fault", &[]),
    ("undo", &[]),
    ("trip", &[]),
    ("model", &[]),
    ("sys", &[]),
    ("config", &["model", "sys"]),
    ("store", &["model", "sys"]),
    ("registry", &["model", "sys"]),
    ("runtime", &["sys"]),
    ("rootless", &["model", "sys", "config"]),
    ("monitor", &["model", "sys", "runtime"]),
    ("network", &["model", "sys", "store"]),
    ("image", &["model", "sys", "store", "registry"]),
    ("engine", &["model", "sys", "config", "store", "registry", "runtime", "rootless", "monitor", "network", "image"]),
    ("cli", &["model", "config", "engine"]),
];

/// Arrows that are meant, by file: the raw mode and signals of a terminal; `run` joins the user's namespace.
const EXCEPTIONS: &[(&str, &str)] =
    &[("cli/terminal/", "sys"), ("cli/mod.rs", "rootless"), ("cli/oci/", "runtime"), ("cli/oci/", "sys")];

/// The base that everybody may use.
const BASE: &[&str] = &["fault", "undo", "trip"];

/// Every line of src/ as (path below src, line number, code without comment).
fn lines() -> Vec<(String, usize, String)> {
    fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("src/ is a directory").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&src, &mut files);
    files.sort();
    let mut all = Vec::new();
    for file in files {
        // Unit tests may do what they like.
        if file.file_stem().is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests")) {
            continue;
        }
        let name = file.strip_prefix(&src).expect("below src").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("readable");
        for (index, line) in text.lines().enumerate() {
            // So may those that stand at the end of a file.
            if line.starts_with("#[cfg(test)]")
                && text.lines().nth(index + 1).is_some_and(|next| next.starts_with("mod "))
            {
                break;
            }
            let code = line.split("//").next().unwrap_or_default();
            all.push((name.clone(), index + 1, code.to_string()));
        }
    }
    all
}

/// `cli/container/run.rs` → `cli`; `fault.rs` → `fault`.
fn module(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// The modules that a line names as `crate::x`, or in `use crate::{x, y::z}`.
fn used(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for character in list.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => found.push(std::mem::take(&mut word)),
                    _ if depth == 0 => word.push(character),
                    _ => {}
                }
            }
            found.push(word);
        } else {
            found.push(rest.to_string());
        }
    }
    let name = |text: &String| {
        text.trim().chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '_').collect::<String>()
    };
    found.iter().map(name).filter(|name| !name.is_empty()).collect()
}

#[test]
fn arrows_point_downwards() {
    let mut wrong = Vec::new();
    for (file, number, code) in lines() {
        let from = module(&file);
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == from) else { continue };
        for to in used(&code) {
            let known = LAYERS.iter().any(|(name, _)| *name == to) || to == "roles";
            let exception = EXCEPTIONS.iter().any(|(prefix, module)| file.starts_with(prefix) && *module == to);
            if known && to != from && !exception && !BASE.contains(&&*to) && !allowed.contains(&&*to) {
                wrong.push(format!("{file}:{number}: {from} may not use {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_module_is_in_the_table() {
    for (file, _, _) in lines() {
        let module = module(&file);
        let known =
            LAYERS.iter().any(|(name, _)| *name == module) || ["lib", "main", "roles", "fuzz"].contains(&module);
        assert!(known, "src/{file}: module {module} is in no layer; add it to LAYERS in tests/architecture.rs");
    }
}

/// Words that may stand only below certain paths.
#[test]
fn unsafe_printing_and_the_environment_stay_in_their_places() {
    let rules: &[(&[&str], &[&str])] = &[
        (&["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"], &["sys/"]),
        (&["println!", "eprintln!", "print!(", "eprint!(", "dbg!("], &["cli/", "roles"]),
        (&["std::env::", "env::var", "env::args"], &["config/", "main.rs", "roles", "trip.rs"]),
    ];
    let mut wrong = Vec::new();
    for (file, number, code) in lines() {
        for (words, places) in rules {
            if places.iter().any(|place| file.starts_with(place)) {
                continue;
            }
            if let Some(word) = words.iter().find(|word| code.contains(**word)) {
                wrong.push(format!("{file}:{number}: `{word}` belongs in {}", places.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_arrows_reads_them() {
    for (code, modules) in [
        ("use crate::store::Store;", &["store"][..]),
        ("use crate::{fault::Fault, store::{a, b}, sys};", &["fault", "store", "sys"]),
        ("crate::cli::main(); crate::sys::x()", &["cli", "sys"]),
        ("pub(crate) fn x()", &[]),
    ] {
        assert_eq!(used(code), modules, "{code}");
    }
}
