//! Layers that reach out of their directory, unpacked by the whole program.

use crate::support::image::{Image, Layer};
use crate::support::{Finished, Sandbox, needs};

/// Loads a layer with one file of this name.
fn load(sandbox: &Sandbox, path: &str) -> Finished {
    let mut header = tar::Header::new_ustar();
    // The crate refuses such names; their bytes are written past it.
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(7);
    header.set_cksum();
    let archive = sandbox.path("work/hostile.tar");
    Image::new("hostile:latest").layer(Layer::new().raw(&header, b"escaped")).save(&archive);
    sandbox.run("load -q -i hostile.tar")
}

/// Files of that name in the store or the sandbox that are not within a layer.
fn outside(sandbox: &Sandbox) -> Vec<String> {
    let mut find = sandbox.other("find");
    find.arg(sandbox.path("")).args(["-name", "escaped-*", "-not", "-path", "*/diff/*"]);
    sandbox.finish(find, b"").stdout.lines().map(str::to_string).collect()
}

const NAMES: &[&str] =
    &["../escaped-1", "../../escaped-2", "../../../../../../tmp/escaped-3", "a/../../escaped-4", "/../escaped-5"];

/// S1, with the unpacker as it is started by `load`.
#[test]
fn entries_stay_in_their_layer() {
    needs![root];
    for guard in ["none", "store.layer.clean:off", "sys.path.resolve:off"] {
        let mut sandbox = Sandbox::new();
        // One guard is enough.
        sandbox.env("BARGE_TRIP", guard);
        for name in NAMES {
            let finished = load(&sandbox, name);
            assert!(finished.status == 125, "{guard}: {name} was taken: {finished}");
            assert_eq!(outside(&sandbox), Vec::<String>::new(), "{guard}: {name}");
        }
    }
}

/// The control: without both guards a file lands beside its layer; the third, the unpacker's own root, holds still.
#[test]
fn without_its_guards_an_entry_leaves_its_layer() {
    needs![root];
    let mut sandbox = Sandbox::new();
    sandbox.env("BARGE_TRIP", "store.layer.clean,sys.path.resolve:off");
    load(&sandbox, "../escaped-1").code(0).forget();
    let found = outside(&sandbox);
    assert_eq!(found.len(), 1, "the attack can not succeed, so it shows nothing: {found:?}");
    assert!(found[0].starts_with(&*sandbox.root().to_string_lossy()), "{found:?}");
    load(&sandbox, "../../../../../../../../../../var/tmp/escaped-6").forget();
    assert!(!std::path::Path::new("/var/tmp/escaped-6").exists());
    sandbox.run("rmi hostile").forget();
}
