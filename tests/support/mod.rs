//! What the tests stand on: [`Sandbox`] runs the real binary in a store of its own, [`image`] makes images in code,
//! [`Registry`] is Debian's docker-registry on a free loopback port, [`needs!`] says what a test needs.
//!
//! ```ignore
//! #[test]
//! fn remove_refuses_a_running_container() {
//!     needs![root];
//!     let sandbox = Sandbox::with_busybox();
//!     sandbox.start_sleeper("web");
//!     sandbox.run("rm web").is("Error: cannot remove container [ID] as it is running - …\n").code(2);
//! }
//! ```
#![allow(dead_code, unused_imports, unused_macros)] // not every helper is used by every state of the tests

pub mod fake;
mod finished;
pub mod image;
mod machine;
mod need;
mod registry;
mod sandbox;
pub mod tls;

pub use finished::Finished;
pub use machine::Machine;
pub use need::{met, wanted};
pub(crate) use need::{needs, only_on};
pub use registry::Registry;
pub(crate) use sandbox::stay_in_the_machines_network;
pub use sandbox::{Running, Sandbox};

use std::path::PathBuf;

/// Where sandboxes live and images are cached: short, outside of the repository, and other users may pass through.
pub fn base() -> PathBuf {
    let base = match std::env::var_os("BARGE_TEST_DIR") {
        Some(dir) => PathBuf::from(dir),
        None if nix::unistd::geteuid().is_root() => PathBuf::from("/var/tmp/barge-test"),
        None => PathBuf::from(format!("/var/tmp/barge-test-{}", nix::unistd::geteuid())),
    };
    std::fs::create_dir_all(&base).expect("the directory of the tests can be made");
    base
}

/// Makes `name` in the cache unless it is there: `make` writes to the path it gets, which then is renamed. Safe
/// between the processes of a parallel test run.
pub fn cached(name: &str, make: impl FnOnce(&std::path::Path)) -> PathBuf {
    let dir = base().join("cache");
    std::fs::create_dir_all(&dir).expect("the cache can be made");
    let path = dir.join(name);
    if path.exists() {
        return path;
    }
    let lock = std::fs::File::create(dir.join(format!("{name}.lock"))).expect("the cache is writable");
    let _lock = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).expect("the cache can be locked");
    if !path.exists() {
        let partial = dir.join(format!("{name}.partial"));
        let _ = std::fs::remove_file(&partial);
        let _ = std::fs::remove_dir_all(&partial);
        make(&partial);
        std::fs::rename(&partial, &path).expect("what was made can be renamed");
    }
    path
}

/// Cuts a command line into words, with '…' and "…" as a shell would.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    assert!(quote.is_none(), "an open quote in {line:?}");
    words.extend(word);
    words
}

#[test]
fn words_are_cut_as_a_shell_cuts_them() {
    assert_eq!(
        words(r#"run --rm  x sh -c 'echo "a b"; true' """#),
        ["run", "--rm", "x", "sh", "-c", "echo \"a b\"; true", ""]
    );
}
