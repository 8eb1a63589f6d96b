//! THREAT_MODEL.md: every test that it names exists.

use crate::attacks::rows::exists;

/// What stands between backticks and looks like `file.rs: test`.
fn named(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).filter(|word| word.contains(".rs: ")).collect()
}

#[test]
fn every_promise_has_its_tests() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("THREAT_MODEL.md");
    let text = std::fs::read_to_string(path).expect("it is there");
    let mut promises = 0;
    let is_promise = |line: &&str| line.starts_with("| ") && !line.starts_with("| promise");
    for line in text.lines().filter(is_promise) {
        assert!(!named(line).is_empty(), "a promise without a test: {line}");
        promises += 1;
    }
    assert!(promises >= 20, "{promises}");
    let wrong: Vec<&str> = named(&text).into_iter().filter(|test| !exists(test)).collect();
    assert!(wrong.is_empty(), "named, but not there: {wrong:?}");
}
