//! `make install` and `make uninstall`.

use crate::support::Sandbox;
use std::path::{Path, PathBuf};
use std::process::Command;

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn uninstall_takes_away_what_install_has_put_there() {
    let sandbox = Sandbox::new();
    let target = sandbox.path("installed");
    let install = |argument: &str| {
        let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/install"))
            .arg(argument)
            .env("DESTDIR", &target)
            .env("PREFIX", "/usr")
            .output()
            .expect("it can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    install(env!("CARGO_BIN_EXE_barge"));
    let version = Command::new(target.join("usr/bin/barge")).arg("--version").output().expect("it was installed");
    assert!(version.status.success());
    for path in ["usr/share/man/man1/barge-run.1", "usr/share/bash-completion/completions/barge"] {
        assert!(target.join(path).is_file(), "{path}");
    }
    let profile = std::fs::read_to_string(target.join("etc/apparmor.d/barge")).expect("it was installed");
    assert!(profile.contains("profile barge /usr/bin/barge ") && profile.contains("  userns,\n"), "{profile}");
    install("--remove");
    assert_eq!(files(&target), Vec::<PathBuf>::new());
}
