//! The distribution protocol against a registry in this process that misbehaves.

mod bearer;
mod broken;
mod busy;
mod names;
mod platform;
mod proxy;
mod realm;
mod redirect;
mod shared;
mod slow;
mod upload;
mod wrong;

use crate::support::Sandbox;
use crate::support::image::{Image, Layer};

/// An image with layers of about so many bytes that don't compress.
pub fn image(sizes: &[usize]) -> Image {
    let mut image = Image::new("fake:1");
    for (number, size) in sizes.iter().enumerate() {
        let mut state = number as u64 + 1;
        let noise: Vec<u8> = (0..*size)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u8
            })
            .collect();
        image = image.layer(Layer::new().dir("data", 0o755).file(&format!("data/{number}"), 0o644, noise));
    }
    image
}

/// Nothing of an image is in the store: no record, no layer, no blob.
fn assert_empty(sandbox: &Sandbox) {
    sandbox.run("images -q -a").ok().stdout_is("");
    for dir in ["layers", "blobs", "staging"] {
        let path = sandbox.root().join(dir);
        let left: Vec<_> = std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}
