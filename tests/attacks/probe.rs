//! What an attacker does, as a program in an image: `data/probe.c`.

use crate::support::image::{Image, Layer};
use crate::support::{Sandbox, cached, met};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The static program, built once per version of its source.
pub fn program() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks/data/probe.c");
    let digest = crate::support::image::sha256(&std::fs::read(&source).expect("the source is there"));
    cached(&format!("probe-{}", &digest[..16]), |path| {
        let gcc = Command::new("gcc").args(["-O1", "-static", "-o"]).arg(path).arg(&source).output();
        let gcc = gcc.expect("gcc can be started");
        assert!(gcc.status.success(), "{}", String::from_utf8_lossy(&gcc.stderr));
    })
}

/// A layer with the program as `/probe`, and as `/suid` with root's set-user-id bit.
pub fn layer() -> Layer {
    let program = std::fs::read(program()).expect("it was built");
    Layer::new().file("probe", 0o755, &program).file("suid", 0o4755, &program)
}

/// Loads the image `probe`: busybox, and the program.
pub fn load(sandbox: &Sandbox) {
    sandbox.load(&Image::new("probe:latest").from_busybox().layer(layer()));
}

/// Runs a test with the image: as whoever runs the tests, and as an ordinary user where there is one.
pub fn everywhere(test: impl Fn(&Sandbox)) {
    let sandbox = Sandbox::with_busybox();
    load(&sandbox);
    test(&sandbox);
    if met("rootless") {
        let sandbox = Sandbox::rootless().load_busybox();
        load(&sandbox);
        test(&sandbox);
    }
}
