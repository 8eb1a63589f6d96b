//! Two pulls at once.

use super::image;
use crate::support::fake::Fake;
use crate::support::{Sandbox, needs};

#[test]
fn the_same_blobs_are_downloaded_once() {
    needs![root];
    let sandbox = Sandbox::new();
    let fake = Fake::start();
    let made = fake.put("app", "1", &image(&[800_000, 900_000]));
    fake.put("app", "2", &image(&[800_000, 900_000, 700_000]));
    let running: Vec<_> = (0..8)
        .map(|number| {
            sandbox.spawn(&format!("pull -q --tls-verify=false {}", fake.image(&format!("app:{}", number % 2 + 1))))
        })
        .collect();
    for one in running {
        one.finish().code(0).forget();
    }
    for layer in &made.layers {
        let count = fake.seen().iter().filter(|seen| seen.gets(layer)).count();
        assert_eq!(count, 1, "{layer}");
    }
    sandbox.run(&format!("image exists {}", fake.image("app:1"))).ok().forget();
    sandbox.run(&format!("image exists {}", fake.image("app:2"))).ok().forget();
}
